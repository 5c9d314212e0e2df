-- Grain: one scheduled departure. Only names and types change here.
with source as (
    select * from {{ source('raw', 'flights') }}
),

timed as (
    select
        *,
        {{ date_from_parts('year', 'month', 'day') }} as flight_date
    from source
)

select
    -- unique in the source: a carrier uses a number once a day, airport and scheduled minute
    concat_ws(
        '-',
        cast(flight_date as varchar),
        carrier,
        cast(cast(flight as integer) as varchar),
        origin,
        lpad(cast(cast(sched_dep_time as integer) as varchar), 4, '0')
    ) as flight_id,
    flight_date,
    carrier,
    cast(flight as integer) as flight_number,
    tailnum,
    origin,
    dest,
    cast(hour as integer) as sched_dep_hour,
    cast({{ dbt.dateadd('minute', 'hour * 60 + minute', 'cast(flight_date as timestamp)') }} as timestamp) as sched_dep_at,
    time_hour as weather_hour_utc,
    cast(dep_delay as integer) as dep_delay_min,
    cast(arr_delay as integer) as arr_delay_min,
    cast(air_time as integer) as air_time_min,
    cast(distance as integer) as distance_miles,
    dep_time is null as is_cancelled,
    dep_time is not null and air_time is null as is_diverted
from timed
