"""The raw tables as assets: the flights, what lies in the inbox, GitHub's releases. Each source writes only what is new."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Config,
    DynamicPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    asset,
    multi_asset,
)
from pydantic import Field

from stack_pipeline.common import NOTHING_NEW, OWNERS, RETRY, SOURCE, WRITTEN, daily, note
from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.partitions import mark_loaded
from stack_pipeline.ingestion.tables import COLUMNS
from stack_pipeline.resources.dagster import WarehouseLease, failing_clearly
from stack_pipeline.settings import Settings

if TYPE_CHECKING:
    from stack_pipeline.ingestion.load import LoadedTable

FLIGHTS = AssetKey(["raw", "flights"])
DAYS = AssetKey(["raw", "flights_by_day"])
FLIGHT_DAYS = DynamicPartitionsDefinition(name="flight_days")
"""The days that the sources have, `YYYY-MM-DD`: known once they were loaded."""

IN_SNOWFLAKE = AssetKey(["raw_in_snowflake"])

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
    note(context, ", ".join(_news(one) for one in loaded if one.changed) or NOTHING_NEW)
    for table in loaded:
        yield MaterializeResult(
            asset_key=AssetKey(["raw", table.table]),
            metadata={
                "dagster/row_count": table.rows,
                "bytes": table.path.stat().st_size,
                "file": str(table.path),
                "changed": table.changed,
                "days loaded": len(table.days),
            },
        )
        mark_loaded(context, DAYS, FLIGHT_DAYS, table.days)


def _news(loaded: "LoadedTable") -> str:
    if loaded.anew:
        return f"{loaded.table} {_count(loaded.rows, 'row')}"
    first, last = min(loaded.days), max(loaded.days)
    span = str(first) if first == last else f"{first} to {last}"
    return f"{loaded.table} of {_count(len(loaded.days), 'day')} ({span}), {_count(loaded.rows, 'row')} in all"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


class DaysConfig(Config):
    """Which days to load, in a run that has no partitions."""

    first: str | None = Field(None, description="The first day, YYYY-MM-DD.")
    last: str | None = Field(None, description="The last day; by default the first.")
    folder: str | None = Field(None, description="Folder of the files; by default FLIGHTS_DIR, else the demo's data.")


_DAYS_SPEC = AssetSpec(
    DAYS,
    description=(
        "The flights by day: a partition is loaded when `raw/flights` is, and can be loaded again alone, from the day's own file"
        " (`flights/<day>.csv` in the sources' folder) or from the file of all."
    ),
    group_name="ingestion",
    owners=OWNERS,
    kinds={"duckdb"},
    partitions_def=FLIGHT_DAYS,
)


@multi_asset(
    name="load_flight_days",
    specs=[_DAYS_SPEC],
    pool="warehouse",
    retry_policy=RETRY,
    op_tags=SOURCE,
    backfill_policy=BackfillPolicy.single_run(),
)
def flight_days(context: OpExecutionContext, config: DaysConfig, warehouse: WarehouseLease) -> Iterator[MaterializeResult]:
    """Loads the run's days again: their rows are replaced in `raw.flights`, all or none."""
    from stack_pipeline.ingestion.flights_files import find_sources
    from stack_pipeline.ingestion.load import load_days

    partitioned = context.has_partition_key or context.has_partition_key_range
    with failing_clearly():
        settings = Settings.from_env()
        asked = [date.fromisoformat(key) for key in context.partition_keys] if partitioned else _days(config)
        sources = find_sources(Path(config.folder) if config.folder else settings.flights)
        with warehouse.hold(context):
            rows = load_days(settings.warehouse, sources, asked)
    note(context, f"{_count(len(rows), 'day')}, {_count(sum(rows.values()), 'row')}")
    if not partitioned:
        mark_loaded(context, DAYS, FLIGHT_DAYS, sorted(rows))
    yield MaterializeResult(asset_key=DAYS, metadata={"dagster/row_count": sum(rows.values()), "days": len(rows)})


def _days(config: DaysConfig) -> list[date]:
    try:
        first = date.fromisoformat(config.first or "")
        last = date.fromisoformat(config.last or config.first or "")
    except ValueError:
        raise UserError(
            f"{config.first}..{config.last or config.first} names no days.", "Give them as 2013-06-01 or 2013-06-01..2013-06-30."
        ) from None
    if last < first:
        raise UserError(f"{first}..{last} ends before it begins.", "Give the earlier day first.")
    return [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]


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
    from stack_pipeline.inbox.load import SCHEMA, load_inbox, problems, tables

    settings = Settings.from_env()
    with failing_clearly(), warehouse.hold(context):
        loaded, waiting = load_inbox(settings.warehouse, settings.inbox, context.log.info)
        refused = problems(settings.warehouse)
        rows = tables(settings.warehouse)
    if waiting:
        context.log.info(f"still being written, so left for the next time: {', '.join(waiting)}")
    files = [f"{one.file} {'refused' if one.problem else _count(one.rows, 'row')}" for one in loaded]
    quarantined = sum(one.quarantined for one in loaded)
    note(context, ", ".join([*files, *([f"{_count(quarantined, 'line')} in quarantine"] if quarantined else [])]) or NOTHING_NEW)
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
            WRITTEN: MetadataValue.json(sorted({f"{SCHEMA}.{one.table}" for one in loaded if not one.problem})),
            "quarantined": quarantined,
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
    news = [_count(len(found.releases), "new release")] if found.releases else []
    unasked = ["GitHub couldn't be asked for every repository"] if found.problems else []
    note(context, ", ".join([*news, *unasked]) or NOTHING_NEW)
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


def define_copy(settings: Settings, sources: Iterable[AssetKey]) -> AssetsDefinition | None:
    """The step that brings the sources to Snowflake; None when dbt builds in the DuckDB file, where they are."""
    if not settings.on_snowflake:
        return None

    @asset(
        key=IN_SNOWFLAKE,
        deps=[*sources, DAYS],
        description="The sources that dbt's project reads, as they are in the stack's DuckDB file, in Snowflake.",
        group_name="ingestion",
        owners=OWNERS,
        kinds={"snowflake"},
        pool="warehouse",
        retry_policy=RETRY,
        freshness_policy=daily(),
    )
    def raw_in_snowflake(context: OpExecutionContext, warehouse: WarehouseLease) -> MaterializeResult:
        """Copies the tables that changed."""
        from stack_pipeline.ingestion.to_snowflake import copy_tables, source_tables
        from stack_pipeline.transformation.dbt import prepare_manifest, sources_of

        with failing_clearly(), warehouse.hold(context):
            tables = source_tables(settings.warehouse, sources_of(prepare_manifest(settings)))
            copied = copy_tables(settings.warehouse, tables, context.log.info)
        note(context, ", ".join(f"{table.relation} {_count(table.rows, 'row')}" for table in copied) or NOTHING_NEW)
        rows = {table.relation: table.rows for table in copied}
        return MaterializeResult(
            metadata={
                "dagster/row_count": sum(rows.values()),
                "copied": rows,
                "tables": len(tables),
                WRITTEN: MetadataValue.json(sorted(rows)),
            }
        )

    return raw_in_snowflake
