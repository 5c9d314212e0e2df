"""What the assets have in common."""

from datetime import timedelta

from dagster import Backoff, FreshnessPolicy, Jitter, OpExecutionContext, RetryPolicy

OWNERS = ["team:data"]

RETRY = RetryPolicy(max_retries=2, delay=2, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)
"""For faults that pass: a network, a server that restarts. A user's error isn't retried (`failing_clearly`)."""

SOURCE = {"dagster/priority": "10"}
"""Tags of what loads a source: such steps go first, so that dbt, which may find nothing new, comes after all of them."""

OUTCOME_TAG = "stack/outcome"
"""Tag of a run that found nothing to do; its value is NOTHING_NEW."""
NOTHING_NEW = "nothing new"

SNAPSHOT_TAG = "stack/snapshot"
"""Of a run that published: the snapshot's id, which readers name once they serve it."""
WRITTEN = "written"
"""Metadata of an asset that stands for several tables: which of them (`schema.table`) the run has written."""

ROWS_TAG = "stack/rows"
"""Of a run that published: the rows of all tables of its snapshot."""


def note(context: OpExecutionContext, text: str) -> None:
    """Says in a few words what the step found new: a tag of the run, which `make pipeline` shows beside the step."""
    context.instance.add_run_tags(context.run_id, {f"stack/{context.op.name}": text})


def daily() -> FreshnessPolicy:
    """The pipeline runs once a day: half a day late is a warning, a whole day a failure."""
    return FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=36))
