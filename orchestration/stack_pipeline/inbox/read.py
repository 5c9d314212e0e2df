"""Reads a file of the inbox in DuckDB: which columns it has, its good rows into a table, its bad ones into quarantine."""

import csv
import json
import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from stack_pipeline.errors import UserError
from stack_pipeline.inbox.files import LONGEST_LINE, InboxFile, identifier, text_of
from stack_pipeline.warehouse import quoted, quoted_text

_DELIMITERS = ",;\t|"
_NUMBERS = ["BIGINT", "DOUBLE"]
_TIMES = ["DATE", "TIMESTAMP"]
_ROUNDED = {"BIGINT": "DOUBLE", "DATE": "TIMESTAMP"}
"""Types to which a cast rounds, and the type that holds the whole value."""
_KEPT = 1 << 16
"""Characters of a bad line that quarantine keeps."""

MISFITS = 0.001
"""Share of rows that may not fit a new column's type, which is guessed from a sample; with more the column becomes text."""


def wider(existing: str, found: str) -> str:
    """The type that a column has after values of another type have come: numbers and times widen, everything else stays.

    Values that don't fit then go to quarantine.
    """
    for family in (_NUMBERS, _TIMES):
        if existing in family and found in family:
            return family[max(family.index(existing), family.index(found))]
    return existing


class Reader(ABC):
    """A file that was looked into. Its columns' names are SQL's; `source` keeps the file's own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, types: dict[str, str]) -> None:
        self.connection = connection
        self.path = path
        self.found = types
        self.source = dict(zip(_unique([identifier(name) for name in types]), types, strict=True))

    def columns(self, existing: dict[str, str]) -> dict[str, str]:
        """Name and type of each column in the table, given the types that the table has already."""
        return {
            name: wider(existing[name], self._type(source)) if name in existing else self._type(source)
            for name, source in self.source.items()
        }

    def _type(self, source: str) -> str:
        return _simple(self.found[source])

    @abstractmethod
    def insert(self, target: str, names: str, file: str, columns: dict[str, str]) -> int:
        """Inserts the good rows, each with the literal `file` in front. Returns how many."""

    def widen(self, rows: int, existing: dict[str, str]) -> bool:
        """Whether a new column's type turned out too narrow at the last insert of `rows`; the next one takes a wider type."""
        return False

    @abstractmethod
    def quarantine(self, target: str, file: str) -> int:
        """Writes the bad rows of the insert. Returns how many."""


@contextmanager
def open_reader(file: InboxFile, connection: duckdb.DuckDBPyConnection) -> Iterator[Reader]:
    """Looks into the file. Raises UserError when it can't be read as what its name says."""
    with tempfile.TemporaryDirectory(prefix="inbox-") as folder:
        try:
            match file.format:
                case "csv":
                    reader: Reader = CsvReader(connection, file)
                case "json":
                    reader = JsonReader(connection, file, Path(folder))
                case _:
                    reader = TypedReader(connection, file.path, f"read_parquet({quoted_text(str(file.path))})")
        except duckdb.Error as error:
            reason = str(error).split("\n\n")[0].replace("\n", " ")[:500]
            raise UserError(
                f"The file {file.name} of the inbox can't be read as {file.format}: {reason}.",
                "Nothing of it was loaded. Replace it by an undamaged copy, or delete it.",
                file=file.name,
            ) from error
        yield reader


