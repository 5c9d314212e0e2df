"""Loads the flights' files into the warehouse's schema `raw`: only those that changed, by Parquet import.

Whole tables by dlt. Single days by SQL: their rows and their line in the ledger change in one transaction, and what it costs
doesn't grow with the table.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.flights_files import TABLES, SourceFile, to_parquet
from stack_pipeline.ingestion.tables import FILES
from stack_pipeline.settings import quiet_telemetry
from stack_pipeline.warehouse import connect, dlt_destination, quoted_text, scratch, table_columns, transaction

SCHEMA = "raw"
_LOADED = f"{SCHEMA}.{FILES}"
_DAY = "make_date(year, month, day)"


@dataclass(frozen=True)
class LoadedTable:
    """What a load did to a table.

    rows: rows it has now. changed: false when its files were loaded before. anew: all of it was loaded, not only `days`.
    """

    table: str
    path: Path
    rows: int
    changed: bool
    anew: bool
    days: list[date]


def load_flights(warehouse: Path, sources: list[SourceFile], force: bool = False) -> list[LoadedTable]:
    """Brings the raw tables up to date with their files. The caller holds the warehouse's lease.

    force: load every file, also those that were loaded before. Raises UserError on a damaged file, with the warehouse as it was.
    """
    quiet_telemetry()
    before = {} if force else _loaded_files(warehouse)
    changed = [source for source in sources if before.get(source.name) != source.fingerprint]
    tables = [source for source in changed if not source.day]
    anew = any(source.table == "flights" for source in tables)
    days = [source for source in (sources if anew else changed) if source.day]
    with _parquet(warehouse, [*tables, *days]) as files:
        if tables:
            loaded = {source.table: files[source.name] for source in tables}
            _forget(warehouse, tables, anew)
            _run_dlt(warehouse, loaded, files.folder)
            _remember(warehouse, tables)
        if days:
            _replace_days(
                warehouse, {source: files[source.name][0] for source in days}, [source.day for source in days if source.day]
            )
    with connect(warehouse, read_only=True) as connection:
        new_days = _days(connection) if anew else [source.day for source in days if source.day]
        return [
            LoadedTable(
                source.table,
                source.path,
                (connection.execute(f"select count(*) from {SCHEMA}.{source.table}").fetchone() or (0,))[0],
                source in tables or (source.table == "flights" and bool(days)),
                source in tables,
                new_days if source.table == "flights" else [],
            )
            for source in sources
            if not source.day
        ]


def load_days(warehouse: Path, sources: list[SourceFile], days: Collection[date]) -> dict[date, int]:
    """Loads these days of the flights again, each from its own file or from the file of all; the caller holds the lease.

    Returns the rows of each. Raises UserError when no file has a day, with the warehouse as it was.
    """
    own = {source.day: source for source in sources if source.day in days}
    whole = next(source for source in sources if source.table == "flights" and not source.day)
    rest = [day for day in days if day not in own]
    if whole.fingerprint != _loaded_files(warehouse).get(whole.name):
        raise UserError(
            f"The file {whole.path} isn't loaded as it is now, so a day of it can't be loaded alone.", "Run the pipeline first."
        )
    with _parquet(warehouse, [*own.values(), *([whole] if rest else [])]) as files:
        parts = {source: files[source.name][0] for source in own.values()}
        if rest:
            parts[whole] = files[whole.name][0]
        rows = _replace_days(warehouse, parts, days)
    return rows


def _replace_days(warehouse: Path, files: dict[SourceFile, Path], days: Collection[date]) -> dict[date, int]:
    """Puts the days' rows of `files` in the place of those that are there, all or none."""
    quiet_telemetry()
    with connect(warehouse) as connection, transaction(connection):
        connection.execute(f"delete from {SCHEMA}.flights where {_DAY} in (select unnest(?))", [list(days)])
        for source, path in files.items():
            wanted = [source.day] if source.day else [day for day in days if day not in {other.day for other in files}]
            parquet = f"read_parquet({quoted_text(str(path))})"
            connection.execute(f"insert into {SCHEMA}.flights by name from {parquet} where {_DAY} in (select unnest(?))", [wanted])
        found = dict(
            connection.execute(
                f"select {_DAY}, count(*) from {SCHEMA}.flights where {_DAY} in (select unnest(?)) group by all", [list(days)]
            ).fetchall()
        )
        if missing := sorted(set(days) - set(found)):
            raise UserError(
                f"No file has flights of {', '.join(map(str, missing))}.", f"Choose other days, or add flights/{missing[0]}.csv."
            )
        _remember_in(connection, [source for source in files if source.day])
    return found


def _days(connection: duckdb.DuckDBPyConnection) -> list[date]:
    return [day for (day,) in connection.execute(f"select distinct {_DAY} as day from {SCHEMA}.flights order by day").fetchall()]


class _Parquet(dict[str, tuple[Path, int]]):
    """File and rows of each source, by the source's name; `folder` is there for other temporary files too."""

    def __init__(self, folder: Path, sources: list[SourceFile]) -> None:
        super().__init__({source.name: to_parquet(source, folder) for source in sources})
        self.folder = folder


@contextmanager
def _parquet(warehouse: Path, sources: list[SourceFile]) -> Iterator[_Parquet]:
    # beside the warehouse: dlt links the files into its load package instead of copying them
    with scratch(warehouse, "load") as folder:
        yield _Parquet(folder, sources)


def _run_dlt(warehouse: Path, files: dict[str, tuple[Path, int]], folder: Path) -> None:
    # dlt's own state is kept in the warehouse; its working folder is thrown away, so that the two can't disagree
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    pipeline = dlt.pipeline(
        "flights",
        destination=dlt_destination(warehouse),
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


def _loaded_files(warehouse: Path) -> dict[str, str]:
    """Fingerprint of each source as it was loaded, by its name; empty for a new warehouse."""
    if not warehouse.exists():
        return {}
    with connect(warehouse, read_only=True) as connection:
        if not table_columns(connection, SCHEMA, FILES):
            return {}
        return dict(connection.execute(f"select source, fingerprint from {_LOADED}").fetchall())


def _forget(warehouse: Path, tables: list[SourceFile], days: bool) -> None:
    """Marks the tables, and the flights' days, as not loaded, so that a load that is killed is done again."""
    with connect(warehouse) as connection, transaction(connection):
        connection.execute(f"create schema if not exists {SCHEMA}")
        connection.execute(
            f"create table if not exists {_LOADED} (source varchar, path varchar, fingerprint varchar, loaded_at timestamp)"
        )
        connection.execute(f"delete from {_LOADED} where source in (select unnest(?))", [[source.name for source in tables]])
        if days:
            connection.execute(f"delete from {_LOADED} where source like 'flights/%'")


def _remember(warehouse: Path, sources: list[SourceFile]) -> None:
    with connect(warehouse) as connection, transaction(connection):
        _remember_in(connection, sources)


def _remember_in(connection: duckdb.DuckDBPyConnection, sources: list[SourceFile]) -> None:
    for source in sources:
        connection.execute(f"delete from {_LOADED} where source = ?", [source.name])
        connection.execute(
            f"insert into {_LOADED} values (?, ?, ?, now() at time zone 'UTC')", [source.name, str(source.path), source.fingerprint]
        )
