-- Grain: one product that a customer put into the cart; bought and returned have a time when they happened.
select
    cast(id as bigint) as purchase_id,
    cast(product_id as bigint) as product_id,
    cast(user_id as bigint) as customer_id,
    cast(added_to_cart_at as timestamp) as added_to_cart_at,
    cast(purchased_at as timestamp) as purchased_at,
    cast(returned_at as timestamp) as returned_at,
    cast(updated_at as timestamp) as updated_at
from {{ source_or_empty('raw_airbyte', 'purchases', {
    'id': 'bigint', 'product_id': 'bigint', 'user_id': 'bigint', 'added_to_cart_at': 'timestamp',
    'purchased_at': 'timestamp', 'returned_at': 'timestamp', 'created_at': 'timestamp', 'updated_at': 'timestamp',
}) }}