class CsvReader(Reader):
    """CSV as RFC 4180 has it, with `,`, `;`, tab or `|` between the values. DuckDB notes each line that doesn't fit."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: InboxFile) -> None:
        self._delimiter = _delimiter_of(file)
        literal = quoted_text(str(file.path))
        options = f"delim={quoted_text(self._delimiter)}, quote='\"', escape='\"'"
        header, types = connection.execute(
            f"select HasHeader, Columns from sniff_csv({literal}, {options}, ignore_errors=true, max_line_size={2 * LONGEST_LINE})"
        ).fetchone() or (True, [])
        if not header and _names_columns(file, self._delimiter):
            header = True
        self._options = f"{options}, header={header}, auto_detect=false, max_line_size={2 * LONGEST_LINE}, store_rejects=true"
        super().__init__(connection, file.path, {column["name"]: column["type"] for column in types})

    def columns(self, existing: dict[str, str]) -> dict[str, str]:
        types = {source: existing.get(name, self.found[source]) for name, source in self.source.items()}
        for source in self._rounded({source: type for source, type in types.items() if type in _ROUNDED}):
            self.found[source] = _ROUNDED[types[source]]
        return super().columns(existing)

    def _rounded(self, types: dict[str, str]) -> list[str]:
        """Columns with a value that their type would round: 2.5 as BIGINT, a time as DATE. DuckDB does so without a word."""
        if not types:
            return []
        as_text = "{" + ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in self.found) + "}"
        tests = ", ".join(f"bool_or({_rounds(quoted(source), type)})" for source, type in types.items())
        # a look at single characters first: the tests take longer than reading the file
        marked = " or ".join(_marked(quoted(source), type) for source, type in types.items())
        query = f"select {tests} from read_csv({quoted_text(str(self.path))}, columns={as_text}, {self._options}) where {marked}"
        found = self.connection.execute(query).fetchone() or ()
        self._forget_rejects()
        return [source for source, rounded in zip(types, found, strict=True) if rounded]

    def insert(self, target: str, names: str, file: str, columns: dict[str, str]) -> int:
        self._forget_rejects()
        types = {source: columns[name] for name, source in self.source.items()}
        literal = "{" + ", ".join(f"{quoted_text(name)}: {quoted_text(type)}" for name, type in types.items()) + "}"
        query = f"select {file}, * from read_csv({quoted_text(str(self.path))}, columns={literal}, {self._options})"
        row = self.connection.execute(f"insert into {target} ({names}) {query}").fetchone()
        rows = row[0] if row else 0
        self._refuse_encoding()
        return rows

    def widen(self, rows: int, existing: dict[str, str]) -> bool:
        misfits = self.connection.execute(
            "select column_name, count(*) from reject_errors where error_type = 'CAST' group by all"
        ).fetchall()
        names = {source: name for name, source in self.source.items()}
        narrow = [source for source, count in misfits if names[source] not in existing and count > MISFITS * rows]
        for source in narrow:
            self.found[source] = "DOUBLE" if self.found[source] == "BIGINT" else "VARCHAR"
        return bool(narrow)

    def quarantine(self, target: str, file: str) -> int:
        row = self.connection.execute(
            f"""insert into {target}
            select ?, line, string_agg(column_name, ', ' order by column_name), string_agg(error_message, '; '),
                left(any_value(csv_line), {_KEPT}), now() at time zone 'UTC'
            from reject_errors group by line order by line""",
            [file],
        ).fetchone()
        self._forget_rejects()
        return row[0] if row else 0

    def _refuse_encoding(self) -> None:
        row = self.connection.execute("select min(line) from reject_errors where error_type = 'INVALID ENCODING'").fetchone()
        if row and row[0] is not None:
            raise UserError(f"The file {self.path.name} of the inbox isn't UTF-8 (line {row[0]}).", "Convert it to UTF-8.")

    def _forget_rejects(self) -> None:
        self.connection.execute("drop table if exists reject_errors; drop table if exists reject_scans")


class TypedReader(Reader):
    """Rows that have types already, from any relation of DuckDB's. Nested values become JSON text."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, relation: str) -> None:
        self._relation = relation
        described = connection.execute(f"describe from {relation}").fetchall()
        super().__init__(connection, path, {name: type for name, type, *_ in described})
        self._bad = "false"
        self._reason = "''"

    def insert(self, target: str, names: str, file: str, columns: dict[str, str]) -> int:
        values, bad = [], {}
        for name, source in self.source.items():
            value, wanted = quoted(source), columns[name]
            if _is_nested(self.found[source]):
                value = f"to_json({value})"
            if _simple(self.found[source]) != wanted:
                bad[name] = f"({value} is not null and try_cast({value} as {wanted}) is null)"
                if wanted in _ROUNDED:
                    bad[name] = f"({bad[name]} or {_rounds(value, wanted)})"
                value = f"try_cast({value} as {wanted})"
            values.append(value)
        self._bad = " or ".join(bad.values()) or "false"
        reasons = [f"case when {test} then 'column {name}: no {columns[name]}' end" for name, test in bad.items()]
        self._reason = f"concat_ws('; ', {', '.join(reasons)})" if reasons else "''"
        query = f"select {', '.join([file, *values])} from {self._relation} where not ({self._bad})"
        row = self.connection.execute(f"insert into {target} ({names}) {query}").fetchone()
        return row[0] if row else 0

    def quarantine(self, target: str, file: str) -> int:
        if self._bad == "false":
            return 0
        query = f"""select ?, null, null, {self._reason}, left(to_json(row), {_KEPT}), now() at time zone 'UTC'
            from {self._relation} as row where {self._bad}"""
        row = self.connection.execute(f"insert into {target} {query}", [file]).fetchone()
        return row[0] if row else 0


