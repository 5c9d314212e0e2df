-- The weather joins to flights by origin and hour: a second row for an hour would double flights.
select origin, weather_hour_utc, count(*) as row_count
from {{ ref('stg_weather') }}
group by origin, weather_hour_utc
having count(*) > 1
