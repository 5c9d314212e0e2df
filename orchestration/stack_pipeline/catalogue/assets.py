"""The step that tells the catalogue, after each publish."""

import json
import os
from dataclasses import asdict
from typing import Any

from dagster import AssetsDefinition, Failure, MaterializeResult, OpExecutionContext, asset

from stack_pipeline.catalogue.naming import dbt_engine, duckdb_file
from stack_pipeline.catalogue.program import NotToldError, tell
from stack_pipeline.catalogue.told import fingerprint_of, last_told
from stack_pipeline.common import OWNERS, RETRY, daily
from stack_pipeline.publish.sinks import GROUP, SNAPSHOT
from stack_pipeline.resources.dagster import WarehouseLease
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest

TIMEOUT = 600
"""Seconds; some hundred aspects take ten."""


def define_catalogue(settings: Settings) -> AssetsDefinition | None:
    """The step; None where no catalogue is named (DATAHUB_GMS_URL)."""
    if not os.environ.get("DATAHUB_GMS_URL"):
        return None

    @asset(
        deps=[SNAPSHOT],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"datahub"},
        retry_policy=RETRY,
        freshness_policy=daily(),
    )
    def in_the_catalogue(context: OpExecutionContext, warehouse: WarehouseLease) -> MaterializeResult:
        """Tables, columns, tests, dashboards and the lineage between them, as DataHub's client tells them to DATAHUB_GMS_URL."""
        from stack_pipeline.warehouse import scratch

        with warehouse.hold(context):
            asked = describe(settings)
        tables = len(asked["columns"])
        try:
            if last_told() == asked["fingerprint"]:
                context.log.info("The catalogue knows all of it: nothing has changed since it was told last")
                return MaterializeResult(metadata={"aspects": 0, "tables": tables})
            with scratch(settings.warehouse, "catalogue") as folder:
                told = tell("stack_pipeline.catalogue.emit", {**asked, "scratch": str(folder)}, TIMEOUT)
        except NotToldError as error:
            raise Failure(str(error)) from error
        return MaterializeResult(metadata={"aspects": told["written"], "tables": tables})

    return in_the_catalogue


def describe(settings: Settings) -> dict[str, Any]:
    """What emit.py is asked, but for its scratch folder; the caller holds the warehouse's lease."""
    from stack_pipeline.catalogue.columns import read_columns, read_snowflake_columns
    from stack_pipeline.catalogue.upstreams import find_upstreams
    from stack_pipeline.snowflake import connect as connect_to_snowflake
    from stack_pipeline.warehouse import connect

    with connect(settings.warehouse, read_only=True) as file:
        in_file = columns = read_columns(file)
    if settings.on_snowflake:
        with connect_to_snowflake() as session:
            columns = read_snowflake_columns(session)
    asked = {
        "target": str(settings.dbt_target),
        "engine": vars(dbt_engine(settings, json.loads(prepare_manifest(settings).read_text()))),
        "columns": columns,
        "file": vars(duckdb_file(settings)),
        "in_file": in_file,
        "upstreams": [asdict(one) for one in find_upstreams(settings, in_file)],
    }
    return {**asked, "fingerprint": fingerprint_of(asked)}
