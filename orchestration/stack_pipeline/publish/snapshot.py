"""Writes a snapshot of tables to the lake: Parquet files, their manifest, then `latest.json`, which is the swap."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from stack_pipeline.errors import UserError
from stack_pipeline.publish.export import Exporter, export_duckdb
from stack_pipeline.resources.lake import Lake
from stack_pipeline.transformation.dbt import PublishedModel
from stack_pipeline.warehouse import quoted_text, scratch

PREFIX = "published/"
LATEST = f"{PREFIX}latest.json"
KEEP = 3
"""Snapshots that stay in the lake."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot. rows, size: of all its tables together; size in bytes."""

    id: str
    rows: dict[str, int]
    size: int


def publish_snapshot(
    warehouse: Path,
    models: list[PublishedModel],
    lake: Lake,
    run_id: str,
    carried: Sequence[dict[str, Any]] = (),
    export: Exporter = export_duckdb,
) -> Snapshot:
    """Publishes `models` as they are in the warehouse; the caller holds its lease.

    carried: tables of the snapshot before (entries of its manifest) that this one has as well, unchanged. Their objects are
    shared, not copied. export: reads the models out of their engine. Until the last write readers see the snapshot before; a
    publish that fails leaves that one in place.
    """
    now = datetime.now(UTC)
    id = f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    tables: list[dict[str, Any]] = []
    uploads: list[Future[None]] = []
    digests: list[Future[str]] = []
    # a table is uploaded, and its checksum made, while the next ones are read
    with scratch(warehouse, "publish") as folder, ThreadPoolExecutor(3) as pool, duckdb.connect() as connection:
        for model in export(warehouse, models, folder):
            file = folder / f"{model.name}.parquet"
            tables.append(table := _entry(connection, model, file, f"{PREFIX}{id}/"))
            uploads.append(pool.submit(lake.upload, table["key"], file))
            digests.append(pool.submit(_sha256, file))
        for table, upload, digest in zip(tables, uploads, digests, strict=True):
            upload.result()
            table["sha256"] = digest.result()
    tables = sorted([*tables, *carried], key=lambda table: table["name"])
    if all(table["name"].startswith("pipeline_") for table in tables):  # what is told of the pipeline isn't data
        raise UserError(
            "No model is tagged `publish` and none is a table, so there's nothing to publish.", "Tag the marts in dbt_project.yml."
        )
    before = latest_id(lake)
    manifest = {
        "version": 1,
        "id": id,
        "before": before,
        "runId": run_id,
        "publishedAt": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "tables": tables,
    }
    content = json.dumps(manifest, indent=1).encode()
    lake.write(f"{PREFIX}{id}/manifest.json", content, "application/json")
    lake.write(LATEST, content, "application/json")
    _prune(lake, id)
    return Snapshot(id, {table["name"]: table["rows"] for table in tables}, sum(table["bytes"] for table in tables))


def roll_back(lake: Lake) -> Manifest:
    """Makes the snapshot before the latest the latest one. Returns its manifest.

    Before: the one that readers had when it was published, so that a snapshot that was rolled back isn't come back to. Raises
    UserError when there is none any more. The next publish is a new snapshot, as always.
    """
    latest = latest_manifest(lake) or {}
    complete = _complete(lake.keys(PREFIX))
    before = latest.get("before")
    earlier = [before] if before in complete else []
    if not earlier:
        raise UserError(
            "There's no earlier snapshot to go back to.", f"The last {KEEP} are kept; publish again with `make pipeline FORCE=1`."
        )
    content = lake.read(f"{PREFIX}{earlier[-1]}/manifest.json") or b""
    lake.write(LATEST, content, "application/json")
    return json.loads(content)


def latest_manifest(lake: Lake) -> Manifest | None:
    """What readers see now, or None before the first publish."""
    content = lake.read(LATEST)
    return json.loads(content) if content else None


def latest_id(lake: Lake) -> str | None:
    """The id of what readers see now, or None before the first publish."""
    manifest = latest_manifest(lake)
    return manifest["id"] if manifest else None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _entry(connection: duckdb.DuckDBPyConnection, model: PublishedModel, file: Path, prefix: str) -> dict[str, Any]:
    """A table's entry in the manifest but for its checksum, from its Parquet file: what readers will find in it."""
    parquet = quoted_text(str(file))
    rows = connection.execute(f"select count(*) from read_parquet({parquet})").fetchone()
    columns = connection.execute(f"describe from read_parquet({parquet})").fetchall()
    return {
        "name": model.name,
        "key": f"{prefix}{model.name}.parquet",
        "rows": rows[0] if rows else 0,
        "bytes": file.stat().st_size,
        "columns": [{"name": name, "type": type} for name, type, *_ in columns],
        "index": model.index,
    }


def _complete(keys: list[str]) -> list[str]:
    """Ids of the snapshots that have a manifest; they sort by time."""
    return sorted({key.split("/")[1] for key in keys if key.endswith("/manifest.json")})


def _prune(lake: Lake, latest: str) -> None:
    """Deletes all but the newest snapshots, and what an interrupted publish left; not what a kept one shares with older ones.

    latest: stays, wherever its id sorts: ids of one second are in no order.
    """
    keys = lake.keys(PREFIX)
    others = [id for id in _complete(keys) if id != latest]
    kept = [*others[-(KEEP - 1) :], latest]
    needed = {LATEST}
    for id in kept:
        manifest = f"{PREFIX}{id}/manifest.json"
        tables = json.loads(lake.read(manifest) or b"{}").get("tables", [])
        needed |= {manifest, *(table["key"] for table in tables)}
    lake.delete([key for key in keys if key not in needed])
