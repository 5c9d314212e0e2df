"""The code location: all assets, the jobs, what starts them, and the resources that they share."""

from dagster import Definitions, EnvVar, in_process_executor

from stack_pipeline.automation import JOBS, define_github_sensor, define_inbox_sensor, every_day, new_snapshot, run_failed
from stack_pipeline.catalogue.assets import define_catalogue
from stack_pipeline.catalogue.runs import define_run_sensor
from stack_pipeline.ingestion.airbyte import AirbyteSync, define_airbyte
from stack_pipeline.ingestion.assets import define_copy, flight_days, flights, github_releases, inbox
from stack_pipeline.publish.assets import define_snapshot
from stack_pipeline.publish.sinks import marts_in_postgres
from stack_pipeline.quality.assets import define_quality
from stack_pipeline.resources.dagster import LakeResource, WarehouseLease
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.assets import define_models


def define(settings: Settings) -> Definitions:
    """Everything that Dagster shows and runs for one stack."""
    models = define_models(settings)
    sources = [source for source in (flights, inbox, github_releases, define_airbyte()) if source]
    copy = define_copy(settings, [key for source in sources for key in source.keys])
    quality = define_quality(settings, [key for source in sources for key in source.keys], models.keys)
    sinks = [sink for sink in (marts_in_postgres, define_catalogue(settings)) if sink]
    sensors = [define_inbox_sensor(settings), define_github_sensor(settings), new_snapshot, run_failed, define_run_sensor(settings)]
    return Definitions(
        assets=[*sources, flight_days, *([copy] if copy else []), models, define_snapshot(settings, models), *sinks],
        asset_checks=[quality] if quality else [],
        jobs=JOBS,
        schedules=[every_day],
        sensors=[sensor for sensor in sensors if sensor],
        resources={
            "airbyte": AirbyteSync(),
            "lake": LakeResource(endpoint=EnvVar("LAKE_S3_ENDPOINT"), bucket=EnvVar("LAKE_BUCKET")),
            "warehouse": WarehouseLease(socket=EnvVar("STACK_SOCKET")),
        },
        # a process a step would import everything again, six seconds each; the steps hold one lease anyway
        executor=in_process_executor,
    )
