"""The warehouse's columns, as dbt's catalogue has them, without dbt: it would open the warehouse for longer."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from stack_pipeline.inbox.load import LEDGER
from stack_pipeline.ingestion.tables import FILES

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Columns = dict[str, dict[str, str]]
"""Types of columns by name, in their order, by `schema.table` in lower case."""


def read_columns(connection: duckdb.DuckDBPyConnection) -> Columns:
    """All tables and views of the open database."""
    return _by_table(
        connection.execute(
            """SELECT lower(schema_name || '.' || table_name), column_name, data_type FROM duckdb_columns()
               WHERE database_name = current_database() AND NOT internal ORDER BY 1, column_index"""
        ).fetchall()
    )


def read_snowflake_columns(connection: "SnowflakeConnection") -> Columns:
    """All tables and views of the session's database, columns in lower case: DataHub's source for Snowflake has them so."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT lower(table_schema || '.' || table_name), lower(column_name),
                       data_type || CASE data_type WHEN 'NUMBER' THEN '(' || numeric_precision || ',' || numeric_scale || ')'
                                    ELSE '' END
                FROM {connection.database}.information_schema.columns
                WHERE table_schema <> 'INFORMATION_SCHEMA' ORDER BY 1, ordinal_position"""
        )
        return _by_table(cursor.fetchall())


def _by_table(rows: Iterable[tuple]) -> Columns:
    columns: Columns = {}
    for table, column, kind in rows:
        columns.setdefault(table, {})[column] = kind
    return columns


def is_shown(table: str) -> bool:
    """Whether a table is data, and not a loader's own bookkeeping or what it has put down on its way (dlt's, Airbyte's)."""
    schema, name = table.split(".", 1)
    return not name.startswith("_") and not schema.endswith(("_internal", "_staging")) and table not in (LEDGER, f"raw.{FILES}")


def table_name(node: dict[str, Any]) -> str:
    """What a node of dbt's manifest is called in the warehouse."""
    return node.get("identifier") or node.get("alias") or node["name"]


def relation(node: dict[str, Any]) -> str:
    """The same with its schema, as `Columns` has it."""
    return f"{node['schema']}.{table_name(node)}".lower()


def write_catalog(manifest: dict[str, Any], columns: Columns, path: Path) -> None:
    """dbt's `catalog.json` for the manifest's nodes and sources that there are in the warehouse."""

    def entry(node: dict[str, Any]) -> dict[str, Any] | None:
        name = table_name(node)
        found = columns.get(relation(node))
        if found is None:
            return None
        return {
            "metadata": {"type": "BASE TABLE", "schema": node["schema"], "name": name, "database": node["database"]},
            "columns": {one: {"type": kind, "index": i + 1, "name": one} for i, (one, kind) in enumerate(found.items())},
            "stats": {},
            "unique_id": node["unique_id"],
        }

    def entries(nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
        made = {key: entry(node) for key, node in nodes.items() if node["resource_type"] in ("model", "seed", "snapshot", "source")}
        return {key: one for key, one in made.items() if one}

    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json",
        "dbt_version": manifest["metadata"]["dbt_version"],
        "generated_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    content = {"metadata": metadata, "nodes": entries(manifest["nodes"]), "sources": entries(manifest["sources"]), "errors": None}
    path.write_text(json.dumps(content))


def read_manifest(target: Path) -> dict[str, Any]:
    """dbt's manifest with the models' SQL as dbt has run it: a parsed one leaves it out, and lineage of columns needs it."""
    manifest = dict(json.loads((target / "manifest.json").read_text()))
    for node in manifest["nodes"].values():
        compiled = target / "compiled" / node["package_name"] / node["original_file_path"]
        if node["resource_type"] == "model" and compiled.is_file():
            node |= {"compiled": True, "compiled_code": compiled.read_text(), "compiled_path": str(compiled)}
    return manifest
