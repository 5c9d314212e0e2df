-- Grain: one product that a customer put into the cart. Merged: a row is written when it is new or its version changed, so one
-- that arrives late, with an old time, isn't missed. Of the fact only key and version are read to find out.
{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='purchase_id',
        on_schema_change='append_new_columns',
        pre_hook="{{ delete_gone(this, ref('stg_purchases'), 'purchase_id') }}",
    )
}}

select
    purchases.purchase_id,
    purchases.product_id,
    purchases.customer_id,
    purchases.added_to_cart_at,
    purchases.purchased_at,
    purchases.returned_at,
    purchases.updated_at
from {{ ref('stg_purchases') }} as purchases
{% if is_incremental() %}
left join {{ this }} as merged on purchases.purchase_id = merged.purchase_id
where merged.purchase_id is null or merged.updated_at is distinct from purchases.updated_at
{% endif %}
