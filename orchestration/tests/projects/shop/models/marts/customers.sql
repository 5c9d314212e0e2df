with tickets as (
    -- a source that the stack doesn't load
    select customer, count(*) as tickets from {{ source('helpdesk', 'tickets') }} group by all
),

orders as (
    select customer_id, count(*) as orders, sum(amount) as spent from {{ ref('orders') }} group by all
)

select
    customers.customer_id,
    customers.customer_name,
    coalesce(orders.orders, 0) as orders,
    coalesce(orders.spent, 0) as spent,
    coalesce(tickets.tickets, 0) as tickets
from {{ ref('stg_customers') }} as customers
left join orders on customers.customer_id = orders.customer_id
left join tickets on customers.customer_id = tickets.customer