class JsonReader(TypedReader):
    """JSON lines, or one JSON array. Lines that are no JSON object go to quarantine; an array is whole or not at all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: InboxFile, folder: Path) -> None:
        self._bad_lines: list[tuple[int, str, str]] = []
        if _is_array(file):
            path, format = file.path, "array"
        else:
            path, format = folder / "good.jsonl", "newline_delimited"
            good = self._sort_lines(file, path)
            if good == 0:
                raise UserError(
                    f"The file {file.name} of the inbox can't be loaded: no line of it is a JSON object.",
                    "Give it one object a line, or one array of objects.",
                    file=file.name,
                )
        options = f"format='{format}', records=true, sample_size=-1, maximum_object_size={16 * LONGEST_LINE}"
        super().__init__(connection, file.path, f"read_json({quoted_text(str(path))}, {options})")

    def _sort_lines(self, file: InboxFile, path: Path) -> int:
        good = 0
        with path.open("wb") as output:
            for number, line in enumerate(_lines(file), 1):
                if not line.strip():
                    continue
                try:
                    if not isinstance(json.loads(line), dict):
                        raise ValueError("it is no object")
                except ValueError as error:
                    self._bad_lines.append((number, f"no JSON object: {error}", line.decode()[:_KEPT]))
                    continue
                output.write(line.rstrip(b"\r\n") + b"\n")
                good += 1
        return good

    def quarantine(self, target: str, file: str) -> int:
        for number, reason, line in self._bad_lines:
            self.connection.execute(
                f"insert into {target} values (?, ?, null, ?, ?, now() at time zone 'UTC')", [file, number, reason, line]
            )
        return len(self._bad_lines) + super().quarantine(target, file)


def _rounds(value: str, type: str) -> str:
    """SQL that says whether a text or number holds more than the type can."""
    wide = _ROUNDED[type]
    held = f"try_cast(try_cast({value} as {type}) as {wide})"
    return f"coalesce({_marked(f'{value}::varchar', type)} and try_cast({value} as {wide}) is distinct from {held}, false)"


def _marked(text: str, type: str) -> str:
    """SQL that says whether a text has a character by which it may hold more than the type can."""
    marks = ":" if type == "DATE" else ".eE"
    return "(" + " or ".join(f"contains({text}, '{mark}')" for mark in marks) + ")"


def _lines(file: InboxFile) -> Iterator[bytes]:
    rest = b""
    for chunk in text_of(file):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _is_array(file: InboxFile) -> bool:
    first = next(text_of(file), b"").removeprefix(b"\xef\xbb\xbf").lstrip()
    return first.startswith(b"[")


def _first_line(file: InboxFile) -> str:
    return next(text_of(file), b"").removeprefix(b"\xef\xbb\xbf").decode(errors="replace").split("\n")[0].rstrip("\r")


def _delimiter_of(file: InboxFile) -> str:
    """The delimiter that the first line has most of, outside of quotes."""
    outside = "".join(_first_line(file).split('"')[::2])
    best = max(_DELIMITERS, key=outside.count)
    return best if best in outside else ","


def _names_columns(file: InboxFile, delimiter: str) -> bool:
    """Whether the first line looks like names: texts that aren't numbers, all different."""
    cells = next(csv.reader([_first_line(file)], delimiter=delimiter), [])
    names = [cell.strip() for cell in cells]
    return all(name and not name.replace(".", "", 1).lstrip("+-").isdigit() for name in names) and len(set(names)) == len(names)


def _unique(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def _is_nested(type: str) -> bool:
    return type.endswith("]") or type.startswith(("STRUCT", "MAP", "UNION"))


def _simple(type: str) -> str:
    """The type that a table's column gets for a value of this one: few, so that files of one table agree."""
    if _is_nested(type) or type == "JSON":
        return "VARCHAR"
    if type in ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"):
        return "BIGINT"
    return {"FLOAT": "DOUBLE", "TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP"}.get(type, type)
