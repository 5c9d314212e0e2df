"""Tells Dagster which partitions of an asset a step has loaded besides its own outputs."""

from collections.abc import Sequence
from datetime import date

from dagster import AssetKey, AssetMaterialization, DynamicPartitionsDefinition, OpExecutionContext
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, DagsterEventType, StepMaterializationData


def mark_loaded(
    context: OpExecutionContext, asset: AssetKey, partitions: DynamicPartitionsDefinition, days: Sequence[date]
) -> None:
    """Adds the days that aren't partitions yet, and notes a materialisation of each by this run.

    The events go to the storage as one batch (DAGSTER_EVENT_BATCH_SIZE, set by service.ts): one by one, a year takes seconds.
    Dagster has no public call for that; its own steps do the same.
    """
    if not days:
        return
    keys = [day.isoformat() for day in days]
    context.instance.add_dynamic_partitions(str(partitions.name), keys)
    for number, key in enumerate(keys, 1):
        event = DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name=context.job_name,
            message=f"loaded {key}",
            event_specific_data=StepMaterializationData(AssetMaterialization(asset, partition=key)),
        )
        batch = DagsterEventBatchMetadata(context.run_id, is_end=number == len(keys))
        context.instance.report_dagster_event(event, run_id=context.run_id, batch_metadata=batch)
