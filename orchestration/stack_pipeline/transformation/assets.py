"""dbt's models as assets and its tests as their checks, built by one step."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    Config,
    Failure,
    OpExecutionContext,
    Output,
)
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from pydantic import Field

from stack_pipeline.common import NOTHING_NEW, OUTCOME_TAG, OWNERS, daily, note
from stack_pipeline.errors import machine_limit
from stack_pipeline.ingestion.assets import DAYS, FLIGHTS, IN_SNOWFLAKE
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest, run_dbt


class _Translator(DagsterDbtTranslator):
    """What reads a source also comes after the days of the flights that are loaded alone, and after the copy to Snowflake."""

    def __init__(self, copied: bool) -> None:
        super().__init__()
        self._copied = copied

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        also = [DAYS] if any(dep.asset_key == FLIGHTS for dep in spec.deps) else []
        node = manifest.get("nodes", {}).get(unique_id, {})
        if self._copied and any(name.startswith("source.") for name in node.get("depends_on", {}).get("nodes", [])):
            also.append(IN_SNOWFLAKE)
        fqn = node.get("fqn", [])
        return spec.replace_attributes(
            # the folder below models/, as the project is laid out
            group_name=fqn[1] if len(fqn) > 2 else node.get("resource_type", "dbt"),
            owners=spec.owners or OWNERS,
            freshness_policy=daily(),
        ).merge_attributes(deps=also)


class BuildConfig(Config):
    """How to build."""

    force: bool = Field(False, description="Build and publish again, also when nothing is new.")


def define_models(settings: Settings) -> AssetsDefinition:
    """The assets of the dbt project as it is now; parses it when it changed."""
    manifest: dict[str, Any] = json.loads(prepare_manifest(settings).read_text())
    translator = _Translator(settings.on_snowflake)

    @dbt_assets(manifest=manifest, name="dbt_build", pool="warehouse", dagster_dbt_translator=translator)
    def models(
        context: OpExecutionContext, config: BuildConfig, warehouse: WarehouseLease, lake: LakeResource
    ) -> Iterator[Output | AssetCheckResult | AssetObservation]:
        """Builds the models and runs their tests. A failing test of severity error fails the step, so nothing is published.

        When a run would publish nothing new, yields nothing, so that the steps after it skip.
        """
        from stack_pipeline import freshness  # with what only runs need

        selection, indirect = get_subset_selection_for_context(context, manifest, "fqn:*", None, None, translator, None)
        # unit tests are for development; nobody reads the artefacts of a run, and writing them takes a fifth of it
        arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json", *selection]
        if indirect:
            arguments += ["--indirect-selection", indirect]
        whole = "--indirect-selection" not in arguments
        with failing_clearly(), warehouse.hold(context):
            if whole and not config.force and freshness.is_nothing_new(settings, lake.open()):
                context.log.info("nothing new: warehouse, models and code are those of the last publish")
                context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: NOTHING_NEW})
                note(context, "nothing new since the last publish")
                return
            names = [key.path[-1] for key in context.selected_asset_keys]
            freshness.begin(settings, context.run_id, names, whole)
            run = run_dbt(settings, arguments, context.log.info)
        for event in run.events:
            yield from DbtCoreCliEventMessage(event, {}).to_default_asset_events(manifest, translator, context)
        if not run.success:
            raise Failure(_explain(run.failures), {"failures": "\n".join(run.failures)}, allow_retries=False)
        freshness.built(settings, context.run_id)
        kinds = Counter(event["data"]["node_info"]["resource_type"] for event in run.events)
        counted = ((kinds[kind], kind) for kind in ("model", "seed", "snapshot", "test") if kinds[kind])
        note(context, ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for number, kind in counted))

    return models


def _explain(failures: list[str]) -> str:
    if full := machine_limit("\n".join(failures)):
        return str(full)
    several = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
    first = failures[0] if failures else "see the step's log"
    return (
        f"dbt build failed: {first}{several}. Nothing was published; the last snapshot stays.\n"
        "→ Correct the data or the model, then run the pipeline again."
    )
