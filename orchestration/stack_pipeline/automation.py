"""What starts runs by itself: the daily schedule, and sensors for the inbox and for failures."""

import json
import logging
import os
from datetime import UTC, datetime

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    EventLogEntry,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset_sensor,
    define_asset_job,
    run_failure_sensor,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import RUN_KEY_TAG

from stack_pipeline.ingestion.assets import DAYS, FLIGHTS, GITHUB, INBOX
from stack_pipeline.publish.sinks import GROUP, SNAPSHOT
from stack_pipeline.settings import Settings

SINKS = AssetSelection.groups(GROUP)

TRIES = 3
"""Runs for the same new files, when they fail."""
ATTEMPT_TAG = "stack/attempt"
FIRST_KEY_TAG = "stack/first_run_key"
TOLD_TAG = "stack/told"
"""When a failed run was told: the daemon may die before Dagster notes how far its sensor got, and asks again then."""

_log = logging.getLogger("stack_pipeline.automation")

pipeline = define_asset_job(
    "pipeline",
    AssetSelection.all() - SINKS - AssetSelection.assets(DAYS),
    description="Load every source, build and test the models, publish a snapshot to the readers.",
)

inbox_job = define_asset_job(
    "inbox",
    AssetSelection.assets(INBOX, SNAPSHOT),
    description="Load the inbox's new files and publish their tables; the marts stay those of the snapshot before.",
)

github_job = define_asset_job(
    "github",
    AssetSelection.assets(GITHUB).downstream() - SINKS,
    description="Load the new releases, build what depends on them, publish.",
)

days_job = define_asset_job(
    "flight_days",
    AssetSelection.assets(DAYS).downstream() - SINKS | AssetSelection.checks_for_assets(FLIGHTS),
    description="Load some days of the flights again, build and test what depends on them, publish.",
)

sinks_job = define_asset_job(
    "sinks",
    SINKS,
    description="Bring the newest snapshot to PostgreSQL and tell the catalogue: after each publish, beside the pipeline.",
)

every_day = ScheduleDefinition(
    name="every_day",
    job=pipeline,
    cron_schedule=os.environ.get("PIPELINE_CRON") or "0 6 * * *",
    default_status=DefaultScheduleStatus.RUNNING,
    description="The whole pipeline, at six in the morning (UTC) unless PIPELINE_CRON says otherwise.",
)


def define_inbox_sensor(settings: Settings) -> SensorDefinition:
    """Starts the job `inbox` when files are new and no longer growing."""

    @sensor(
        name="new_inbox_file",
        job=inbox_job,
        minimum_interval_seconds=5,
        default_status=DefaultSensorStatus.RUNNING,
        description="A file in data/inbox that is new or changed, and the same at two looks.",
    )
    def new_inbox_file(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        from stack_pipeline.inbox.files import find_files

        seen: dict[str, list[int]] = json.loads(context.cursor or "{}")
        now = {file.name: [file.size, file.modified] for file in find_files(settings.inbox)}
        # a third value marks what a run was requested for
        requested = {name: state for name, state in seen.items() if len(state) == 3 and now.get(name) == state[:2]}
        fresh = {name: state for name, state in now.items() if name not in requested}
        # those that grow wait; the others don't wait for them
        still = {name: state for name, state in fresh.items() if seen.get(name) == state}
        growing = {name: state for name, state in fresh.items() if name not in still}
        cursor = json.dumps(requested | growing | {name: [*state, 1] for name, state in still.items()})
        if still:
            return SensorResult(run_requests=[RunRequest(run_key=json.dumps(still, sort_keys=True))], cursor=cursor)
        if again := _again(context, inbox_job.name):
            return SensorResult(run_requests=[again], cursor=cursor)
        if growing:
            return SensorResult(skip_reason=f"looking again whether it grows: {', '.join(sorted(growing))}", cursor=cursor)
        return SensorResult(skip_reason="no new file", cursor=cursor)

    return new_inbox_file


def _again(context: SensorEvaluationContext, job: str) -> RunRequest | None:
    """The job's last run once more if it failed (its process was killed, the disk was full), as long as there are tries left."""
    runs = context.instance.get_runs(RunsFilter(job_name=job), limit=1)
    if not runs or runs[0].status != DagsterRunStatus.FAILURE or not (key := runs[0].tags.get(RUN_KEY_TAG)):
        return None
    attempt = int(runs[0].tags.get(ATTEMPT_TAG, "1")) + 1
    if attempt > TRIES:
        return None
    first = runs[0].tags.get(FIRST_KEY_TAG, key)
    return RunRequest(run_key=f"{first} try {attempt}", tags={ATTEMPT_TAG: str(attempt), FIRST_KEY_TAG: first})


def define_github_sensor(settings: Settings) -> SensorDefinition:
    """Starts the job `github` when a repository has a release that wasn't there at the last look."""

    @sensor(
        name="new_github_release",
        job=github_job,
        minimum_interval_seconds=600,
        default_status=DefaultSensorStatus.RUNNING,
        description="A new release of a repository in orchestration/github.yml; asked every ten minutes.",
    )
    def new_github_release(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        from stack_pipeline.ingestion.github import GitHub, find_new, repositories

        cursor: dict[str, str] = json.loads(context.cursor or "{}")
        known = {name: datetime.fromisoformat(at) for name, at in cursor.items()}
        github = GitHub.from_env(settings.warehouse.parent, "sensor")
        found = find_new(github, repositories(settings.github), known)
        newest = {one["repository"]: one["published_at"] for one in sorted(found.releases, key=lambda one: one["published_at"])}
        if not newest:
            return SensorResult(skip_reason="; ".join(found.problems) or "no new release", cursor=context.cursor)
        github.remember(found.tags)
        key = json.dumps(newest, sort_keys=True)
        return SensorResult(run_requests=[RunRequest(run_key=key)], cursor=json.dumps(cursor | newest))

    return new_github_release


@asset_sensor(
    asset_key=SNAPSHOT,
    job=sinks_job,
    name="new_snapshot",
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="A snapshot was published.",
)
def new_snapshot(_: SensorEvaluationContext, event: EventLogEntry) -> RunRequest:
    """One run a publish."""
    return RunRequest(run_key=event.run_id)


@run_failure_sensor(
    name="run_failed",
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Tells the address in ALERT_WEBHOOK_URL (Slack's form), if there is one, and the daemon's log.",
)
def run_failed(context: RunFailureSensorContext) -> None:
    """One message a failed run; two only if the daemon dies after the message and before the run's tag."""
    from stack_pipeline.alerts import send

    run = context.dagster_run
    record = context.instance.get_run_by_id(run.run_id)
    if record and TOLD_TAG in record.tags:
        return
    steps = "; ".join(
        f"{event.step_key}: {event.event_specific_data.error_display_string.splitlines()[0]}"
        for event in context.get_step_failure_events()
    )
    text = f"The run {run.job_name} ({run.run_id[:8]}) failed: {steps or context.failure_event.message}"
    _log.error(text)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    if send(text, {"run": run.run_id, "job": run.job_name, "at": at}):
        context.instance.add_run_tags(run.run_id, {TOLD_TAG: at})


JOBS: list[UnresolvedAssetJobDefinition] = [pipeline, inbox_job, github_job, days_job, sinks_job]
