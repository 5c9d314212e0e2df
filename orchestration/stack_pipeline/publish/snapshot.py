"""Writes a snapshot of models to the lake: Parquet files, their manifest, then `latest.json`, which is the swap."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from stack_pipeline.errors import UserError
from stack_pipeline.resources.lake import Lake
from stack_pipeline.transformation.dbt import PublishedModel

PREFIX = "published/"
LATEST = f"{PREFIX}latest.json"
KEEP = 3
"""Snapshots that stay in the lake."""


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot. rows, size: of all its tables together; size in bytes."""

    id: str
    rows: dict[str, int]
    size: int


def publish_snapshot(warehouse: Path, models: list[PublishedModel], lake: Lake, run_id: str) -> Snapshot:
    """Publishes `models` as they are in the warehouse; the caller holds its lease.

    Until the last write readers see the snapshot before; a publish that fails leaves that one in place.
    """
    now = datetime.now(UTC)
    id = f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    with tempfile.TemporaryDirectory(prefix=".publish-", dir=warehouse.parent) as folder:
        tables = _export(warehouse, models, Path(folder), f"{PREFIX}{id}/")
        for table in tables:
            lake.upload(table["key"], Path(folder) / f"{table['name']}.parquet")
    manifest = {"version": 1, "id": id, "runId": run_id, "publishedAt": f"{now:%Y-%m-%dT%H:%M:%SZ}", "tables": tables}
    content = json.dumps(manifest, indent=1).encode()
    lake.write(f"{PREFIX}{id}/manifest.json", content, "application/json")
    lake.write(LATEST, content, "application/json")
    _prune(lake)
    return Snapshot(id, {table["name"]: table["rows"] for table in tables}, sum(table["bytes"] for table in tables))


def latest_id(lake: Lake) -> str | None:
    """The newest published snapshot's id, or None before the first."""
    content = lake.read(LATEST)
    return json.loads(content)["id"] if content else None


def _export(warehouse: Path, models: list[PublishedModel], folder: Path, prefix: str) -> list[dict[str, Any]]:
    if not models:
        raise UserError("No model is tagged `publish`, so there's nothing to publish.", "Tag the marts in dbt_project.yml.")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return [_export_table(connection, model, folder, prefix) for model in models]
    except duckdb.Error as error:
        raise UserError(
            f"The marts can't be read from {warehouse}: {error}.", "Run the whole pipeline, with dbt before publish."
        ) from error


def _export_table(connection: duckdb.DuckDBPyConnection, model: PublishedModel, folder: Path, prefix: str) -> dict[str, Any]:
    # the database's name in dbt's relation is the warehouse's file name: the same file is open here
    file = folder / f"{model.name}.parquet"
    target = str(file).replace("'", "''")
    rows = connection.execute(f"copy {model.relation} to '{target}' (format parquet, compression zstd)").fetchone()
    columns = connection.execute(f"describe {model.relation}").fetchall()
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        "name": model.name,
        "key": f"{prefix}{model.name}.parquet",
        "rows": rows[0] if rows else 0,
        "bytes": file.stat().st_size,
        "sha256": digest,
        "columns": [{"name": name, "type": type} for name, type, *_ in columns],
        "index": model.index,
    }


def _prune(lake: Lake) -> None:
    """Deletes all but the newest snapshots, and what an interrupted publish left. Ids sort by time."""
    keys = lake.keys(PREFIX)
    complete = sorted({key.split("/")[1] for key in keys if key.endswith("/manifest.json")})
    kept = set(complete[-KEEP:])
    lake.delete([key for key in keys if key != LATEST and key.split("/")[1] not in kept])
