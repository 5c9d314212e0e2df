-- Grain: one airport, those that flights name without being described included (four in Puerto Rico and the Virgin Islands).
with seen as (
    select airport from {{ ref('stg_airports') }}
    union
    select origin from {{ ref('stg_flights') }}
    union
    select dest from {{ ref('stg_flights') }}
)

select
    seen.airport,
    coalesce(airports.airport_name, seen.airport) as airport_name,
    airports.latitude_deg,
    airports.longitude_deg,
    airports.altitude_ft,
    airports.time_zone,
    airports.airport is not null as is_described
from seen
left join {{ ref('stg_airports') }} as airports on seen.airport = airports.airport
