"""The published marts in PostgreSQL: the standard door for Metabase, Grafana and psql.

Loaded from the snapshot in the lake, so it's the same from every warehouse. Readers see one snapshot or the next, never parts of
two: new tables are filled beside the schema and moved into it in one transaction.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
from psycopg2 import sql

from stack_pipeline.errors import UserError
from stack_pipeline.publish.snapshot import Manifest
from stack_pipeline.resources.lake import Lake

SCHEMA = "marts"
READER = "reader"
"""The role that may read the marts and nothing else."""

_LOADING = "marts_loading"
_META = "marts_meta"

_TYPES = {
    "VARCHAR": "text", "BOOLEAN": "boolean", "TINYINT": "smallint", "SMALLINT": "smallint", "INTEGER": "integer",
    "BIGINT": "bigint", "UTINYINT": "smallint", "USMALLINT": "integer", "UINTEGER": "bigint", "UBIGINT": "numeric(20)",
    "HUGEINT": "numeric(39)", "FLOAT": "real", "DOUBLE": "double precision", "DATE": "date", "TIME": "time",
    "TIMESTAMP": "timestamp", "TIMESTAMP_S": "timestamp", "TIMESTAMP_MS": "timestamp", "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz", "UUID": "uuid", "JSON": "jsonb", "INTERVAL": "interval",
}  # fmt: skip


def load_snapshot(
    url: str, password: str, manifest: Manifest, lake: Lake, tell: Callable[[str], None] = lambda _: None
) -> dict[str, int]:
    """Brings the schema `marts` to the snapshot. Returns the rows of the tables that were loaded; unchanged ones are left alone.

    url: of a database where we may create schemas and roles. password: of the role `reader`. Raises UserError when PostgreSQL
    can't be reached or refuses.
    """
    with _connection(url) as connection:
        with connection, connection.cursor() as cursor:
            _prepare(cursor, password)
            cursor.execute(f"select name, sha256 from {_META}.tables")
            before = dict(cursor.fetchall())
        changed = [table for table in manifest["tables"] if before.get(table["name"]) != table["sha256"]]
        loaded: dict[str, int] = {}
        for table in changed:
            loaded[table["name"]] = _load(connection, table, lake)
            tell(f"{table['name']}: {loaded[table['name']]} rows")
        with connection, connection.cursor() as cursor:
            _swap(cursor, manifest, changed, before)
    return loaded


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
        try:
            yield connection
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise UserError(
            f"The marts can't be written to PostgreSQL: {str(error).strip()}", "Look at it: make status, make logs s=postgres."
        ) from error


def _prepare(cursor: Any, password: str) -> None:
    for schema in (SCHEMA, _LOADING, _META):
        cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    cursor.execute(f"create table if not exists {_META}.tables (name text primary key, sha256 text not null, rows bigint not null)")
    cursor.execute(
        f"create table if not exists {_META}.snapshot (id text not null, run_id text, published_at timestamptz not null)"
    )
    cursor.execute("select 1 from pg_roles where rolname = %s", [READER])
    action = "alter" if cursor.fetchone() else "create"
    cursor.execute(sql.SQL("{} role {} login password {}").format(sql.SQL(action), sql.Identifier(READER), sql.Literal(password)))
    cursor.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(SCHEMA), sql.Identifier(READER)))
    # a query of the reader's can't hold the swap up for ever
    cursor.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(sql.Identifier(READER)))


def _load(connection: Any, table: dict[str, Any], lake: Lake) -> int:
    """Fills the table beside the schema; its name is free there, since a former try is dropped."""
    name = sql.Identifier(_LOADING, table["name"])
    columns = [(column["name"], postgres_type(column["type"])) for column in table["columns"]]
    definition = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns)
    with tempfile.TemporaryDirectory(prefix="postgres-sink-") as folder, connection, connection.cursor() as cursor:
        parquet, csv = Path(folder) / "table.parquet", Path(folder) / "table.csv"
        lake.download(table["key"], parquet)
        _to_csv(parquet, csv, table["columns"])
        cursor.execute(sql.SQL("drop table if exists {} cascade").format(name))
        cursor.execute(sql.SQL("create table {} ({})").format(name, definition))
        with csv.open("rb") as content:
            cursor.copy_expert(sql.SQL("copy {} from stdin (format csv, null '\\N')").format(name), content)
        rows = cursor.rowcount
        for number, index in enumerate(table.get("index", [])):
            keys = sql.SQL(", ").join(map(sql.Identifier, index))
            cursor.execute(sql.SQL("create index {} on {} ({})").format(sql.Identifier(f"{table['name']}_{number}"), name, keys))
        return rows


def _to_csv(parquet: Path, csv: Path, columns: list[dict[str, str]]) -> None:
    values = ", ".join(_value(column["name"], column["type"]) for column in columns)
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '512MB'; set timezone = 'UTC'")
        connection.execute(
            f"copy (select {values} from '{parquet}') to '{csv}' (format csv, header false, nullstr '\\N', quote '\"')"
        )


def _value(name: str, type: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    return f"to_json({column})" if postgres_type(type) == "jsonb" and type != "JSON" else column


def postgres_type(type: str) -> str:
    """PostgreSQL's type for one of DuckDB's; nested values and what PostgreSQL doesn't have become JSON."""
    if re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)", type):
        return type.replace("DECIMAL", "numeric")
    if type.startswith("ENUM("):
        return "text"
    return _TYPES.get(type, "jsonb")


def _swap(cursor: Any, manifest: Manifest, changed: list[dict[str, Any]], before: dict[str, str]) -> None:
    wanted = {table["name"] for table in manifest["tables"]}
    for name in sorted({table["name"] for table in changed} | (set(before) - wanted)):
        cursor.execute(sql.SQL("drop table if exists {} cascade").format(sql.Identifier(SCHEMA, name)))
        cursor.execute(f"delete from {_META}.tables where name = %s", [name])
    for table in changed:
        moved = sql.Identifier(_LOADING, table["name"])
        cursor.execute(sql.SQL("alter table {} set schema {}").format(moved, sql.Identifier(SCHEMA)))
        cursor.execute(f"insert into {_META}.tables values (%s, %s, %s)", [table["name"], table["sha256"], table["rows"]])
    grant = sql.SQL("grant select on all tables in schema {} to {}")
    cursor.execute(grant.format(sql.Identifier(SCHEMA), sql.Identifier(READER)))
    cursor.execute(f"delete from {_META}.snapshot")
    cursor.execute(
        f"insert into {_META}.snapshot values (%s, %s, %s)", [manifest["id"], manifest["runId"], manifest["publishedAt"]]
    )
