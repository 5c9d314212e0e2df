-- Grain: one hour (UTC) at one airport of origin.
select
    origin,
    time_hour as weather_hour_utc,
    temp as temperature_f,
    humid as humidity_pct,
    wind_speed as wind_speed_mph,
    wind_gust as wind_gust_mph,
    precip as precipitation_in,
    pressure as pressure_mbar,
    visib as visibility_mi
from {{ source('raw', 'weather') }}
