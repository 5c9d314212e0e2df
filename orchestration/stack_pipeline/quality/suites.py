"""The suites of expectations, a YAML file a table. Read without importing Great Expectations, which takes seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stack_pipeline.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "quality"


@dataclass(frozen=True)
class Suite:
    """What a table should be like.

    table: `schema.name` in the warehouse. asset: path of its asset's key. key: columns that tell a row, for quarantine.
    expectations: each a `type` and its arguments, as Great Expectations names them.
    """

    table: str
    asset: list[str]
    key: list[str]
    expectations: list[dict[str, Any]]


def read_suites(folder: Path = FOLDER) -> list[Suite]:
    """The suites of a folder, by table. Raises UserError naming file and field when one isn't as it should be."""
    return [_read(file) for file in sorted(folder.glob("*.yml"))]


def _read(file: Path) -> Suite:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{file} can't be read: {error}.", "Mend the file.") from error
    if not isinstance(content, dict):
        raise _wrong(file, "it is no mapping")
    for field, kind in (("table", str), ("asset", list), ("key", list), ("expectations", list)):
        if not isinstance(content.get(field), kind):
            raise _wrong(file, f"{field}: {'a text' if kind is str else 'a list'} is needed")
    if extra := set(content) - {"table", "asset", "key", "expectations"}:
        raise _wrong(file, f"{', '.join(sorted(extra))}: not known")
    for number, expectation in enumerate(content["expectations"], 1):
        if not isinstance(expectation, dict) or "type" not in expectation:
            raise _wrong(file, f"expectations: number {number} has no type")
    return Suite(**content)


def _wrong(file: Path, what: str) -> UserError:
    return UserError(f"{file}: {what}.", "Write it as in orchestration/quality/marts.fct_flights.yml.")
