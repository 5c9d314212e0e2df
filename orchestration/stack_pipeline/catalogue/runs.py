"""The sensor that tells the catalogue of each run that has ended, whatever became of it.

`make_datahub_sensor` of DataHub's plugin isn't used as it is, only what it tells with (tell_runs.py): it keeps DataHub's client in
the code server (65 MB), takes a run for told when the catalogue was away, and gives up on runs with steps that never began.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RepositoryDefinition,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from stack_pipeline.catalogue.naming import dbt_engine, duckdb_file
from stack_pipeline.catalogue.program import NotToldError, check_answers, tell
from stack_pipeline.ingestion.assets import DAYS, FLIGHTS, IN_SNOWFLAKE, INBOX
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest

MOST = 10
"""Runs of each outcome that one tick tells of."""
TIMEOUT = 50
"""Seconds of the program; Dagster gives a sensor sixty."""
WAIT = 600
"""Seconds for which a run isn't told of while others go on, which it would take the processor from."""

_ENDS = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)


@dataclass(frozen=True)
class Ended:
    """Runs that have ended. since: when the first of them did, seconds since 1970. cursor: what comes after them."""

    runs: list[str]
    since: float
    cursor: str


def define_run_sensor(settings: Settings) -> SensorDefinition | None:
    """The sensor; None where no catalogue is named (DATAHUB_GMS_URL)."""
    if not os.environ.get("DATAHUB_GMS_URL"):
        return None

    @sensor(
        name="ended_runs",
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Tells the catalogue of runs that have ended, of what their tests found, and of how published tables are used.",
    )
    def ended_runs(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        ended = find_ended(context.instance, context.cursor)
        if not ended.runs:
            return SkipReason("no run has ended")
        if time.time() - ended.since < WAIT and context.instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
            return SkipReason("waiting for the runs that go on")
        assert context.repository_def
        try:
            check_answers()
            told = tell("stack_pipeline.catalogue.tell_runs", describe(settings, context.repository_def, ended.runs), TIMEOUT)
        except NotToldError as error:
            return SkipReason(f"{error}; trying again")
        for run, problem in told["problems"].items():
            context.log.error(f"The catalogue can't be told of {run}: {problem}")
        return SensorResult(skip_reason=f"told of {len(ended.runs)} runs, {told['written']} aspects", cursor=ended.cursor)

    return ended_runs


def find_ended(instance: DagsterInstance, cursor: str | None) -> Ended:
    """Runs that have ended since the cursor, the oldest of each outcome first, and at most MOST of each."""
    cursors: dict[str, str] = json.loads(cursor or "{}")
    runs: list[str] = []
    since = float("inf")
    for kind in _ENDS:
        found = instance.fetch_run_status_changes(kind, MOST, cursors.get(kind.value), ascending=True)
        if found.records:
            cursors[kind.value] = found.cursor
            since = min(since, found.records[0].timestamp)
            runs += [one.run_id for one in found.records]
    return Ended(runs, since, json.dumps(cursors))


def describe(settings: Settings, repository: RepositoryDefinition, runs: list[str]) -> dict[str, Any]:
    """What the program is asked: the runs, and which tables the assets and steps of this code location stand for."""
    manifest = prepare_manifest(settings)
    file, dbt = duckdb_file(settings), dbt_engine(settings, json.loads(manifest.read_text()))
    graph = repository.asset_graph
    by_dbt = {node.key for node in graph.asset_nodes if "dbt" in node.kinds}
    tables = {node.key: table for node in graph.asset_nodes if (table := _table(node.key, node.metadata)) is not None}
    urns = {key: (dbt if key in by_dbt else file).urn(table) for key, table in tables.items()}
    as_dbt_reads = {key: dbt.urn(table) for key, table in tables.items()}

    def inputs(keys: Iterable[AssetKey], read: Iterable[AssetKey]) -> list[str]:
        return _named(as_dbt_reads if by_dbt.intersection(keys) else urns, read)

    steps: dict[str, dict[str, Any]] = {}
    for job in repository.get_all_jobs():
        steps[job.name] = {}
        for step in graph.assets_defs:
            if not step.is_executable or not job.graph.has_node_named(step.node_def.name):
                continue
            keys = step.keys & job.asset_layer.selected_asset_keys
            read = {parent for key in keys for parent in graph.get(key).parent_keys} - step.keys
            if not step.keys:  # it only checks
                read = {check.asset_key for check in step.check_keys}
            steps[job.name][step.node_def.name] = {"inputs": inputs(keys, read), "outputs": _named(urns, keys)}
    assets = {
        node.key.to_user_string(): {
            "table": urns.get(node.key),
            "parents": inputs([node.key], node.parent_keys),
            "engine": vars(dbt if node.key == IN_SNOWFLAKE else file),
        }
        for node in graph.asset_nodes
    }
    return {
        "runs": runs,
        "steps": steps,
        "assets": assets,
        "manifest": str(manifest),
        "engine": vars(dbt),
        "file": vars(file),
    }


def _table(key: AssetKey, metadata: Mapping[str, Any]) -> str | None:
    """`schema.table` that the asset is; None of one that is no table, or several."""
    if name := metadata.get("dagster/table_name"):  # dagster-dbt's: warehouse.marts.fct_flights
        return ".".join(str(name).split(".")[-2:])
    if key == DAYS:
        key = FLIGHTS
    return ".".join(key.path) if len(key.path) == 2 and key != INBOX else None


def _named(tables: Mapping[AssetKey, str], keys: Iterable[AssetKey]) -> list[str]:
    return sorted({tables[key] for key in keys if key in tables})
