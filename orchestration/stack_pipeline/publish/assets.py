"""The published snapshot as an asset. It depends on every published model, so it runs only when dbt's step succeeded."""

from dagster import AssetsDefinition, MaterializeResult, OpExecutionContext, asset

from stack_pipeline.resources.dagster import LakeResource, WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest, published_models

SNAPSHOT_TAG = "stack/snapshot"
"""Of a run that published: the snapshot's id, which readers name once they serve it."""


def define_snapshot(settings: Settings, models: AssetsDefinition) -> AssetsDefinition:
    """The asset `published_snapshot`, downstream of the models tagged `publish`."""

    @asset(
        name="published_snapshot",
        deps=[spec.key for spec in models.specs if "publish" in spec.tags],
        group_name="publish",
        kinds={"s3", "parquet"},
        pool="warehouse",
    )
    def snapshot(context: OpExecutionContext, warehouse: WarehouseLease, lake: LakeResource) -> MaterializeResult:
        """Copies the marts to the lake and swaps the readers to them. The last three snapshots stay."""
        from stack_pipeline import freshness  # with what only runs need
        from stack_pipeline.publish.snapshot import publish_snapshot

        with failing_clearly(), warehouse.hold(context):
            published = publish_snapshot(
                settings.warehouse, published_models(prepare_manifest(settings)), lake.open(), context.run_id
            )
            freshness.published(settings, context.run_id, published.id)
        context.instance.add_run_tags(context.run_id, {SNAPSHOT_TAG: published.id})
        return MaterializeResult(
            metadata={
                "snapshot": published.id,
                "dagster/row_count": sum(published.rows.values()),
                "bytes": published.size,
                "rows by table": published.rows,
            }
        )

    return snapshot
