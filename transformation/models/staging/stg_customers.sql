-- Grain: one customer. What identifies a person (name, e-mail, telephone, address) stays in the raw table.
select
    cast(id as bigint) as customer_id,
    cast(age as integer) as age,
    gender,
    language,
    nationality,
    occupation,
    cast(created_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at
from {{ source_or_empty('raw_airbyte', 'users', {
    'id': 'bigint', 'created_at': 'timestamp', 'updated_at': 'timestamp', 'name': 'varchar', 'title': 'varchar',
    'age': 'bigint', 'email': 'varchar', 'telephone': 'varchar', 'gender': 'varchar', 'language': 'varchar',
    'academic_degree': 'varchar', 'nationality': 'varchar', 'occupation': 'varchar', 'height': 'varchar',
    'blood_type': 'varchar', 'weight': 'bigint', 'address': 'varchar',
}) }}
