-- Flights by day of the week (1 Monday … 7 Sunday) and scheduled hour of departure, carrier and airport. Delays in minutes.
select
  isodow(f.flight_date) as weekday,
  f.hour,
  f.carrier,
  f.origin,
  count(*) as flights,
  count(f.dep_delay) as departed,
  coalesce(sum(f.dep_delay), 0) as dep_delay_minutes
from fct_flights f
group by all
order by all
