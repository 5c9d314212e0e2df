"""Which files the inbox holds, the table that each belongs to, and whether a file can be read at all."""

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack_pipeline.errors import UserError

FORMATS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet"}
"""The format that a suffix means; `.gz` may follow, except for Parquet."""

LONGEST_LINE = 1 << 20
"""Bytes that a line may have for sure. The engine reads a line in one piece, so a longer one would cost its length in memory."""

_UNFINISHED = (".part", ".tmp", ".crdownload", ".download", ".swp", "~")
_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class InboxFile:
    """A file as it was when it was looked at. name: its path below the inbox. modified: nanoseconds since 1970.

    format: csv, json, parquet, or empty when the suffix says nothing.
    """

    path: Path
    name: str
    table: str
    format: str
    packed: bool
    size: int
    modified: int

    def is_unchanged(self) -> bool:
        """Whether it is still what was looked at."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.modified)


def find_files(inbox: Path) -> list[InboxFile]:
    """The inbox's files, by name; without hidden ones and those that a program is still fetching or editing.

    `orders.csv` belongs to the table `orders`, and so does everything in the folder `orders/`.
    """
    found = []
    for path in sorted(inbox.rglob("*")) if inbox.is_dir() else []:
        name = path.relative_to(inbox).as_posix()
        if not path.is_file() or _is_left_out(name):
            continue
        packed = path.suffix.lower() == ".gz"
        plain = Path(path.stem) if packed else path
        format = FORMATS.get(plain.suffix.lower(), "")
        if packed and format == "parquet":
            format = ""
        status = path.stat()
        table = identifier(name.split("/")[0] if "/" in name else plain.stem)
        found.append(InboxFile(path, name, table, format, packed, status.st_size, status.st_mtime_ns))
    return found


def _is_left_out(name: str) -> bool:
    return any(part.startswith((".", "~$")) for part in name.split("/")) or name.lower().endswith((*_UNFINISHED, "readme.md"))


def identifier(text: str) -> str:
    """A name for SQL: lower case, words joined by `_`, as dlt and dbt have it (`Order ID`, `orderId` → `order_id`)."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    name = re.sub(r"\W+|_+", "_", words.lower()).strip("_")
    return f"_{name}" if name[:1].isdigit() else name or "column"


def check(file: InboxFile) -> str:
    """Reads the file once, in bounded memory, and returns the SHA-256 of its bytes, hexadecimal.

    Raises UserError when its format isn't known, or it is empty, damaged, not UTF-8, or has a line that is too long.
    """
    if not file.format:
        suffixes = ", ".join(suffix for suffix in FORMATS if suffix != ".parquet")
        raise _unreadable(file, "its name doesn't say its format", f"Name it {suffixes} (each also with .gz) or .parquet.")
    if file.size == 0:
        raise _unreadable(file, "it is empty", "Write its content, or delete it.")
    digest = hashlib.sha256()
    with file.path.open("rb") as content:
        while chunk := content.read(LONGEST_LINE):
            digest.update(chunk)
    if file.format != "parquet":
        try:
            _check_text(file)
        except (EOFError, OSError, zlib.error) as error:
            raise _unreadable(file, f"its archive is damaged or cut off ({error})", "Replace it by a whole copy.") from None
    return digest.hexdigest()


def text_of(file: InboxFile) -> Iterator[bytes]:
    """The file's content, unpacked, in pieces of LONGEST_LINE bytes."""
    with gzip.open(file.path) if file.packed else file.path.open("rb") as content:
        while chunk := content.read(LONGEST_LINE):
            yield chunk


def _check_text(file: InboxFile) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, first = 1, True
    for chunk in text_of(file):
        if first and (encoding := _MARKS.get(chunk[:2])):
            raise _not_utf8(file, 1, f"it is {encoding}", encoding)
        first = False
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line = lines + chunk.count(b"\n", 0, max(error.start, 0))
            raise _not_utf8(file, line, "it isn't UTF-8", "WINDOWS-1252") from None
        breaks = chunk.count(b"\n")
        # a line that fills a whole piece has at least its length
        if breaks == 0 and len(chunk) == LONGEST_LINE and not file.name.lower().endswith((".json", ".json.gz")):
            raise _unreadable(
                file, f"line {lines} is longer than {LONGEST_LINE >> 20} MiB", "Correct that line; a quote may lack its end."
            )
        lines += breaks


def _not_utf8(file: InboxFile, line: int, what: str, encoding: str) -> UserError:
    name = file.path.name
    return _unreadable(
        file, f"{what} (line {line})", f"Convert it: iconv -f {encoding} -t UTF-8 {name} > new, then put that in its place."
    )


def _unreadable(file: InboxFile, reason: str, remedy: str) -> UserError:
    return UserError(f"The file {file.name} of the inbox can't be loaded: {reason}.", remedy, file=file.name)
