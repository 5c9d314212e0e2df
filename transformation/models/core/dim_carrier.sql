-- Grain: one carrier, those that fly without being described included.
select
    seen.carrier,
    coalesce(airlines.carrier_name, seen.carrier) as carrier_name,
    airlines.carrier is not null as is_described
from (
    select carrier from {{ ref('stg_airlines') }}
    union
    select carrier from {{ ref('stg_flights') }}
) as seen
left join {{ ref('stg_airlines') }} as airlines on seen.carrier = airlines.carrier
