"""Brings the raw tables from the stack's DuckDB file to Snowflake, so that every source is written once for both warehouses.

A table is copied when its content differs from what was copied last. Its note in the ledger is emptied before and written in one
transaction with its rows, so a copy that was killed is made again. A table that something else has made is never touched.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from stack_pipeline import snowflake
from stack_pipeline.errors import UserError
from stack_pipeline.warehouse import connect, quoted, quoted_text, scratch, table_columns

LEDGER = "_stack_loads"
"""Table of each schema in Snowflake that says what was copied into it."""
_STAGE = "_stack_loading"

_TYPES = {
    "BOOLEAN": "boolean", "TINYINT": "number", "SMALLINT": "number", "INTEGER": "number", "BIGINT": "number",
    "UTINYINT": "number", "USMALLINT": "number", "UINTEGER": "number", "UBIGINT": "number", "HUGEINT": "number",
    "FLOAT": "float", "DOUBLE": "float", "DATE": "date", "TIME": "time", "BLOB": "binary",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table of the DuckDB file that dbt's project reads. fingerprint: of its columns and rows, in any order."""

    schema: str
    name: str
    columns: dict[str, str]
    fingerprint: str
    rows: int

    @property
    def relation(self) -> str:
        return f"{self.schema}.{self.name}"


def source_tables(warehouse: Path, sources: Iterable[tuple[str, str]]) -> list[Table]:
    """Those of the sources (schema, table) that the stack has loaded; the caller holds the warehouse's lease."""
    if not warehouse.exists():
        return []
    with connect(warehouse, read_only=True) as connection:
        found = ((schema, name, table_columns(connection, schema, name)) for schema, name in sorted(set(sources)))
        return [_table(connection, schema, name, columns) for schema, name, columns in found if columns]


def _table(connection: duckdb.DuckDBPyConnection, schema: str, name: str, columns: dict[str, str]) -> Table:
    query = f"select count(*), sum(hash(source)::hugeint) from {quoted(schema)}.{quoted(name)} as source"
    rows, digest = connection.execute(query).fetchone() or (0, 0)
    definition = ",".join(f"{column} {type}" for column, type in columns.items())
    return Table(schema, name, columns, hashlib.sha256(f"{rows} {digest} {definition}".encode()).hexdigest(), rows)


def copy_tables(warehouse: Path, tables: list[Table], tell: Callable[[str], None] = lambda _: None) -> list[Table]:
    """Copies the tables that changed; the caller holds the warehouse's lease. Returns them.

    Raises UserError when Snowflake refuses, or has a table of that name that isn't the stack's.
    """
    from snowflake.connector.errors import Error

    copied = []
    with snowflake.connect() as session, session.cursor() as cursor:
        try:
            for schema in sorted({table.schema for table in tables}):
                before, there = _prepare(cursor, session.database, schema)
                for table in (table for table in tables if table.schema == schema):
                    if table.name.upper() in there and table.name not in before:
                        raise UserError(
                            f"Snowflake has a table {table.relation} that the stack didn't load, so it is left alone.",
                            "Rename it, or let dbt's source name another schema or database.",
                        )
                    if before.get(table.name) == table.fingerprint:
                        continue
                    _note(cursor, table, "", new=table.name not in before)
                    _copy(cursor, warehouse, table)
                    copied.append(table)
                    tell(f"{table.relation}: {table.rows} rows")
        except Error as error:
            said = " ".join(str(error.msg or error).split())
            raise UserError(
                f"The raw tables can't be copied to Snowflake: {said}",
                "The role has to be allowed to create schemas, stages and tables in SNOWFLAKE_DATABASE (transformation/README.md).",
            ) from error
    return copied


def _prepare(cursor: Any, database: str, schema: str) -> tuple[dict[str, str], set[str]]:
    """Makes what is needed in the schema. Returns fingerprints of what was copied, and the names of the tables there."""
    cursor.execute(f"create schema if not exists {database}.{schema}")
    cursor.execute(f"use schema {database}.{schema}")
    cursor.execute(f"create stage if not exists {_STAGE}")
    cursor.execute(f"create table if not exists {LEDGER} (name varchar, fingerprint varchar)")
    before = dict(cursor.execute(f"select name, fingerprint from {LEDGER}").fetchall())
    names = f"select table_name from {database}.information_schema.tables where table_schema = '{schema.upper()}'"
    return before, {name for (name,) in cursor.execute(names).fetchall()}


def _copy(cursor: Any, warehouse: Path, table: Table) -> None:
    definition = ", ".join(f"{_upper(column)} {_snowflake_type(type)}" for column, type in table.columns.items())
    with scratch(warehouse, "snowflake") as folder:
        with connect(warehouse, read_only=True, in_order=False) as connection:
            connection.execute("set timezone = 'UTC'")
            values = ", ".join(_value(column, type) for column, type in table.columns.items())
            # files of a size that Snowflake loads side by side
            connection.execute(
                f"copy (select {values} from {quoted(table.schema)}.{quoted(table.name)}) to {quoted_text(str(folder / 'part'))}"
                " (format parquet, file_size_bytes '250MB', file_extension 'parquet')"
            )
        cursor.execute(f"put 'file://{folder}/part/*' @{_STAGE}/{table.name}/ auto_compress = false overwrite = true")
    cursor.execute(f"create or replace table {_upper(table.name)} ({definition})")
    cursor.execute("begin")
    cursor.execute(
        f"copy into {_upper(table.name)} from @{_STAGE}/{table.name}/ file_format = (type = parquet use_logical_type = true)"
        " match_by_column_name = case_insensitive purge = true"
    )
    _note(cursor, table, table.fingerprint)
    cursor.execute("commit")


def _note(cursor: Any, table: Table, fingerprint: str, new: bool = False) -> None:
    if new:
        cursor.execute(f"insert into {LEDGER} (name, fingerprint) values (%s, %s)", (table.name, fingerprint))
    else:
        cursor.execute(f"update {LEDGER} set fingerprint = %s where name = %s", (fingerprint, table.name))


def _upper(name: str) -> str:
    """The name as Snowflake has one that isn't quoted, and as dbt's models write it; quoted, so that it may be a reserved word."""
    return quoted(name.upper())


def _snowflake_type(type: str) -> str:
    """Snowflake's type for one of DuckDB's; nested values come as JSON text."""
    if type.startswith("DECIMAL"):
        return type.replace("DECIMAL", "number")
    return _TYPES.get(type, "timestamp_ntz" if type.startswith("TIMESTAMP") else "varchar")


def _value(column: str, type: str) -> str:
    name = quoted(column)
    if type.startswith("TIMESTAMP"):
        return f"{name}::timestamp as {name}"
    if type == "HUGEINT":
        return f"{name}::decimal(38, 0) as {name}"
    return f"to_json({name})::varchar as {name}" if type.endswith("]") or type.startswith(("STRUCT", "MAP", "JSON")) else name
