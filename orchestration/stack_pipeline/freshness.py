"""Answers whether a run would publish anything new, without starting dbt.

After a publish its fingerprint is kept beside the warehouse, with the warehouse's size and time: a write by anyone else since
then (a dbt run by hand) makes the next run publish again.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from stack_pipeline.ingestion.flights_files import SourceFile
from stack_pipeline.publish.snapshot import latest_id
from stack_pipeline.resources.lake import Lake
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import project_fingerprint

Record = TypeVar("Record", "Published", "Attempt")


def fingerprint(settings: Settings, sources: list[SourceFile]) -> str:
    """SHA-256 (hexadecimal) of everything that a publish depends on: source files, dbt project, this code."""
    digest = hashlib.sha256(project_fingerprint(settings).encode())
    for source in sources:
        digest.update(f"{source.table} {source.fingerprint}\n".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Published:
    """What the last publish was made from."""

    fingerprint: str
    snapshot: str
    warehouse: list[int]


@dataclass(frozen=True)
class Attempt:
    """A run on its way to a publish. built: it built every model from what it loaded."""

    run_id: str
    fingerprint: str
    built: bool


def is_nothing_new(settings: Settings, sources: list[SourceFile], lake: Lake) -> bool:
    """Whether the newest snapshot in the lake is what a run would publish."""
    last = _read(settings.warehouse, "published", Published)
    return (
        last is not None
        and last.fingerprint == fingerprint(settings, sources)
        and last.warehouse == _state(settings.warehouse)
        and last.snapshot == latest_id(lake)
    )


def begin(settings: Settings, run_id: str, sources: list[SourceFile]) -> None:
    """Before the load. What changes from here on isn't in the fingerprint, so that the next run sees it as new."""
    _write(settings.warehouse, "attempt", Attempt(run_id, fingerprint(settings, sources), built=False))


def built(settings: Settings, run_id: str, whole: bool) -> None:
    """After dbt. whole: all models were built, not a selection."""
    attempt = _read(settings.warehouse, "attempt", Attempt)
    if attempt and attempt.run_id == run_id and whole:
        _write(settings.warehouse, "attempt", replace(attempt, built=True))


def published(settings: Settings, run_id: str, snapshot: str) -> None:
    """After the publish; the caller still holds the lease. A run that did only a part leaves no fingerprint."""
    attempt = _read(settings.warehouse, "attempt", Attempt)
    if attempt and attempt.run_id == run_id and attempt.built:
        _write(settings.warehouse, "published", Published(attempt.fingerprint, snapshot, _state(settings.warehouse)))


def _file(warehouse: Path, kind: str) -> Path:
    return warehouse.with_name(f"{warehouse.name}.{kind}.json")


def _write(warehouse: Path, kind: str, record: Published | Attempt) -> None:
    file = _file(warehouse, kind)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(record)))
    os.replace(temporary, file)


def _read(warehouse: Path, kind: str, record: type[Record]) -> Record | None:
    try:
        return record(**json.loads(_file(warehouse, kind).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _state(warehouse: Path) -> list[int]:
    """Size and time of the file, or nothing when there's none."""
    try:
        status = warehouse.stat()
    except FileNotFoundError:
        return []
    return [status.st_size, status.st_mtime_ns]
