-- Each mart partitions the fact: its flights add up to the fact's rows. A join that drops or doubles rows shows here.
{{ config(meta={'dagster': {'ref': {'name': 'fct_flights'}}}) }}

with counted as (
    {% for mart in ['mart_delay_by_carrier', 'mart_delay_by_route', 'mart_delay_by_hour', 'mart_delay_by_weather'] %}
    select '{{ mart }}' as mart, sum(flights) as flights from {{ ref(mart) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from counted
where flights is distinct from (select count(*) from {{ ref('fct_flights') }})
