-- Flights by day, carrier and airport of departure: small enough for the browser (some 12,000 rows a year) and enough
-- for every headline, line and bar. Sums rather than averages, so that a page can group them again.
-- Delays in minutes; late: arrived 15 minutes or more behind schedule (the US Department of Transportation's measure).
select
  f.flight_date,
  f.carrier,
  coalesce(c.carrier_name, f.carrier) as carrier_name,
  f.origin,
  count(*) as flights,
  count(f.dep_delay_min) as departed,
  count(f.arr_delay_min) as arrived,
  coalesce(sum(f.dep_delay_min), 0) as dep_delay_minutes,
  coalesce(sum(f.arr_delay_min), 0) as arr_delay_minutes,
  count(*) filter (where f.arr_delay_min >= 15) as late
from fct_flights f
left join dim_carrier c on c.carrier = f.carrier
group by all
order by f.flight_date, f.carrier, f.origin
