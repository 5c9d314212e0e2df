select id as order_id, customer as customer_id, ordered_at, cents / 100.0 as amount from {{ ref('raw_orders') }}
