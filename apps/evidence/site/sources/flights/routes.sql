-- Flights by route, carrier and month (its first day). Delays in minutes, distance in miles; late: 15 minutes or more behind
-- schedule.
select
  f.origin,
  coalesce(o.airport_name, f.origin) as origin_name,
  f.dest,
  coalesce(a.airport_name, f.dest) as dest_name,
  f.carrier,
  coalesce(c.carrier_name, f.carrier) as carrier_name,
  date_trunc('month', f.flight_date)::date as month,
  any_value(f.distance_miles) as distance_miles,
  count(*) as flights,
  count(f.dep_delay_min) as departed,
  count(f.arr_delay_min) as arrived,
  coalesce(sum(f.dep_delay_min), 0) as dep_delay_minutes,
  coalesce(sum(f.arr_delay_min), 0) as arr_delay_minutes,
  count(*) filter (where f.arr_delay_min >= 15) as late
from fct_flights f
left join dim_airport o on o.airport = f.origin
left join dim_airport a on a.airport = f.dest
left join dim_carrier c on c.carrier = f.carrier
group by all
order by f.origin, f.dest, month, f.carrier
