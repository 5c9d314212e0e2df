"""What a snapshot tells about the pipeline itself: its last runs and their steps, from Dagster's storage.

They go to the warehouse's schema `stack_pipeline`, which is published as it is; so do the results of Great Expectations.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from stack_pipeline.common import OUTCOME_TAG, ROWS_TAG, SNAPSHOT_TAG
from stack_pipeline.quality.validation import prepare_results
from stack_pipeline.warehouse import connect, transaction

LAST = 40
"""Runs that are told of; each takes some milliseconds of the publish."""

_STATUSES = {
    DagsterRunStatus.SUCCESS: "succeeded",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "canceled",
    DagsterRunStatus.CANCELING: "canceled",
}

_TABLES = {
    "runs": "run_id varchar, job varchar, started_by varchar, status varchar, started_at timestamp, ended_at timestamp,"
    " failed_step varchar, snapshot varchar, rows bigint",
    "steps": "run_id varchar, number integer, step varchar, status varchar, started_at timestamp, ended_at timestamp,"
    " attempts integer, note varchar",
}


def keep_history(warehouse: Path, instance: DagsterInstance, run_id: str) -> None:
    """Replaces `stack_pipeline.runs` and `stack_pipeline.steps` by the last runs; the caller holds the warehouse's lease.

    run_id: the run that is about to publish them. Its status is `publishing`, its end is now, its snapshot and rows aren't known
    yet. Times are UTC.
    """
    begun = RunsFilter(statuses=[DagsterRunStatus.STARTED, *_STATUSES])
    records = [one for one in instance.get_run_records(begun, limit=LAST) if one.start_time is not None]
    steps = {one.dagster_run.run_id: _steps(instance, one.dagster_run) for one in records}
    rows = {
        "runs": [_run(one, steps[one.dagster_run.run_id], run_id) for one in records],
        "steps": [step for of_run in steps.values() for step in of_run],
    }
    with connect(warehouse) as connection, transaction(connection):
        prepare_results(connection)
        for name, columns in _TABLES.items():
            connection.execute(f"create or replace table stack_pipeline.{name} ({columns})")
            if rows[name]:
                values = ", ".join("?" * len(rows[name][0]))
                connection.executemany(f"insert into stack_pipeline.{name} values ({values})", rows[name])


def _run(record: RunRecord, steps: list[tuple], publishing: str) -> tuple:
    run = record.dagster_run
    status, ended = _STATUSES.get(run.status, "running"), record.end_time
    if run.run_id == publishing:
        status, ended = "publishing", time.time()
    elif status == "succeeded":
        status = run.tags.get(OUTCOME_TAG, status)
    failed = next((step[2] for step in steps if step[3] == "failed"), None)
    rows = run.tags.get(ROWS_TAG)
    return (
        run.run_id, run.job_name, _started_by(run), status, _time(record.start_time), _time(ended),
        failed, run.tags.get(SNAPSHOT_TAG), int(rows) if rows else None,
    )  # fmt: skip


def _started_by(run: DagsterRun) -> str:
    for kind, tag in (("schedule", SCHEDULE_NAME_TAG), ("sensor", SENSOR_NAME_TAG)):
        if name := run.tags.get(tag):
            return f"{kind} {name}"
    return "hand"


def _steps(instance: DagsterInstance, run: DagsterRun) -> list[tuple]:
    """In the order in which they began; those that never did, last."""
    stats = sorted(instance.get_run_step_stats(run.run_id), key=lambda one: one.start_time or float("inf"))
    return [
        (
            run.run_id, number, one.step_key, _step_status(one), _time(one.start_time), _time(one.end_time), one.attempts,
            run.tags.get(f"stack/{one.step_key}"),
        )
        for number, one in enumerate(stats, 1)
    ]  # fmt: skip


def _step_status(step: object) -> str:
    status = getattr(step, "status", None)
    return {"SUCCESS": "succeeded", "FAILURE": "failed", "SKIPPED": "skipped"}.get(getattr(status, "value", ""), "running")


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) if seconds else None
