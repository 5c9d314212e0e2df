{#
  The days whose rows in `candidate` differ from those in `existing`: new, corrected, or with rows gone. Comparing content
  finds a correction however old it is, which a fixed look-back window can't.

  candidate, existing: relations or CTEs with the same columns; day: their date column; columns: what is compared.
#}
{% macro days_to_rebuild(candidate, existing, day, columns) %}
    select coalesce(candidate_day.{{ day }}, existing_day.{{ day }}) as {{ day }}
    from ({{ day_fingerprints(candidate, day, columns) }}) as candidate_day
    full outer join ({{ day_fingerprints(existing, day, columns) }}) as existing_day
        on candidate_day.{{ day }} = existing_day.{{ day }}
    where candidate_day.fingerprint is distinct from existing_day.fingerprint
        or candidate_day.row_count is distinct from existing_day.row_count
{% endmacro %}

{% macro day_fingerprints(relation, day, columns) %}
    select {{ day }}, count(*) as row_count, sum(hash({{ columns | join(', ') }})) as fingerprint
    from {{ relation }}
    group by {{ day }}
{% endmacro %}
