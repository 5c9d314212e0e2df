"""The code location: all assets, the job `pipeline`, and the resources that they share."""

from dagster import AssetSelection, Definitions, EnvVar, define_asset_job, in_process_executor

from stack_pipeline.ingestion.assets import flights
from stack_pipeline.publish.assets import define_snapshot
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.assets import define_models


def define(settings: Settings) -> Definitions:
    """Everything that Dagster shows and runs for one stack."""
    models = define_models(settings)
    pipeline = define_asset_job(
        "pipeline",
        AssetSelection.all(),
        description="Load the flights, build and test the models, publish a snapshot to the readers.",
    )
    return Definitions(
        assets=[flights, models, define_snapshot(settings, models)],
        jobs=[pipeline],
        resources={
            "lake": LakeResource(endpoint=EnvVar("LAKE_S3_ENDPOINT"), bucket=EnvVar("LAKE_BUCKET")),
            "warehouse": WarehouseLease(socket=EnvVar("STACK_SOCKET")),
        },
        # a process a step would import everything again, six seconds each; the steps hold one lease anyway
        executor=in_process_executor,
    )
