-- Grain: one hour (UTC) at one airport of origin.
select
    concat_ws('-', origin, {{ hour_text('weather_hour_utc') }}) as weather_id,
    *,
    case
        when precipitation_in > 0 and temperature_f <= 32 then 'snow or ice'
        when precipitation_in > 0 then 'rain'
        when visibility_mi < 3 then 'low visibility'
        when wind_speed_mph >= 20 then 'windy'
        else 'fair'
    end as weather_condition
from {{ ref('stg_weather') }}
