-- Flights by the weather of the scheduled hour at the airport of departure, and by month. Wind in miles an hour, visibility in
-- miles, each in steps; delays in minutes; late: arrived 15 minutes or more behind schedule.
select
  coalesce(w.weather_condition, 'unknown') as condition,
  least(floor(w.wind_speed_mph / 5) * 5, 30)::integer as wind_from,
  case when w.visibility_mi < 1 then 0 when w.visibility_mi < 3 then 1 when w.visibility_mi < 6 then 3
    when w.visibility_mi < 10 then 6 when w.visibility_mi >= 10 then 10 end::integer as visibility_from,
  f.origin,
  date_trunc('month', f.flight_date)::date as month,
  count(*) as flights,
  count(f.dep_delay_min) as departed,
  count(f.arr_delay_min) as arrived,
  coalesce(sum(f.dep_delay_min), 0) as dep_delay_minutes,
  coalesce(sum(f.arr_delay_min), 0) as arr_delay_minutes,
  count(*) filter (where f.arr_delay_min >= 15) as late
from fct_flights f
left join dim_weather_hourly w on w.origin = f.origin and w.weather_hour_utc = f.weather_hour_utc
group by all
order by all
