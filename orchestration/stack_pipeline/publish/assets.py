"""The published snapshot as an asset. It depends on every published model, so it runs only when dbt's step succeeded."""

from collections.abc import Iterator

from dagster import AssetsDefinition, MaterializeResult, OpExecutionContext, asset

from stack_pipeline.common import NOTHING_NEW, OUTCOME_TAG, OWNERS, RETRY, ROWS_TAG, SNAPSHOT_TAG, daily, note
from stack_pipeline.ingestion.assets import INBOX
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest, published_models


def define_snapshot(settings: Settings, models: AssetsDefinition) -> AssetsDefinition:
    """The asset `published_snapshot`, downstream of the published models and of the inbox."""
    names = {model.name for model in published_models(prepare_manifest(settings))}

    @asset(
        name="published_snapshot",
        output_required=False,
        deps=[*(key for key in sorted(models.keys) if key.path[-1] in names), INBOX],
        group_name="publish",
        owners=OWNERS,
        kinds={"s3", "parquet"},
        pool="warehouse",
        retry_policy=RETRY,
        freshness_policy=daily(),
    )
    def snapshot(context: OpExecutionContext, warehouse: WarehouseLease, lake: LakeResource) -> Iterator[MaterializeResult]:
        """Copies the marts, the inbox's tables and the pipeline's own to the lake and swaps the readers to them. The last three
        snapshots stay.

        Marts that this run didn't build are those of the snapshot before, also another project's: what stands in the warehouse
        may not have passed its tests. A run that built every model leaves out what the project no longer has.
        """
        from stack_pipeline import freshness  # with what only runs need
        from stack_pipeline.publish.export import exporter
        from stack_pipeline.publish.history import keep_history
        from stack_pipeline.publish.landed import landed_tables
        from stack_pipeline.publish.snapshot import latest_manifest, publish_snapshot

        built = freshness.models_built(settings, context.run_id)
        with failing_clearly(), warehouse.hold(context):
            if not built and freshness.is_published(settings, lake.open()):
                context.log.info("nothing new: the newest snapshot has all of it")
                context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: NOTHING_NEW})
                return
            models = published_models(prepare_manifest(settings))
            keep_history(settings.warehouse, context.instance, context.run_id)
            of_models = {model.name for model in models}
            landed = [table for table in landed_tables(settings.warehouse) if table.name not in of_models]
            tables = landed + [model for model in models if model.name in built]
            before = latest_manifest(lake.open()) or {"tables": []}
            fresh = {table.name for table in tables}
            whole = all(model.name in built for model in models)
            carried = [] if whole else [table for table in before["tables"] if table["name"] not in fresh]
            published = publish_snapshot(settings.warehouse, tables, lake.open(), context.run_id, carried, exporter(settings))
            freshness.published(settings, context.run_id, published.id)
        rows = sum(published.rows.values())
        context.instance.add_run_tags(context.run_id, {SNAPSHOT_TAG: published.id, ROWS_TAG: str(rows)})
        note(context, f"{len(published.rows)} tables, {rows:,} rows")
        yield MaterializeResult(
            metadata={
                "snapshot": published.id,
                "dagster/row_count": rows,
                "bytes": published.size,
                "rows by table": published.rows,
            }
        )

    return snapshot
