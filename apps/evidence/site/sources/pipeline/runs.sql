-- The pipeline's last runs, newest first. The one that published this snapshot was still at it: no end, no rows. Times are UTC.
select run_id, job, started_by, status, started_at, ended_at, failed_step, snapshot, rows
from pipeline_runs
order by started_at desc
