"""Loads the flights' files into the warehouse's schema `raw` with dlt: only those that changed, by Parquet import."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.flights_files import TABLES, SourceFile, to_parquet
from stack_pipeline.settings import quiet_telemetry

SCHEMA = "raw"
_LOADED = f"{SCHEMA}.source_files"


@dataclass(frozen=True)
class LoadedTable:
    """What a load did to a table. rows: rows it has now. changed: false when its file was loaded before."""

    table: str
    path: Path
    rows: int
    changed: bool


def load_flights(warehouse: Path, sources: list[SourceFile], force: bool = False) -> list[LoadedTable]:
    """Brings the raw tables up to date with their files. The caller holds the warehouse's lease.

    force: load every file, also those that were loaded before. Raises UserError on a damaged file, with the warehouse as it was.
    """
    quiet_telemetry()
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    before = {} if force else _loaded_files(warehouse)
    changed = [source for source in sources if before.get(source.table, ("", 0))[0] != source.fingerprint]
    rows = {table: count for table, (_, count) in before.items()}
    # beside the warehouse: dlt links the files into its load package instead of copying them
    with tempfile.TemporaryDirectory(prefix=".load-", dir=warehouse.parent) as folder:
        files = {source.table: to_parquet(source, Path(folder)) for source in changed}
        if changed:
            _forget(warehouse, changed)
            _run_dlt(warehouse, files, Path(folder))
            _remember(warehouse, changed, files)
    rows |= {table: count for table, (_, count) in files.items()}
    return [LoadedTable(source.table, source.path, rows[source.table], source in changed) for source in sources]


def _run_dlt(warehouse: Path, files: dict[str, tuple[Path, int]], folder: Path) -> None:
    # dlt's own state is kept in the warehouse; its working folder is thrown away, so that the two can't disagree
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    pipeline = dlt.pipeline(
        "flights",
        destination=dlt.destinations.duckdb(str(warehouse)),
        dataset_name=SCHEMA,
        pipelines_dir=str(folder / "pipelines"),
    )
    try:
        pipeline.run([_resource(table, path, rows) for table, (path, rows) in files.items()])
    except PipelineStepFailed as error:
        raise UserError(
            f"dlt couldn't load {', '.join(sorted(files))} into {warehouse} (step {error.step}): {error.exception}.",
            "Nothing was published; the last snapshot stays. Mend the cause and run the pipeline again.",
        ) from error


def _resource(table: str, path: Path, rows: int) -> DltResource:
    # dlt takes every timestamp for one with a zone unless told
    times = {field.name: {"timezone": False} for field in TABLES[table] if pa.types.is_timestamp(field.type)}

    @dlt.resource(name=table, write_disposition="replace", columns=times)
    def parquet() -> Iterator[object]:
        yield dlt.mark.with_file_import(str(path), "parquet", rows, hints=TABLES[table].empty_table())

    return parquet


def _loaded_files(warehouse: Path) -> dict[str, tuple[str, int]]:
    """Fingerprint and rows of what each raw table was loaded from; empty for a new warehouse."""
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        known = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = ? and table_name = 'source_files'", [SCHEMA]
        ).fetchone()
        if known == (0,):
            return {}
        loaded = connection.execute(f"select table_name, fingerprint, row_count from {_LOADED}").fetchall()
    return {table: (fingerprint, rows) for table, fingerprint, rows in loaded}


def _forget(warehouse: Path, sources: list[SourceFile]) -> None:
    """Marks the tables as not loaded, so that a load that is killed is done again."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"create schema if not exists {SCHEMA}")
        connection.execute(
            f"create table if not exists {_LOADED}"
            " (table_name varchar, path varchar, fingerprint varchar, row_count bigint, loaded_at timestamp)"
        )
        connection.execute(f"delete from {_LOADED} where table_name in (select unnest(?))", [[source.table for source in sources]])


def _remember(warehouse: Path, sources: list[SourceFile], files: dict[str, tuple[Path, int]]) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.executemany(
            f"insert into {_LOADED} values (?, ?, ?, ?, now() at time zone 'UTC')",
            [[source.table, str(source.path), source.fingerprint, files[source.table][1]] for source in sources],
        )
