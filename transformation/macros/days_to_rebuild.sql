{#
  The days whose rows in `candidate` differ from those in `existing`: new, corrected, or with rows gone. Comparing content
  finds a correction however old it is, which a fixed look-back window can't.

  candidate: relation or CTE; existing: a table; day: their date column; columns: what is compared. A column that the table
  doesn't have yet is left out: on_schema_change then says what to do about it.
#}
{% macro days_to_rebuild(candidate, existing, day, columns) %}
    {%- set there = adapter.get_columns_in_relation(existing) | map(attribute='name') | map('lower') | list -%}
    {%- set compared = columns | select('in', there) | list -%}
    select coalesce(candidate_day.{{ day }}, existing_day.{{ day }}) as {{ day }}
    from ({{ day_fingerprints(candidate, day, compared) }}) as candidate_day
    full outer join ({{ day_fingerprints(existing, day, compared) }}) as existing_day
        on candidate_day.{{ day }} = existing_day.{{ day }}
    where candidate_day.fingerprint is distinct from existing_day.fingerprint
        or candidate_day.row_count is distinct from existing_day.row_count
{% endmacro %}

{% macro day_fingerprints(relation, day, columns) %}
    select {{ day }}, count(*) as row_count, sum(hash({{ columns | join(', ') }})) as fingerprint
    from {{ relation }}
    group by {{ day }}
{% endmacro %}
