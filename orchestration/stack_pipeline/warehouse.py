"""Opening the warehouse's DuckDB file, always by who holds its lease."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb


def memory_limit() -> str:
    """Bound of the engine's memory, WAREHOUSE_MEMORY (default 1GB); beyond, it spills to disk. dbt's profile has the same.

    It includes only what the engine counts, about three quarters of what the process takes.
    """
    return os.environ.get("WAREHOUSE_MEMORY") or "1GB"


@contextmanager
def connect(warehouse: Path, read_only: bool = False, in_order: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed at the end. in_order: whether rows stay in the order in which they were read; it costs memory."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit(),
        "temp_directory": f"{warehouse}.tmp",
        "preserve_insertion_order": in_order,
    }
    if not read_only:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(warehouse), read_only=read_only, config=config)
    try:
        connection.execute("set enable_progress_bar = false")  # it would fill the runs' logs
        yield connection
    finally:
        connection.close()


def dlt_destination(warehouse: Path) -> Any:
    """The warehouse as dlt's destination, with the same bound."""
    import dlt
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(warehouse))
    credentials.global_config = {"memory_limit": memory_limit()}
    return dlt.destinations.duckdb(credentials)


@contextmanager
def scratch(warehouse: Path, purpose: str) -> Iterator[Path]:
    """A folder beside the warehouse, on its disk, for the block. What one that was killed has left there is deleted first."""
    prefix = f".{purpose}-"
    for left in warehouse.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=warehouse.parent) as folder:
        yield Path(folder)


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def quoted(identifier: str) -> str:
    """The name of a table or column as SQL."""
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


def quoted_text(text: str) -> str:
    """A text as SQL's literal."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def table_columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    """Names and types of a table's columns, in order; empty when there's no such table."""
    rows = connection.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? and not internal"
        " order by column_index",
        [schema, table],
    ).fetchall()
    return dict(rows)
