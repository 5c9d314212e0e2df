{#
  The source's table, or, when it never came, an empty relation with its columns, so that what reads it builds as well.
  A source may be missing for good reason: GitHub was never reached, a connector isn't set up.

  columns: name -> type, types that every engine knows. Use it as a relation: from {{ source_or_empty('raw', 'orders', {...}) }}
#}
{% macro source_or_empty(source_name, table_name, columns) -%}
  {%- set relation = source(source_name, table_name) -%}
  {%- if execute and not relation.is_cte and load_relation(relation) is none -%}
    (
      select
      {%- for name, type in columns.items() %}
        cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
      {%- endfor %}
      where 1 = 0
    ) as {{ table_name }}
  {%- else -%}
    {{ relation }}
  {%- endif -%}
{%- endmacro %}
