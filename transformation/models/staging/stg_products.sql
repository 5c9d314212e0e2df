-- Grain: one product, which is a car.
select
    cast(id as bigint) as product_id,
    make,
    model,
    cast(year as integer) as model_year,
    cast(price as double) as price_usd,
    cast(updated_at as timestamp) as updated_at
from {{ source_or_empty('raw_airbyte', 'products', {
    'id': 'bigint', 'make': 'varchar', 'model': 'varchar', 'year': 'bigint', 'price': 'double',
    'created_at': 'timestamp', 'updated_at': 'timestamp',
}) }}
