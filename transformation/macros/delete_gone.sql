{#
  Deletes from an incremental model what its source no longer has at all: neither `delete+insert` nor `merge` does, so that a
  full refresh would give another table. For a pre_hook; empty, and so left out, when the model is built anew.

  existing: the model's table; source: relation; key: column of both.
#}
{% macro delete_gone(existing, source, key) %}
    {%- if is_incremental() -%}
    delete from {{ existing }} where {{ key }} not in (select {{ key }} from {{ source }} where {{ key }} is not null)
    {%- endif -%}
{% endmacro %}
