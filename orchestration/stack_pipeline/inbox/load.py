"""Brings the warehouse's schema `inbox` up to date with the files: each file's rows, in one transaction a file.

Plain SQL, not dlt: a file's rows replace those of its former content, together with its row in the ledger and its quarantined
lines, or nothing at all happens. dlt loads table by table, so a kill between two would leave half a file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from stack_pipeline.errors import UserError, machine_limit
from stack_pipeline.inbox.files import InboxFile, check, find_files
from stack_pipeline.inbox.read import Reader, open_reader
from stack_pipeline.warehouse import connect, quoted, quoted_text, table_columns, transaction

SCHEMA = "inbox"
FILE_COLUMN = "_file"
"""Column of every table: the name of the file that the row came from."""

LEDGER = "raw.inbox_files"
_QUARANTINE = "quarantine.inbox_rows"

_PREPARE = f"""
create schema if not exists raw;
create schema if not exists {SCHEMA};
create schema if not exists quarantine;
create table if not exists {LEDGER} (
    file varchar, table_name varchar, fingerprint varchar, size_bytes bigint, modified bigint,
    row_count bigint, quarantined bigint, problem varchar, loaded_at timestamp);
create table if not exists {_QUARANTINE} (
    file varchar, line bigint, column_name varchar, reason varchar, content varchar, found_at timestamp);
"""


@dataclass(frozen=True)
class LoadedFile:
    """What became of a file. rows: of the file, in its table. problem: why it couldn't be loaded, for the user."""

    file: str
    table: str
    rows: int = 0
    quarantined: int = 0
    problem: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """A file in the ledger."""

    table: str
    fingerprint: str
    size: int
    modified: int
    problem: str | None


def load_inbox(warehouse: Path, inbox: Path, tell: Callable[[str], None] = lambda _: None) -> tuple[list[LoadedFile], list[str]]:
    """Loads the files that are new or changed; the caller holds the warehouse's lease.

    tell: gets a line for each file.
    Returns what was done, and the names of files left for the next time, since they are still being written.
    """
    known = ledger(warehouse)
    done: list[LoadedFile] = []
    waiting: list[str] = []
    for file in find_files(inbox):
        before = known.get(file.name)
        if before and (before.size, before.modified) == (file.size, file.modified):
            continue
        try:
            loaded = _load_file(warehouse, file, known)
        except UserError as error:
            if machine_limit(str(error)):
                raise  # not the file's fault
            loaded = LoadedFile(file.name, file.table, problem=str(error))
            _note_problem(warehouse, file, str(error))
        if loaded is None:
            waiting.append(file.name)
            continue
        done.append(loaded)
        tell(_line(loaded))
    return done, waiting


def _line(loaded: LoadedFile) -> str:
    if loaded.problem:
        return loaded.problem
    kept = f", {loaded.quarantined} in quarantine.inbox_rows" if loaded.quarantined else ""
    notes = "".join(f"; {note}" for note in loaded.notes)
    return f"{loaded.file}: {loaded.rows} rows in inbox.{loaded.table}{kept}{notes}"


def ledger(warehouse: Path) -> dict[str, Known]:
    """The files that were looked at before, by name."""
    if not warehouse.exists():
        return {}
    with connect(warehouse, read_only=True) as connection:
        if not table_columns(connection, "raw", "inbox_files"):
            return {}
        rows = connection.execute(f"select file, table_name, fingerprint, size_bytes, modified, problem from {LEDGER}").fetchall()
    return {file: Known(*values) for file, *values in rows}


def problems(warehouse: Path) -> dict[str, str]:
    """Files that can't be loaded, and why."""
    return {name: known.problem for name, known in ledger(warehouse).items() if known.problem}


