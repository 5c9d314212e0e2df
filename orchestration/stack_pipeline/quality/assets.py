"""Great Expectations as a step between dbt and the publish: one check a suite; a failed one publishes nothing."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Failure,
    MetadataValue,
    OpExecutionContext,
    multi_asset_check,
)

from stack_pipeline.common import RETRY, note
from stack_pipeline.quality.suites import Suite, read_suites
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings

CHECK = "great_expectations"


def define_quality(settings: Settings, sources: Iterable[AssetKey], models: Iterable[AssetKey]) -> AssetChecksDefinition | None:
    """The step that runs every suite whose asset is a source or a model here; None when there is none.

    One step after dbt, for sources too: it takes one connection to the warehouse and one set of docs.
    """
    built = set(models)
    known = built | set(sources)
    suites = [suite for suite in read_suites() if AssetKey(suite.asset) in known]
    if not suites:
        return None

    @multi_asset_check(
        name="great_expectations",
        specs=[
            AssetCheckSpec(
                CHECK,
                asset=AssetKey(suite.asset),
                description=f"{len(suite.expectations)} expectations, in orchestration/quality/{suite.table}.yml.",
                blocking=AssetKey(suite.asset) in built,  # what is behind them waits for the step, and it fails for sources too
            )
            for suite in suites
        ],
        pool="warehouse",
        retry_policy=RETRY,
        can_subset=True,
    )
    def quality(context: OpExecutionContext, warehouse: WarehouseLease, lake: LakeResource) -> Iterator[AssetCheckResult]:
        """Runs the suites; bad rows go to quarantine.failed_rows, results to stack_pipeline.quality, the data docs to the lake,
        where Evidence serves them.

        All of them, so that the docs are whole; what counts are those of the assets that the run is about.
        """
        from stack_pipeline.quality.docs import publish_docs
        from stack_pipeline.quality.validation import keep_results, validate

        with tempfile.TemporaryDirectory(prefix="data-docs-") as folder:
            with failing_clearly(), warehouse.hold(context):
                verdicts = validate(settings.warehouse, suites, Path(folder), f"run {context.run_id[:8]}")
                keep_results(settings.warehouse, verdicts, context.run_id)
            with failing_clearly():
                publish_docs(Path(folder), lake.open())
        selected = {key.asset_key for key in context.selected_asset_check_keys}
        verdicts = [verdict for verdict in verdicts if AssetKey(verdict.suite.asset) in selected]
        found = {verdict.suite.table: verdict for verdict in verdicts}
        for suite in (suite for suite in suites if AssetKey(suite.asset) in selected):
            verdict = found.get(suite.table)
            yield AssetCheckResult(
                passed=verdict is None or not verdict.failed,
                severity=AssetCheckSeverity.ERROR if verdict and verdict.blocks else AssetCheckSeverity.WARN,
                asset_key=AssetKey(suite.asset),
                check_name=CHECK,
                metadata=_metadata(suite, verdict),
            )
        failed = sum(len(verdict.failed) for verdict in verdicts)
        note(context, f"{sum(len(verdict.findings) for verdict in verdicts)} expectations, {failed or 'none'} failed")
        if blocking := [verdict for verdict in verdicts if verdict.blocks]:
            raise Failure(_explain(blocking), allow_retries=False)

    return quality


def _metadata(suite: Suite, verdict: object) -> dict[str, MetadataValue]:
    from stack_pipeline.quality.validation import Verdict

    if not isinstance(verdict, Verdict):
        return {"skipped": MetadataValue.text(f"there is no table {suite.table}")}
    failed = "\n".join(f"{one.expectation} {one.column or ''}: {one.observed}" for one in verdict.failed)
    return {
        "expectations": MetadataValue.int(len(verdict.findings)),
        "failed": MetadataValue.int(len(verdict.failed)),
        **({"what failed": MetadataValue.text(failed)} if failed else {}),
        "results": MetadataValue.json([one.native for one in verdict.findings]),
    }


def _explain(verdicts: list) -> str:
    lines = [
        f"{verdict.suite.table}: {one.expectation}{f' ({one.column})' if one.column else ''}: {one.observed}"
        for verdict in verdicts
        for one in verdict.failed
        if one.blocking
    ]
    return (
        "Great Expectations failed, so nothing was published; the last snapshot stays.\n"
        + "\n".join(lines)
        + "\n→ The rows are in quarantine.failed_rows. Correct the data, or the expectation in orchestration/quality/."
    )
