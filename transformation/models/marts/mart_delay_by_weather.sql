-- Grain: one weather condition at the airport of origin in the scheduled hour; 'unknown' where no weather was recorded.
select
    coalesce(weather.weather_condition, 'unknown') as weather_condition,
    {{ delay_measures('fact') }}
from {{ ref('fct_flights') }} as fact
left join {{ ref('dim_weather_hourly') }} as weather
    on fact.origin = weather.origin
    and fact.weather_hour_utc = weather.weather_hour_utc
group by coalesce(weather.weather_condition, 'unknown')
