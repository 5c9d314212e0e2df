-- Arrivals by how late they were, carrier and airport of departure.
select
  f.carrier,
  coalesce(c.carrier_name, f.carrier) as carrier_name,
  f.origin,
  case
    when f.arr_delay_min <= 0 then 1
    when f.arr_delay_min < 15 then 2
    when f.arr_delay_min < 60 then 3
    when f.arr_delay_min < 120 then 4
    else 5
  end as step,
  ['Early', 'Under 15 min', '15–59 min', '1–2 hours', 'Over 2 hours'][step] as lateness,
  count(*) as arrivals
from fct_flights f
left join dim_carrier c on c.carrier = f.carrier
where f.arr_delay_min is not null
group by all
order by all
