"""Reads the files of the flights, checks them in full, and hands each on as Parquet.

A file is accepted as `<table>.parquet`, `.csv`, `.csv.gz` or `.csv.zip`. Flights of a single day may be in a file of their own,
`flights/<YYYY-MM-DD>.csv` and so on, which has precedence over that day in the file of all. Everything is read before anything
is loaded, so a broken file can't leave the warehouse half new.
"""

import gzip
import hashlib
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.tables import COLUMNS, REAL, TEXT, UTC, WHOLE

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".csv.zip")

_TYPES = {WHOLE: pa.int64(), REAL: pa.float64(), TEXT: pa.string(), UTC: pa.timestamp("us")}

TABLES = {table: pa.schema({name: _TYPES[kind] for name, kind in columns.items()}) for table, columns in COLUMNS.items()}
"""Each table's columns as Arrow's schema."""

_DAMAGE = (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError)
"""What the readers raise on a damaged file."""


@dataclass(frozen=True)
class SourceFile:
    """A source's file. fingerprint: SHA-256 of its bytes, hexadecimal. day: the only one that a file of the flights has."""

    table: str
    path: Path
    fingerprint: str
    day: date | None = None

    @property
    def name(self) -> str:
        """What tells it from the other sources: `flights`, `flights/2014-01-01`."""
        return f"{self.table}/{self.day}" if self.day else self.table


def find_sources(folder: Path) -> list[SourceFile]:
    """The file of each table, then those of single days, by day. Raises UserError when one is missing or unreadable."""
    tables = [SourceFile(table, path := find_file(folder, table), _digest(path)) for table in TABLES]
    return [*tables, *_find_days(folder / "flights")]


def _find_days(folder: Path) -> list[SourceFile]:
    found: dict[date, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is None or path.name.startswith("."):
            continue
        try:
            day = date.fromisoformat(path.name.removesuffix(suffix))
        except ValueError:
            raise _broken(path, "its name is no day, such as 2014-01-01.csv") from None
        if day in found:
            raise _broken(path, f"{found[day].name} is of the same day")
        found[day] = path
    return [SourceFile("flights", path, _digest(path), day) for day, path in sorted(found.items())]


def find_file(folder: Path, table: str) -> Path:
    """The file of a table. Raises UserError when there is none."""
    for suffix in SUFFIXES:
        path = folder / f"{table}{suffix}"
        if path.is_file():
            return path
    raise UserError(
        f"The file of the table {table} is missing: {folder / table}.parquet, .csv, .csv.gz or .csv.zip.",
        "Put it there, or name another folder: make pipeline FOLDER=….",
        table=table,
    )


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _broken(path, str(error)) from error


def to_parquet(source: SourceFile, folder: Path) -> tuple[Path, int]:
    """A Parquet file with exactly the table's columns and types, and its rows. Reads the whole source.

    The file is the source itself when that fits already, else a new one in `folder`. Raises UserError when the source is
    damaged, cut off, empty, or lacks a column.
    """
    schema = TABLES[source.table]
    target = folder / f"{source.name.replace('/', '-')}.parquet"
    try:
        if source.path.suffix == ".parquet":
            path, rows = _check_parquet(source.path, schema, target)
        else:
            path, rows = _convert_csv(source.path, schema, target)
        if source.day:
            _require_day(source, path)
    except _DAMAGE as error:
        raise _broken(source.path, str(error)) from error
    if rows == 0:
        raise _broken(source.path, "it has no rows")
    return path, rows


def _check_parquet(source: Path, schema: pa.Schema, target: Path) -> tuple[Path, int]:
    with pa.parquet.ParquetFile(source, page_checksum_verification=True) as file:
        _require_columns(source, file.schema_arrow.names, schema)
        fits = file.schema_arrow.equals(schema)
        writer = None if fits else pa.parquet.ParquetWriter(target, schema)
        try:
            rows = 0
            for batch in file.iter_batches(batch_size=500_000, columns=schema.names):
                rows += batch.num_rows
                if writer:
                    writer.write_table(pa.Table.from_batches([batch]).select(schema.names).cast(schema))
        finally:
            if writer:
                writer.close()
    return (source if fits else target), rows


def _convert_csv(source: Path, schema: pa.Schema, target: Path) -> tuple[Path, int]:
    plain = _unpacked(source, target.with_suffix(".csv"))
    _require_last_newline(source, plain)
    # the files say UTC by a Z, which only a type with a zone accepts
    types = {field.name: pa.timestamp("us", "UTC") if field.type == _TYPES[UTC] else field.type for field in schema}
    options = pa.csv.ConvertOptions(column_types=types, null_values=["", "NA"], strings_can_be_null=True)
    rows = 0
    with pa.csv.open_csv(plain, convert_options=options, read_options=pa.csv.ReadOptions(block_size=16 << 20)) as reader:
        _require_columns(source, reader.schema.names, schema)
        with pa.parquet.ParquetWriter(target, schema) as writer:
            for batch in reader:
                rows += batch.num_rows
                writer.write_table(pa.Table.from_batches([batch]).select(schema.names).cast(schema))
    if plain != source:
        plain.unlink()
    return target, rows


def _unpacked(source: Path, target: Path) -> Path:
    """The CSV itself; unpacking checks the archive's checksum."""
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise zipfile.BadZipFile(f"it has {len(names)} CSV files, not one")
            with archive.open(names[0]) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        return target
    if source.suffix == ".gz":
        with gzip.open(source) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        return target
    return source


def _require_last_newline(source: Path, plain: Path) -> None:
    """A CSV cut off within its last field still parses; the missing end of its last line gives it away."""
    with plain.open("rb") as file:
        if file.seek(0, 2) == 0:
            raise _broken(source, "it is empty")
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            raise _broken(source, "its last line doesn't end, so it looks cut off")


def _require_columns(source: Path, names: list[str], schema: pa.Schema) -> None:
    missing = [name for name in schema.names if name not in names]
    if missing:
        raise _broken(source, f"it lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")


def _require_day(source: SourceFile, parquet: Path) -> None:
    """The rows of another day would replace those that the day's own file has."""
    rows = pa.parquet.read_table(parquet, columns=["year", "month", "day"]).group_by(["year", "month", "day"]).aggregate([])
    days = [(row["year"], row["month"], row["day"]) for row in rows.to_pylist()]
    if other := next((day for day in days if source.day and day != source.day.timetuple()[:3]), None):
        raise _broken(source.path, f"it has flights of another day: {'-'.join(map(str, other))}")


def _broken(path: Path, reason: str) -> UserError:
    return UserError(
        f"The file {path} can't be loaded: {reason.strip().rstrip('.')}.",
        "Replace it by an undamaged copy and run the pipeline again. Nothing was loaded or published; the last snapshot stays.",
        file=str(path),
    )
