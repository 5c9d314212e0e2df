{# The date of three whole numbers. #}
{% macro date_from_parts(year, month, day) -%}
  {{ return(adapter.dispatch('date_from_parts', 'flights')(year, month, day)) }}
{%- endmacro %}

{% macro default__date_from_parts(year, month, day) -%}
  date_from_parts({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}

{% macro duckdb__date_from_parts(year, month, day) -%}
  make_date(cast({{ year }} as int), cast({{ month }} as int), cast({{ day }} as int))
{%- endmacro %}
