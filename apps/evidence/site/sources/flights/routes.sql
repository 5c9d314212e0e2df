-- Flights by route and carrier. Delays in minutes, distance in miles; late: 15 minutes or more behind schedule.
select
  f.origin,
  f.dest,
  coalesce(a.airport_name, f.dest) as dest_name,
  f.carrier,
  any_value(f.distance_miles) as distance_miles,
  count(*) as flights,
  count(f.arr_delay_min) as arrived,
  coalesce(sum(f.arr_delay_min), 0) as arr_delay_minutes,
  count(*) filter (where f.arr_delay_min >= 15) as late
from fct_flights f
left join dim_airport a on a.airport = f.dest
group by all
order by f.origin, f.dest, f.carrier
