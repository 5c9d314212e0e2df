"""The raw tables of the flights as assets, loaded by one step."""

from collections.abc import Iterator
from pathlib import Path

from dagster import AssetKey, AssetSpec, Config, MaterializeResult, OpExecutionContext, multi_asset
from pydantic import Field

from stack_pipeline.ingestion.tables import COLUMNS
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings

NOTHING_NEW = "nothing new"
OUTCOME_TAG = "stack/outcome"
"""Tag of a run that found nothing to do; its value is NOTHING_NEW."""


class LoadConfig(Config):
    """How to load."""

    force: bool = Field(False, description="Load, build and publish again, also when nothing is new.")
    folder: str | None = Field(None, description="Folder of the five files; by default FLIGHTS_DIR, else the demo's data.")


_SPECS = [
    AssetSpec(
        AssetKey(["raw", table]),
        description=f"The file {table} as it came.",
        group_name="ingestion",
        kinds={"dlt", "duckdb"},
        skippable=True,
    )
    for table in COLUMNS
]


@multi_asset(name="load_flights", specs=_SPECS, pool="warehouse")
def flights(
    context: OpExecutionContext, config: LoadConfig, warehouse: WarehouseLease, lake: LakeResource
) -> Iterator[MaterializeResult]:
    """Loads the files that changed. When a run would publish nothing new, yields nothing, so that the steps after it skip."""
    # only runs need dlt and Arrow; the code server, which keeps what it imports, doesn't
    from stack_pipeline import freshness
    from stack_pipeline.ingestion.flights_files import find_sources
    from stack_pipeline.ingestion.load import load_flights

    with failing_clearly():
        settings = Settings.from_env()
        with warehouse.hold(context):
            sources = find_sources(Path(config.folder) if config.folder else settings.flights)
            if not config.force and freshness.is_nothing_new(settings, sources, lake.open()):
                context.log.info("nothing new: sources, models and code are those of the last publish")
                context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: NOTHING_NEW})
                return
            freshness.begin(settings, context.run_id, sources)
            loaded = load_flights(settings.warehouse, sources, config.force)
    for table in loaded:
        yield MaterializeResult(
            asset_key=AssetKey(["raw", table.table]),
            metadata={"dagster/row_count": table.rows, "file": str(table.path), "changed": table.changed},
        )
