select 1 from {{ ref('customers') }} having sum(spent) <> (select sum(amount) from {{ ref('orders') }})