def tables(warehouse: Path) -> dict[str, int]:
    """The inbox's tables and their rows."""
    if not warehouse.exists():
        return {}
    with connect(warehouse, read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() where schema_name = ? order by all", [SCHEMA]).fetchall()
        return {
            name: (connection.execute(f"select count(*) from {SCHEMA}.{quoted(name)}").fetchone() or (0,))[0] for (name,) in names
        }


def _load_file(warehouse: Path, file: InboxFile, known: dict[str, Known]) -> LoadedFile | None:
    """None when the file changes while it is read."""
    fingerprint = check(file)
    if not file.is_unchanged():
        return None
    twins = [name for name, one in known.items() if (one.fingerprint, one.table) == (fingerprint, file.table)]
    with connect(warehouse, in_order=False) as connection:
        connection.execute(_PREPARE)
        if twin := next((name for name in twins if name != file.name), None):
            loaded = LoadedFile(file.name, file.table, notes=[f"the same content as {twin}, so not loaded twice"])
            with transaction(connection):
                _forget_rows(connection, file)
                _remember(connection, file, fingerprint, loaded)
        else:
            with open_reader(file, connection) as reader:
                loaded = _load_rows(connection, file, reader, fingerprint)
    if loaded:
        known[file.name] = Known(file.table, fingerprint, file.size, file.modified, None)
    return loaded


def _load_rows(connection: duckdb.DuckDBPyConnection, file: InboxFile, reader: Reader, fingerprint: str) -> LoadedFile | None:
    """The file's rows in place of its former ones, all or none. None when the file changed meanwhile."""
    while True:
        try:
            with transaction(connection):
                loaded = _replace_rows(connection, file, reader)
                _remember(connection, file, fingerprint, loaded)
                if not file.is_unchanged():
                    raise _Changed
            return loaded
        except _Changed:
            return None
        except _Misfit:
            continue
        except duckdb.Error as error:
            raise _unloadable(file, error) from error


class _Changed(Exception):
    """The file was written to while it was read."""


class _Misfit(Exception):
    """A column's type was guessed too narrow; the reader knows a wider one now."""


def _replace_rows(connection: duckdb.DuckDBPyConnection, file: InboxFile, reader: Reader) -> LoadedFile:
    target = f"{SCHEMA}.{quoted(file.table)}"
    existing = table_columns(connection, SCHEMA, file.table)
    columns = reader.columns(existing)
    notes = _evolve(connection, target, existing, columns)
    _forget_rows(connection, file)
    names = ", ".join([FILE_COLUMN, *map(quoted, columns)])
    rows = reader.insert(target, names, quoted_text(file.name), columns)
    if reader.widen(rows, existing):
        raise _Misfit
    quarantined = reader.quarantine(_QUARANTINE, file.name)
    if rows == 0 and quarantined == 0:
        raise UserError(f"The file {file.name} of the inbox can't be loaded: it has no rows.", "Write some, or delete it.")
    return LoadedFile(file.name, file.table, rows, quarantined, notes=notes)


def _forget_rows(connection: duckdb.DuckDBPyConnection, file: InboxFile) -> None:
    if table_columns(connection, SCHEMA, file.table):
        connection.execute(f"delete from {SCHEMA}.{quoted(file.table)} where {FILE_COLUMN} = ?", [file.name])
    connection.execute(f"delete from {_QUARANTINE} where file = ?", [file.name])


def _evolve(connection: duckdb.DuckDBPyConnection, target: str, existing: dict[str, str], columns: dict[str, str]) -> list[str]:
    """Makes the table fit: new columns are added, numbers and times widen. Returns notes for the user."""
    if not existing:
        definitions = ", ".join(f"{quoted(name)} {type}" for name, type in columns.items())
        connection.execute(f"create table {target} ({FILE_COLUMN} varchar, {definitions})")
        return []
    notes = []
    for name, type in columns.items():
        if name not in existing:
            connection.execute(f"alter table {target} add column {quoted(name)} {type}")
            notes.append(f"new column {name} ({type})")
        elif existing[name] != type:
            connection.execute(f"alter table {target} alter {quoted(name)} type {type}")
            notes.append(f"column {name} is {type} now, it was {existing[name]}")
    if missing := [name for name in existing if name not in columns and name != FILE_COLUMN]:
        notes.append(f"no column {', '.join(missing)}: null for these rows")
    return notes


def _remember(connection: duckdb.DuckDBPyConnection, file: InboxFile, fingerprint: str, loaded: LoadedFile) -> None:
    connection.execute(f"delete from {LEDGER} where file = ?", [file.name])
    connection.execute(
        f"insert into {LEDGER} values (?, ?, ?, ?, ?, ?, ?, ?, now() at time zone 'UTC')",
        [file.name, file.table, fingerprint, file.size, file.modified, loaded.rows, loaded.quarantined, loaded.problem],
    )


def _note_problem(warehouse: Path, file: InboxFile, problem: str) -> None:
    """So that the file isn't tried again before it changes, and quarantine tells why. Rows of its former content stay."""
    with connect(warehouse) as connection, transaction(connection):
        connection.execute(_PREPARE)
        connection.execute(f"delete from {_QUARANTINE} where file = ? and line is null and content is null", [file.name])
        connection.execute(
            f"insert into {_QUARANTINE} values (?, null, null, ?, null, now() at time zone 'UTC')", [file.name, problem]
        )
        _remember(connection, file, "", LoadedFile(file.name, file.table, problem=problem))


def _unloadable(file: InboxFile, error: duckdb.Error) -> UserError:
    reason = str(error).split("\n\n")[0].replace("\n", " ")[:500]
    return UserError(
        f"The file {file.name} of the inbox can't be loaded: {reason}",
        "Nothing of it was loaded. Correct it, or delete it.",
        file=file.name,
    )
