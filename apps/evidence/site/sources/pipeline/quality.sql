-- What Great Expectations found in the last run that checked, one row an expectation. Blocking: a failure publishes no marts.
select
  table_name,
  number,
  expectation,
  coalesce(column_name, '') as column_name,
  severity = 'critical' as blocking,
  passed,
  coalesce(
    case when checked_rows is null then observed end,
    case when bad_rows = 0 then format('all {:,} rows meet it', checked_rows) end,
    format('{:,} of {:,} rows don''t', bad_rows, checked_rows),
    ''
  ) as observed,
  bad_rows,
  run_id,
  checked_at
from pipeline_quality
order by table_name, number
