"""The step that tells the catalogue, after each publish."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

from dagster import AssetsDefinition, Failure, MaterializeResult, OpExecutionContext, asset

from stack_pipeline.common import OWNERS, RETRY, daily
from stack_pipeline.publish.sinks import GROUP, SNAPSHOT
from stack_pipeline.resources.dagster import WarehouseLease
from stack_pipeline.settings import Settings

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
        from stack_pipeline.catalogue.columns import read_columns
        from stack_pipeline.catalogue.upstreams import find_upstreams
        from stack_pipeline.warehouse import connect, scratch

        with warehouse.hold(context), connect(settings.warehouse, read_only=True) as connection:
            columns = read_columns(connection)
        with scratch(settings.warehouse, "catalogue") as folder:
            asked = {
                "target": str(settings.dbt_target),
                "columns": columns,
                "upstreams": [asdict(one) for one in find_upstreams(settings, columns)],
                "platform": "snowflake" if settings.on_snowflake else "duckdb",
                "scratch": str(folder),
            }
            command = [sys.executable, "-m", "stack_pipeline.catalogue.emit"]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            done = subprocess.run(
                command, input=json.dumps(asked), capture_output=True, text=True, timeout=TIMEOUT, env=environment
            )
        if done.returncode != 0:
            problem = done.stderr.strip().splitlines()[-1:] or [f"it ended with status {done.returncode}"]
            raise Failure(f"The catalogue at {os.environ['DATAHUB_GMS_URL']} wasn't told: {problem[0]}")
        written = json.loads(done.stdout.strip().splitlines()[-1])["written"]
        return MaterializeResult(metadata={"aspects": written, "tables": len(columns)})

    return in_the_catalogue
