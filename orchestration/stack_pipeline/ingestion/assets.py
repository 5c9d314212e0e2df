"""The raw tables as assets: the flights, and what lies in the inbox. Each source writes only what is new."""

from collections.abc import Iterator
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    Config,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    multi_asset,
)
from pydantic import Field

from stack_pipeline.common import OWNERS, RETRY, SOURCE, daily
from stack_pipeline.ingestion.tables import COLUMNS
from stack_pipeline.resources.dagster import WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings

INBOX = AssetKey(["raw", "inbox"])
INBOX_CHECK = AssetCheckSpec("every_file_loaded", asset=INBOX, description="No file of the inbox was refused as a whole.")

GITHUB = AssetKey(["raw", "github_releases"])
GITHUB_CHECK = AssetCheckSpec("every_repository_answered", asset=GITHUB, description="GitHub could be asked for every repository.")


class LoadConfig(Config):
    """How to load."""

    force: bool = Field(False, description="Load again, also when nothing is new.")
    folder: str | None = Field(None, description="Folder of the five files; by default FLIGHTS_DIR, else the demo's data.")


_SPECS = [
    AssetSpec(
        AssetKey(["raw", table]),
        description=f"The file {table} as it came.",
        group_name="ingestion",
        owners=OWNERS,
        kinds={"dlt", "duckdb"},
        freshness_policy=daily(),
    )
    for table in COLUMNS
]


@multi_asset(name="load_flights", specs=_SPECS, pool="warehouse", retry_policy=RETRY, op_tags=SOURCE)
def flights(context: OpExecutionContext, config: LoadConfig, warehouse: WarehouseLease) -> Iterator[MaterializeResult]:
    """Loads the files that changed."""
    # only runs need dlt and Arrow; the code server, which keeps what it imports, doesn't
    from stack_pipeline.ingestion.flights_files import find_sources
    from stack_pipeline.ingestion.load import load_flights

    with failing_clearly():
        settings = Settings.from_env()
        with warehouse.hold(context):
            sources = find_sources(Path(config.folder) if config.folder else settings.flights)
            loaded = load_flights(settings.warehouse, sources, config.force)
    for table in loaded:
        yield MaterializeResult(
            asset_key=AssetKey(["raw", table.table]),
            metadata={
                "dagster/row_count": table.rows,
                "bytes": table.path.stat().st_size,
                "file": str(table.path),
                "changed": table.changed,
            },
        )


_INBOX_SPEC = AssetSpec(
    INBOX,
    description="The files of `data/inbox/`, a table each (or each folder); lines that don't fit are in quarantine.inbox_rows.",
    group_name="ingestion",
    owners=OWNERS,
    kinds={"duckdb"},
    freshness_policy=daily(),
)


@multi_asset(
    name="load_inbox", specs=[_INBOX_SPEC], check_specs=[INBOX_CHECK], pool="warehouse", retry_policy=RETRY, op_tags=SOURCE
)
def inbox(context: OpExecutionContext, warehouse: WarehouseLease) -> MaterializeResult:
    """Loads the files that are new or changed."""
    from stack_pipeline.inbox.load import load_inbox, problems, tables

    settings = Settings.from_env()
    with failing_clearly(), warehouse.hold(context):
        loaded, waiting = load_inbox(settings.warehouse, settings.inbox, settings.memory, context.log.info)
        refused = problems(settings.warehouse)
        rows = tables(settings.warehouse)
    if waiting:
        context.log.info(f"still being written, so left for the next time: {', '.join(waiting)}")
    check = AssetCheckResult(
        passed=not refused,
        severity=AssetCheckSeverity.WARN,
        asset_key=INBOX,
        check_name=INBOX_CHECK.name,
        metadata={"refused files": "\n".join(refused.values())} if refused else {},
    )
    return MaterializeResult(
        asset_key=INBOX,
        metadata={
            "dagster/row_count": sum(rows.values()),
            "rows by table": rows,
            "loaded": MetadataValue.json([one.file for one in loaded if not one.problem]),
            "quarantined": sum(one.quarantined for one in loaded),
        },
        check_results=[check],
    )


_GITHUB_SPEC = AssetSpec(
    GITHUB,
    description="Releases of the repositories that orchestration/github.yml names, one row each.",
    group_name="ingestion",
    owners=OWNERS,
    kinds={"dlt", "github"},
    freshness_policy=daily(),
)


@multi_asset(
    name="load_github", specs=[_GITHUB_SPEC], check_specs=[GITHUB_CHECK], pool="warehouse", retry_policy=RETRY, op_tags=SOURCE
)
def github_releases(context: OpExecutionContext, warehouse: WarehouseLease) -> MaterializeResult:
    """Loads the releases that are new. A repository that can't be asked is a warning: what was loaded before stays."""
    from stack_pipeline.ingestion.github import GitHub, find_new, known_releases, load_releases, repositories

    settings = Settings.from_env()
    with failing_clearly():
        names = repositories(settings.github)
        github = GitHub.from_env(settings.warehouse.parent)
        with warehouse.hold(context):
            known = known_releases(settings.warehouse)
        found = find_new(github, names, known, context.log.warning)
        if found.releases:
            with warehouse.hold(context):
                load_releases(settings.warehouse, github, found)
    check = AssetCheckResult(
        passed=not found.problems,
        severity=AssetCheckSeverity.WARN,
        asset_key=GITHUB,
        check_name=GITHUB_CHECK.name,
        metadata={"problems": "\n".join(found.problems)} if found.problems else {},
    )
    new = [f"{one['repository']} {one['tag_name']}" for one in found.releases]
    return MaterializeResult(
        asset_key=GITHUB,
        metadata={"new releases": MetadataValue.json(new), "repositories": len(names)},
        check_results=[check],
    )
