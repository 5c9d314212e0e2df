"""Other doors to the published snapshot, as assets of their own: a slow or broken one holds no publish up."""

import os

from dagster import AssetKey, MaterializeResult, OpExecutionContext, asset

from stack_pipeline.common import OWNERS, RETRY, daily
from stack_pipeline.resources.dagster import LakeResource, failing_clearly

SNAPSHOT = AssetKey("published_snapshot")

GROUP = "sinks"
"""Of the assets that the job `sinks` brings up to date after each publish."""


@asset(
    deps=[SNAPSHOT],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    pool="postgres_marts",
    retry_policy=RETRY,
    freshness_policy=daily(),
)
def marts_in_postgres(context: OpExecutionContext, lake: LakeResource) -> MaterializeResult:
    """The snapshot's tables in PostgreSQL's schema `marts`, for Metabase, Grafana and psql (role `reader`, read-only)."""
    from stack_pipeline.publish.postgres import load_snapshot
    from stack_pipeline.publish.snapshot import latest_manifest

    with failing_clearly():
        manifest = latest_manifest(lake.open())
        if manifest is None:
            return MaterializeResult(metadata={"snapshot": "none yet"})
        url, password = os.environ["MARTS_PG_URL"], os.environ["MARTS_READER_PASSWORD"]
        loaded = load_snapshot(url, password, manifest, lake.open(), context.log.info)
    rows = {table["name"]: table["rows"] for table in manifest["tables"]}
    return MaterializeResult(
        metadata={
            "snapshot": manifest["id"],
            "dagster/row_count": sum(rows.values()),
            "tables": len(rows),
            "loaded": loaded,
        }
    )
