"""Answers whether a run would publish anything new, without starting dbt.

Every source writes the warehouse only when it has something new, so the file's size and time tell. After a publish they are
kept beside it, with a fingerprint of everything else that a publish depends on.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from stack_pipeline.publish.snapshot import latest_id
from stack_pipeline.quality.suites import FOLDER as SUITES
from stack_pipeline.resources.lake import Lake
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import project_fingerprint

Record = TypeVar("Record", "Published", "Snapshot", "Attempt")


def fingerprint(settings: Settings) -> str:
    """SHA-256 (hexadecimal) of everything that a publish depends on besides the warehouse: dbt project, suites, this code."""
    digest = hashlib.sha256(project_fingerprint(settings).encode())
    for path in sorted([*Path(__file__).parent.rglob("*.py"), *SUITES.glob("*.yml")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Published:
    """What the last publish was made from."""

    fingerprint: str
    snapshot: str
    warehouse: list[int]


@dataclass(frozen=True)
class Snapshot:
    """The last publish of any kind, with the warehouse as it was."""

    id: str
    warehouse: list[int]


@dataclass(frozen=True)
class Attempt:
    """A run on its way to a publish. models: those that it builds; built: it has built them. whole: they are all there are."""

    run_id: str
    fingerprint: str
    models: list[str]
    whole: bool
    built: bool


def is_nothing_new(settings: Settings, lake: Lake) -> bool:
    """Whether the newest snapshot in the lake is what a run would publish. Never for Snowflake, whose changes aren't seen here."""
    if settings.on_snowflake:
        return False
    last = _read(settings.warehouse, "published", Published)
    return (
        last is not None
        and last.warehouse == _state(settings.warehouse)
        and last.fingerprint == fingerprint(settings)
        and last.snapshot == latest_id(lake)
    )


def is_published(settings: Settings, lake: Lake) -> bool:
    """Whether the newest snapshot in the lake was made from the warehouse as it is."""
    last = _read(settings.warehouse, "snapshot", Snapshot)
    return last is not None and last.warehouse == _state(settings.warehouse) and last.id == latest_id(lake)


def begin(settings: Settings, run_id: str, models: list[str], whole: bool) -> None:
    """Before dbt builds `models`. whole: they are all there are.

    What changes from here on isn't in the fingerprint, so that the next run sees it as new.
    """
    _write(settings.warehouse, "attempt", Attempt(run_id, fingerprint(settings), models, whole, built=False))


def built(settings: Settings, run_id: str) -> None:
    """After dbt: the models are built and have passed their tests."""
    attempt = _read(settings.warehouse, "attempt", Attempt)
    if attempt and attempt.run_id == run_id:
        _write(settings.warehouse, "attempt", replace(attempt, built=True))


def models_built(settings: Settings, run_id: str) -> set[str]:
    """Names of the models that this run built; their tests have passed."""
    attempt = _read(settings.warehouse, "attempt", Attempt)
    return set(attempt.models) if attempt and attempt.run_id == run_id and attempt.built else set()


def published(settings: Settings, run_id: str, snapshot: str) -> None:
    """After the publish; the caller still holds the lease. A run that did only a part leaves no fingerprint."""
    _write(settings.warehouse, "snapshot", Snapshot(snapshot, _state(settings.warehouse)))
    attempt = _read(settings.warehouse, "attempt", Attempt)
    if attempt and attempt.run_id == run_id and attempt.built and attempt.whole:
        _write(settings.warehouse, "published", Published(attempt.fingerprint, snapshot, _state(settings.warehouse)))


def _file(warehouse: Path, kind: str) -> Path:
    return warehouse.with_name(f"{warehouse.name}.{kind}.json")


def _write(warehouse: Path, kind: str, record: Published | Snapshot | Attempt) -> None:
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
    """Size and time of the file and of its log of changes that aren't in it yet; nothing for what isn't there."""
    state: list[int] = []
    for path in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")):
        if path.exists():
            status = path.stat()
            state += [status.st_size, status.st_mtime_ns]
    return state
