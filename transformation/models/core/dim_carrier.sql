-- Grain: one carrier, those that fly without being described included.
select
    seen.carrier,
    coalesce(airlines.carrier_name, seen.carrier) as carrier_name,
    carrier_groups.carrier_type,
    carrier_groups.alliance,
    airlines.carrier is not null as is_described
from (
    select carrier from {{ ref('stg_airlines') }}
    union
    select carrier from {{ ref('stg_flights') }}
) as seen
left join {{ ref('stg_airlines') }} as airlines on seen.carrier = airlines.carrier
left join {{ ref('carrier_groups') }} as carrier_groups on seen.carrier = carrier_groups.carrier
