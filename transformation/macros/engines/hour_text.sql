{# A timestamp's date and hour as text: 20130131T05. #}
{% macro hour_text(timestamp) -%}
  {{ return(adapter.dispatch('hour_text', 'flights')(timestamp)) }}
{%- endmacro %}

{% macro default__hour_text(timestamp) -%}
  to_char(cast({{ timestamp }} as timestamp), 'YYYYMMDD"T"HH24')
{%- endmacro %}

{% macro duckdb__hour_text(timestamp) -%}
  strftime({{ timestamp }}, '%Y%m%dT%H')
{%- endmacro %}
