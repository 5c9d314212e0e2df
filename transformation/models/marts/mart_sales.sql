-- Grain: one make and one month of purchase.
select
    products.make,
    cast({{ dbt.date_trunc('month', 'purchases.purchased_at') }} as date) as month,
    count(*) as orders,
    count(purchases.returned_at) as returns,
    round(cast(sum(products.price_usd) as double), 2) as revenue_usd,
    round(cast(sum(case when purchases.returned_at is null then products.price_usd else 0 end) as double), 2) as net_revenue_usd
from {{ ref('fct_purchases') }} as purchases
inner join {{ ref('stg_products') }} as products on purchases.product_id = products.product_id
where purchases.purchased_at is not null
group by products.make, cast({{ dbt.date_trunc('month', 'purchases.purchased_at') }} as date)
