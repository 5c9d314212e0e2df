"""How the published tables are used, from what duckdb-http has counted (`/v1/usage`), by DataHub's own aggregation of a day."""

import json
import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from stack_pipeline.catalogue.columns import relation
from stack_pipeline.catalogue.naming import Engine
from stack_pipeline.publish.landed import SCHEMAS

_DATABASE, _SCHEMA = "published", "main"
"""Where a snapshot's tables are, for the parser."""


def usage(manifest: dict[str, Any], dbt: Engine, file: Engine, today: datetime | None = None) -> Iterator[Any]:
    """Queries of today and yesterday, all of each: a day that is told again replaces what was told of it.

    Counts them by table, column and token, and names the ten most frequent. Nothing where PUBLISHED_URL names no server. Raises
    OSError when it doesn't answer.
    """
    if not os.environ.get("PUBLISHED_URL"):
        return
    from datahub.configuration.time_window_config import BucketDuration
    from datahub.emitter.mce_builder import make_user_urn
    from datahub.ingestion.source.usage.usage_common import BaseUsageConfig, UsageAggregator
    from datahub.sql_parsing.schema_resolver import SchemaResolver
    from datahub.sql_parsing.sqlglot_lineage import sqlglot_lineage

    now = today or datetime.now(UTC)
    days = [now - timedelta(days=1), now]
    models = {node["name"]: dbt.urn(relation(node)) for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    seen = Engine("duckdb", _DATABASE)
    resolver = SchemaResolver(platform=seen.platform)
    tables: dict[str, str] = {}
    for table in _get("/v1/tables")["tables"]:
        name = table["name"]
        urn = seen.urn(f"{_SCHEMA}.{name}")
        resolver.add_raw_schema_info(urn, {column["name"]: column["type"] for column in table["columns"]})
        if found := models.get(name) or _landed(name, file):
            tables[urn] = found
    config = BaseUsageConfig(start_time=days[0], end_time=now, bucket_duration=BucketDuration.DAY)
    with UsageAggregator[str](config) as aggregator:
        for day in days:
            for asked in _get(f"/v1/usage?day={day:%Y-%m-%d}")["queries"]:
                parsed = sqlglot_lineage(asked["sql"], resolver, default_db=_DATABASE, default_schema=_SCHEMA)
                columns = {(one.table, one.column) for column in parsed.column_lineage or [] for one in column.upstreams}
                for urn in {one for one in parsed.in_tables if one in tables}:
                    aggregator.aggregate_event(
                        resource=tables[urn],
                        start_time=day,
                        query=asked["sql"],
                        user=asked["token"],
                        fields=sorted(column for table, column in columns if table == urn),
                        count=asked["count"],
                    )
        for unit in aggregator.generate_workunits(resource_urn_builder=str, user_urn_builder=make_user_urn):
            yield unit.metadata


def _landed(name: str, file: Engine) -> str | None:
    """The URN of a table that was published as it was loaded: `inbox_orders` is `inbox.orders`."""
    for schema, prefix in SCHEMAS.items():
        if name.startswith(f"{prefix}_"):
            return file.urn(f"{schema}.{name.removeprefix(f'{prefix}_')}")
    return None


def _get(path: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{os.environ['PUBLISHED_URL'].rstrip('/')}{path}")
    request.add_header("authorization", f"Bearer {os.environ['PUBLISHED_TOKEN']}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))
