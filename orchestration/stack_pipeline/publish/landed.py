"""Tables that are published as they stand in the warehouse, without a model: the inbox, the quarantine, the pipeline's own."""

from pathlib import Path

from stack_pipeline.transformation.dbt import PublishedModel
from stack_pipeline.warehouse import connect, quoted

SCHEMAS = {"inbox": "inbox", "quarantine": "quarantine", "stack_pipeline": "pipeline"}
"""Schemas of the warehouse and what their tables are published as: `inbox.orders` is `inbox_orders`."""


def landed_tables(warehouse: Path) -> list[PublishedModel]:
    """Every table of the schemas, by name; the caller holds the warehouse's lease."""
    if not warehouse.exists():
        return []
    with connect(warehouse, read_only=True) as connection:
        rows = connection.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in (select unnest(?)) order by all",
            [list(SCHEMAS)],
        ).fetchall()
    return [PublishedModel(f"{SCHEMAS[schema]}_{table}", f"{schema}.{quoted(table)}", [], landed=True) for schema, table in rows]
