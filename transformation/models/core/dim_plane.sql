-- Grain: one aircraft, those that fly without being in the registry's extract included.
with seen as (
    select tailnum from {{ ref('stg_planes') }}
    union
    select tailnum from {{ ref('stg_flights') }} where tailnum is not null
)

select
    seen.tailnum,
    planes.built_year,
    planes.plane_type,
    planes.manufacturer,
    planes.model,
    planes.engines,
    planes.seats,
    planes.engine_type,
    planes.tailnum is not null as is_described
from seen
left join {{ ref('stg_planes') }} as planes on seen.tailnum = planes.tailnum
