-- Grain: one pair of airports, origin and destination.
select
    fact.origin || '-' || fact.dest as route,
    fact.origin,
    fact.dest,
    origin.airport_name as origin_name,
    dest.airport_name as dest_name,
    min(fact.distance_miles) as distance_miles,
    {{ delay_measures('fact') }}
from {{ ref('fct_flights') }} as fact
left join {{ ref('dim_airport') }} as origin on fact.origin = origin.airport
left join {{ ref('dim_airport') }} as dest on fact.dest = dest.airport
group by fact.origin, fact.dest, origin.airport_name, dest.airport_name
