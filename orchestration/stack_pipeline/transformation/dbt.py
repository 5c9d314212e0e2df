"""Runs dbt in this process. A `dbt` command of its own would import dbt again for some five seconds."""

import hashlib
import importlib.metadata
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack_pipeline.errors import UserError
from stack_pipeline.settings import Settings, quiet_telemetry
from stack_pipeline.transformation.profile import profiles_file

_NOT_READ = {"target", "logs", "node_modules", "README.md", ".user.yml"}
_READ = {".sql", ".yml", ".yaml", ".csv", ".md", ".py"}

_DISTRIBUTIONS = ("dbt-core", "dbt-duckdb", "dbt-snowflake", "duckdb")

_OFFLINE = {"parse", "docs", "list", "ls", "deps", "clean"}
"""Commands that open no warehouse, the way they're called here."""

Event = dict[str, Any]
"""A structured dbt event: `info` (name, msg, level) and `data`."""


@dataclass(frozen=True)
class DbtRun:
    """The outcome of a dbt command. failures: one line for each model or test of severity error that failed."""

    success: bool
    events: list[Event] = field(repr=False)
    failures: list[str]


_BUILT = ("LogModelResult", "LogSeedResult", "LogSnapshotResult")
_RESULTS = (*_BUILT, "LogTestResult", "RunResultError", "RunResultFailure")
"""dbt's events that tell what became of a node."""


def run_dbt(settings: Settings, arguments: list[str], tell: Callable[[str], None] = lambda _: None) -> DbtRun:
    """Runs `dbt <arguments>` on the project; the caller holds the warehouse's lease unless dbt only parses.

    tell: gets a line for each model and failing test, as they end. Raises UserError when dbt couldn't run at all, with
    dbt's own message, or when Snowflake can't be reached.
    """
    quiet_telemetry()
    _set_environment(settings)
    if settings.on_snowflake and arguments[0] not in _OFFLINE:
        _try_snowflake()
    from dbt.cli.main import dbtRunner
    from dbt_common.events.base_types import EventMsg
    from google.protobuf.json_format import MessageToDict

    events: list[Event] = []

    def collect(message: EventMsg) -> None:
        if message.info.name in _RESULTS:
            event = MessageToDict(message, preserving_proto_field_name=True)
            events.append(event)
            if event["info"]["name"] in _BUILT or event["info"]["level"] == "error":
                tell(event["info"]["msg"])

    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = dbtRunner(callbacks=[collect]).invoke([*arguments, *_folders(settings, arguments[0])])
    finally:
        _close_warehouse()
    if isinstance(result.exception, (KeyboardInterrupt, SystemExit)):
        raise result.exception
    if result.exception is not None:
        if not isinstance(result.exception, Exception):
            raise result.exception
        raise UserError(
            f"dbt {arguments[0]} failed: {str(result.exception).strip()}", f"Correct the project in {settings.dbt_project}."
        )
    return DbtRun(result.success, events, _failures(result.result))


def _set_environment(settings: Settings) -> None:
    """What the profile and packages.yml read."""
    os.environ["WAREHOUSE_PATH"] = str(settings.warehouse)
    os.environ["DBT_PACKAGES"] = "true" if (settings.dbt_project / "dbt_packages" / "dbt_utils").is_dir() else ""


def _try_snowflake() -> None:
    """dbt has no timeout for a login: it tries an account that doesn't answer for minutes, then prints a stack trace."""
    from stack_pipeline.snowflake import connect

    with connect():
        pass


def _folders(settings: Settings, command: str) -> list[str]:
    # debug writes no artefacts and doesn't know the option
    artefacts = [] if command == "debug" else ["--target-path", str(settings.dbt_target)]
    return [
        *artefacts,
        "--project-dir", str(settings.dbt_project),
        "--profiles-dir", str(profiles_file(settings).parent),
        "--target", settings.dbt_target_name,
        "--log-path", str(settings.dbt_target / "logs"),
        "--no-use-colors",
    ]  # fmt: skip


def _close_warehouse() -> None:
    """dbt keeps the warehouse open after a run in this process; nobody else could write it, nor we open it otherwise."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()


def _failures(results: object) -> list[str]:
    nodes: Iterable[Any] = getattr(results, "results", None) or []
    return [f"{node.node.name}: {node.message or node.status}" for node in nodes if str(node.status) in ("fail", "error")]


def project_fingerprint(settings: Settings) -> str:
    """SHA-256 (hexadecimal) of all that dbt's result depends on besides the data: project, profile, target, versions."""
    digest = hashlib.sha256()
    for distribution in _DISTRIBUTIONS:
        digest.update(f"{distribution} {importlib.metadata.version(distribution)}\n".encode())
    digest.update(f"{settings.dbt_target_name} {settings.warehouse}\n".encode())
    files = {profiles_file(settings), *_project_files(settings.dbt_project)}
    for path in sorted(files):
        digest.update(f"{path} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_source(project: Path, path: Path) -> bool:
    """Whether dbt reads the file, as against what it writes or what others keep in the project's folder."""
    return path.suffix in _READ and path.relative_to(project).parts[0] not in _NOT_READ


def _project_files(project: Path) -> Iterable[Path]:
    for entry in project.iterdir():
        if entry.name not in _NOT_READ:
            files = entry.rglob("*") if entry.is_dir() else [entry]
            yield from (path for path in files if path.is_file() and is_source(project, path))


def prepare_manifest(settings: Settings) -> Path:
    """The project's manifest, parsed again only when something changed. Needs no lease: parsing doesn't open the warehouse.

    The file's name carries the project's fingerprint, so that a process that reads one never sees another's half-written.
    """
    fingerprint = project_fingerprint(settings)
    manifest = settings.dbt_target / "parsed" / f"manifest-{fingerprint[:16]}.json"
    if manifest.exists():
        return manifest
    manifest.parent.mkdir(parents=True, exist_ok=True)
    run_dbt(settings, ["parse", "--quiet"])
    with tempfile.NamedTemporaryFile(dir=manifest.parent, delete=False) as copy:
        copy.write((settings.dbt_target / "manifest.json").read_bytes())
    for stale in manifest.parent.glob("manifest-*.json"):
        stale.unlink()
    Path(copy.name).rename(manifest)
    return manifest


def sources_of(manifest: Path) -> list[tuple[str, str]]:
    """Schema and table of each source in the database that dbt builds in."""
    content = json.loads(manifest.read_text())
    databases = {node["database"] for node in content["nodes"].values() if node["resource_type"] == "model"}
    sources = content["sources"].values()
    return [(source["schema"], source["identifier"]) for source in sources if source["database"] in databases]


@dataclass(frozen=True)
class PublishedModel:
    """A model that readers get.

    relation: its quoted name in the warehouse. index: lists of columns to index. landed: it is no model but a table as it was
    loaded, which is in the stack's DuckDB file whatever dbt's target is.
    """

    name: str
    relation: str
    index: list[list[str]]
    landed: bool = False


def published_models(manifest: Path) -> list[PublishedModel]:
    """The models tagged `publish`, by name; of a project that tags none, all that are tables, which leaves its views out."""
    nodes = [node for node in json.loads(manifest.read_text())["nodes"].values() if node["resource_type"] == "model"]
    tagged = [node for node in nodes if "publish" in node["tags"]]
    models = tagged or [node for node in nodes if node["config"]["materialized"] in ("table", "incremental")]
    return sorted(
        (PublishedModel(node["name"], node["relation_name"], node["config"]["meta"].get("index", [])) for node in models),
        key=lambda model: model.name,
    )
