"""Tells the catalogue of runs, and of usage: a program of its own (program.py says why), which reads Dagster's storage.

Input, as runs.describe makes it: {"runs": ids, "steps": {job: {step: {"inputs": URNs, "outputs": URNs}}}, "assets": {key: {"table":
URN or null, "parents": URNs, "engine": where the tables lie that a run says it has written}}, "manifest": path of dbt's,
"engine": where dbt builds (naming.Engine), "file": the stack's DuckDB file}. Output: {"written": aspects, "problems": {run, or
"usage": why it can't be told}}.

What is told is made by the classes of DataHub's plugin for Dagster: jobs are data flows, steps data jobs, runs instances of both.
All of a run goes in one batch, and everything in it follows from Dagster's storage: told twice, it is the same.
"""

import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, EventLogEntry
from dagster._core.execution.stats import RunStepKeyStatsSnapshot, StepEventStatus
from dagster._core.storage.dagster_run import DagsterRunStatsSnapshot
from dagster_shared.record import replace

from stack_pipeline.catalogue.assertions import dbt_result, expectation_results
from stack_pipeline.catalogue.client import run_program, send, server
from stack_pipeline.catalogue.naming import ENV, Engine
from stack_pipeline.catalogue.usage import usage
from stack_pipeline.code_server import LOCATION
from stack_pipeline.common import WRITTEN
from stack_pipeline.postgres_pool import keep_connections

MODULE = "stack_pipeline.location"
"""What the plugin puts before the names of jobs and steps."""

UNTELLABLE = (400, 413, 422)
"""Statuses that say that a run will never be taken; with any other one, such as of a wrong token, it is told again."""

Proposal = Any


class Collected(list):
    """What the plugin's classes take for DataHub's client: keeps what they would send."""

    def emit(self, proposal: Proposal, callback: Callable[..., None] | None = None) -> None:
        self.append(proposal)

    emit_mcp = emit


def tell_runs(asked: dict[str, Any]) -> dict[str, Any]:
    """Sends all of it, run after run. Raises when the catalogue doesn't answer; what was sent until then may be sent again."""
    from datahub.configuration.common import OperationalError

    keep_connections()
    written, problems = 0, {}
    manifest = json.loads(Path(asked["manifest"]).read_text())
    with DagsterInstance.get() as instance:
        for run_id in asked["runs"]:
            try:
                if run := instance.get_run_by_id(run_id):
                    written += send(_run(instance, run, asked, manifest))
            except OperationalError as error:
                if (error.info or {}).get("status") not in UNTELLABLE:
                    raise
                problems[run_id] = str(error)
            except (KeyError, ValueError, TypeError) as error:  # such a run would hold up all that come after it
                problems[run_id] = repr(error)
    try:
        written += send(usage(manifest, Engine(**asked["engine"]), Engine(**asked["file"])))
    except (OSError, KeyError, ValueError) as error:  # duckdb-http's; the next time tells the whole day
        problems["usage"] = repr(error)
    return {"written": written, "problems": problems}


