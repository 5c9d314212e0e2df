-- Grain: one scheduled departure. Only names and types change here.
with source as (
    select * from {{ source('raw', 'flights') }}
),

timed as (
    select
        *,
        make_date(cast(year as int), cast(month as int), cast(day as int)) as flight_date
    from source
)

select
    -- unique in the source: a carrier uses a number once a day, airport and scheduled minute
    concat_ws(
        '-', flight_date, carrier, flight, origin, lpad(cast(sched_dep_time as varchar), 4, '0')
    ) as flight_id,
    flight_date,
    carrier,
    cast(flight as integer) as flight_number,
    tailnum,
    origin,
    dest,
    cast(hour as integer) as sched_dep_hour,
    cast(flight_date as timestamp) + to_minutes(cast(hour * 60 + minute as int)) as sched_dep_at,
    time_hour as weather_hour_utc,
    cast(dep_delay as integer) as dep_delay_min,
    cast(arr_delay as integer) as arr_delay_min,
    cast(air_time as integer) as air_time_min,
    cast(distance as integer) as distance_miles,
    dep_time is null as is_cancelled,
    dep_time is not null and air_time is null as is_diverted
from timed
