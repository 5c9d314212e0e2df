-- Flights by route and scheduled hour of departure. Delays in minutes.
select
  origin,
  dest,
  sched_dep_hour as hour,
  count(*) as flights,
  count(dep_delay_min) as departed,
  coalesce(sum(dep_delay_min), 0) as dep_delay_minutes
from fct_flights
group by all
order by all
