-- Grain: one carrier.
select
    fact.carrier,
    carrier.carrier_name,
    {{ delay_measures('fact') }}
from {{ ref('fct_flights') }} as fact
left join {{ ref('dim_carrier') }} as carrier on fact.carrier = carrier.carrier
group by fact.carrier, carrier.carrier_name
