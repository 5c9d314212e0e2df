-- The pipeline's last runs, newest first. The one that published this snapshot was still at it: its end is that
-- moment, its snapshot and rows aren't known. Times are UTC.
select run_id, job, started_by, status, started_at, ended_at, failed_step, snapshot, rows
from pipeline_runs
order by started_at desc
