-- Flights by day of the week (1 Monday … 7 Sunday) and scheduled hour of departure, carrier and airport. Delays in minutes.
select
  isodow(f.flight_date) as weekday,
  left(dayname(f.flight_date), 3) as day,
  f.sched_dep_hour as hour,
  f.carrier,
  f.origin,
  count(*) as flights,
  count(f.dep_delay_min) as departed,
  coalesce(sum(f.dep_delay_min), 0) as dep_delay_minutes
from fct_flights f
group by all
order by all