def _run(instance: DagsterInstance, run: DagsterRun, asked: dict[str, Any], manifest: dict[str, Any]) -> Iterator[Proposal]:
    import datahub.metadata.schema_classes as c
    from datahub.emitter.mcp import MetadataChangeProposalWrapper
    from datahub.ingestion.graph.client import DatahubClientConfig
    from datahub.utilities.urns.dataset_urn import DatasetUrn
    from datahub_dagster_plugin.client.dagster_generator import DagsterEnvironment, DagsterGenerator, DatahubDagsterSourceConfig

    config = DatahubDagsterSourceConfig(
        datahub_client_config=DatahubClientConfig(**server()), env=ENV, dagster_url=os.environ.get("DAGSTER_URL") or None
    )
    environment = DagsterEnvironment(is_cloud=False, module=MODULE, repository=None, location_name=LOCATION)
    generator = DagsterGenerator(logging.getLogger("dagster_generator"), config, environment)
    job = instance.get_job_snapshot(run.job_snapshot_id or "")
    depends = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id or "").step_deps
    stats = _begun(instance.get_run_stats(run.run_id))
    steps = {one.step_key: one for one in instance.get_run_step_stats(run.run_id)}
    logs = instance.all_logs(run.run_id, {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION})
    touched = _touched(logs, asked["assets"])
    told = Collected()

    flow = generator.generate_dataflow(job, ENV)
    flow.emit(told)
    # the plugin calls a cancelled run skipped; it has begun, and what it should have done isn't there
    ended = run.with_status(DagsterRunStatus.FAILURE) if run.status == DagsterRunStatus.CANCELED else run
    generator.emit_job_run(told, flow, ended, stats)
    for op in job.node_defs_snapshot.op_def_snaps:
        if op.name not in depends:
            continue
        always = asked["steps"].get(run.job_name, {}).get(op.name, {"inputs": [], "outputs": []})
        # of a step that makes several tables it would say that each comes from all; their own lineage knows better
        inputs = always["inputs"] if len(always["outputs"]) <= 1 else []

        def step(read: Iterable[str], wrote: Iterable[str], op: Any = op) -> Any:
            made = generator.generate_datajob(job, {op.name: []}, op, ENV, {}, {})
            made.inlets = [DatasetUrn.from_string(one) for one in sorted(read)]
            made.outlets = [DatasetUrn.from_string(one) for one in sorted(wrote)]
            return made

        told.extend(step(inputs, always["outputs"]).generate_mcp())
        kind = c.SubTypesClass(typeNames=["Op"])
        told.emit(MetadataChangeProposalWrapper(entityUrn=str(step([], []).urn), aspect=kind))
        if op.name in steps and steps[op.name].start_time is not None:  # the others never began
            generator.emit_op_run(told, step(*touched[op.name]), _ended(steps[op.name], stats.end_time), emit_template=False)
    yield from told
    yield from _checks(run, logs, asked, manifest)


def _touched(logs: Iterable[EventLogEntry], assets: dict[str, Any]) -> dict[str, tuple[set[str], set[str]]]:
    """Tables that each step of a run has read and written."""
    touched: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for log in logs:
        read, wrote = touched[log.step_key or ""]
        if log.asset_materialization:
            asset = assets.get(log.asset_materialization.asset_key.to_user_string())
            if asset is None:
                continue
            several = log.asset_materialization.metadata.get(WRITTEN)
            if several is not None:
                wrote |= {Engine(**asset["engine"]).urn(table) for table in several.value}
            elif asset["table"]:
                wrote.add(asset["table"])
            read |= set(asset["parents"])
        elif (check := log.asset_check_evaluation) and "results" in check.metadata:
            read |= {table for table in [assets.get(check.asset_key.to_user_string(), {}).get("table")] if table}
    return defaultdict(lambda: (set(), set()), {step: (read - wrote, wrote) for step, (read, wrote) in touched.items()})


def _begun(run: DagsterRunStatsSnapshot) -> DagsterRunStatsSnapshot:
    """The same run; one that ended in the queue began there, since the plugin tells only of what has begun."""
    return replace(run, start_time=run.start_time or run.launch_time or run.enqueued_time or run.end_time)


def _ended(step: RunStepKeyStatsSnapshot, end: float | None) -> RunStepKeyStatsSnapshot:
    """The same step; one whose run was cancelled or killed under it has failed then."""
    if step.status in (StepEventStatus.SUCCESS, StepEventStatus.FAILURE, StepEventStatus.SKIPPED):
        return step
    return replace(step, status=StepEventStatus.FAILURE, end_time=step.end_time or end)


def _checks(run: DagsterRun, logs: Iterable[EventLogEntry], asked: dict[str, Any], manifest: dict[str, Any]) -> Iterator[Proposal]:
    """What dbt's tests and Great Expectations have found."""
    for log in logs:
        check = log.asset_check_evaluation
        if check is None:
            continue
        found = {name: value.value for name, value in check.metadata.items()}
        if "unique_id" in found:
            yield from dbt_result(manifest, found, log.timestamp, run.run_id)
        elif "results" in found:
            table = asked["assets"].get(check.asset_key.to_user_string(), {}).get("table")
            if table:
                yield from expectation_results(table, found["results"], log.timestamp, run.run_id)


if __name__ == "__main__":
    sys.exit(run_program(tell_runs))
