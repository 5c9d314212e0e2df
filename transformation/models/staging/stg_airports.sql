-- Grain: one airport.
select
    faa as airport,
    name as airport_name,
    lat as latitude_deg,
    lon as longitude_deg,
    cast(alt as integer) as altitude_ft,
    tzone as time_zone
from {{ source('raw', 'airports') }}
