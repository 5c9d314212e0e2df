-- The steps of those runs, in the order in which they began. Seconds; what is still running has none.
select
  run_id,
  number,
  step,
  status,
  date_diff('millisecond', started_at, ended_at) / 1000 as seconds,
  attempts,
  note
from pipeline_steps
order by run_id, number
