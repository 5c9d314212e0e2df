"""Runs the suites in the warehouse by Great Expectations' own engine, in SQL: no table is read into memory.

Leans on two private parts of great-expectations 1.24.1, in `_on_duckdb`: which dialects keep one connection, since DuckDB's
results end with their connection.
"""

import enum
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from stack_pipeline.errors import UserError
from stack_pipeline.quality.suites import Suite
from stack_pipeline.warehouse import connect, memory_limit, quoted_text, table_columns, transaction

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

MOST_ROWS = 1_000
"""Bad rows of one expectation that quarantine keeps."""
MOST_LISTED = 100_000
"""Great Expectations holds the keys of all bad rows in memory to say which they are; with more it isn't asked."""

_QUARANTINE = "quarantine.failed_rows"
_RESULTS = "stack_pipeline.quality"
_RESULTS_COLUMNS = (
    "run_id varchar, checked_at timestamp, table_name varchar, number integer, expectation varchar, column_name varchar,"
    " severity varchar, passed boolean, observed varchar, checked_rows bigint, bad_rows bigint"
)


@dataclass(frozen=True)
class Finding:
    """What one expectation found. number: its place in the suite. words: it as a sentence. bad: rows that don't meet it.
    checked: rows that were looked at, None where it isn't about rows. blocking: it stops the publish. native: Great Expectations'
    own result, without values of the data, for the catalogue."""

    number: int
    expectation: str
    words: str
    column: str | None
    passed: bool
    blocking: bool
    observed: str
    bad: int = 0
    checked: int | None = None
    native: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Verdict:
    """What a suite found."""

    suite: Suite
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> list[Finding]:
        return [one for one in self.findings if not one.passed]

    @property
    def blocks(self) -> bool:
        """Whether nothing may be published."""
        return any(one.blocking for one in self.failed)


def validate(warehouse: Path, suites: list[Suite], docs: Path, run: str = "by hand") -> list[Verdict]:
    """Runs the suites whose table is there, as one checkpoint; the caller holds the warehouse's lease.

    docs: folder that the data docs are written to. run: the run's name in them. Bad rows are in quarantine.failed_rows
    afterwards, and only those of this run. Raises UserError when an expectation can't be run.
    """
    with connect(warehouse, read_only=True) as connection:
        suites = [suite for suite in suites if table_columns(connection, *suite.table.split("."))]
    if not suites:
        return []
    with _on_duckdb() as gx:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        context.add_data_docs_site("local", _site(docs))
        source = context.data_sources.add_sql("warehouse", connection_string=f"duckdb:///{warehouse}?memory_limit={memory_limit()}")
        try:
            batches = {suite.table: _batch(source, suite) for suite in suites}
            definitions = [_definition(gx, context, batches[suite.table], suite, suite.expectations) for suite in suites]
            checkpoint = gx.Checkpoint(
                name="pipeline",
                validation_definitions=definitions,
                result_format={"result_format": "SUMMARY", "partial_unexpected_count": 10},
            )
            identifier = gx.RunIdentifier(run_name=run)
            results = context.checkpoints.add(checkpoint).run(run_id=identifier).run_results
            runs = {result.suite_name: result for result in results.values()}
            context.build_data_docs(["local"])  # once: the checkpoint's own action would do it for each suite
            verdicts = [Verdict(suite, [_finding(suite, one) for one in runs[suite.table].results]) for suite in suites]
            queries = {verdict.suite.table: _queries(gx, context, batches, verdict) for verdict in verdicts if verdict.failed}
        finally:
            _let_go(source)
    _keep_bad_rows(warehouse, verdicts, queries)
    return verdicts


@contextmanager
def _on_duckdb() -> Iterator[Any]:
    import great_expectations as gx
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    dialects = engine._PERSISTED_CONNECTION_DIALECTS
    duckdb = enum.Enum("Dialect", {"DUCKDB": "duckdb"}, type=str)
    engine._PERSISTED_CONNECTION_DIALECTS = (*dialects, duckdb.DUCKDB)  # type: ignore[attr-defined]
    try:
        yield gx
    finally:
        engine._PERSISTED_CONNECTION_DIALECTS = dialects


def _site(docs: Path) -> Any:
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}
    return {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}}


def _batch(source: Any, suite: Suite) -> Any:
    schema, table = suite.table.split(".")
    return source.add_table_asset(suite.table, table_name=table, schema_name=schema).add_batch_definition_whole_table("whole")


def _definition(gx: Any, context: Any, batch: Any, suite: Suite, expectations: list[dict[str, Any]], name: str = "") -> Any:
    from great_expectations.expectations.registry import get_expectation_impl

    made = []
    for number, one in enumerate(expectations):
        arguments = {key: value for key, value in one.items() if key not in ("type", "number")}
        try:
            # the number tells which one a result is of: Great Expectations sorts them
            made.append(get_expectation_impl(one["type"])(**arguments, meta={"number": one.get("number", number)}))
        except Exception as error:  # pydantic's, or Great Expectations' own
            raise UserError(
                f"The suite of {suite.table} has an expectation that can't be: {one['type']}: {str(error).strip()}",
                f"Correct orchestration/quality/{suite.table}.yml.",
            ) from error
    name = f"{suite.table}{name}"
    added = context.suites.add(gx.ExpectationSuite(name, expectations=made))
    return context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=added))


def _let_go(source: Any) -> None:
    """Closes Great Expectations' connection: nobody else could open the warehouse for writing."""
    engine = source.get_execution_engine()
    engine.close()
    engine.engine.dispose()
    source.get_engine().dispose()


def _finding(suite: Suite, result: Any) -> Finding:
    config, found = result.expectation_config, result.result or {}
    if message := _exception(result.exception_info or {}):
        raise UserError(
            f"The expectation {config.type} of {suite.table} can't be run: {message}",
            f"Correct orchestration/quality/{suite.table}.yml.",
        )
    bad = found.get("unexpected_count") or 0
    by_query = "unexpected_rows_query" in config.kwargs
    if by_query:
        bad = int(found.get("observed_value") or 0)
    return Finding(
        number=config.meta["number"],
        expectation=config.description or config.type,
        words=config.description or _in_words(config),
        column=config.kwargs.get("column"),
        passed=bool(result.success),
        blocking=str(getattr(config.severity, "value", config.severity)) == "critical",
        observed=f"{bad} rows" if bad or by_query else _shown(found.get("observed_value", "")),
        bad=bad,
        checked=found.get("element_count"),
        native=_native(result),
    )


_COUNTS = ("observed_value", "element_count", "missing_count", "unexpected_count")


def _native(result: Any) -> dict[str, Any]:
    whole = result.to_json_dict()
    config, found = whole["expectation_config"], whole.get("result") or {}
    kwargs = {name: value for name, value in config["kwargs"].items() if name != "batch_id"}  # made anew by each run
    return {
        "success": whole["success"],
        "expectation_config": {**{name: config.get(name) for name in ("type", "description", "severity")}, "kwargs": kwargs},
        "result": {name: found[name] for name in _COUNTS if found.get(name) is not None},
    }


def _in_words(config: Any) -> str:
    """The sentence that the data docs have too, a little shorter: `month values must be at least 1 and at most 12.`"""
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    content = InlineRenderer(render_object=config).get_rendered_content()
    value = content[0].value if content else None
    if value is None or not value.template:
        return config.type
    params = {name: _shown(param["value"]) for name, param in (value.params or {}).items()}
    text = Template(value.template).safe_substitute(params)
    return text.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}".removesuffix(".00")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _exception(info: dict[str, Any]) -> str | None:
    """The message of an expectation that couldn't be run, wherever Great Expectations has put it."""
    for one in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if one.get("raised_exception"):
            return str(one.get("exception_message"))[:500]
    return None


def _queries(gx: Any, context: Any, batches: dict[str, Any], verdict: Verdict) -> dict[int, str]:
    """SQL that gives the bad rows, by the number of the expectation: asked only of those that failed, since it lists them all."""
    suite = verdict.suite
    failed = {one.number: suite.expectations[one.number] for one in verdict.failed if one.bad > 0}
    queries = {
        number: str(one["unexpected_rows_query"]).replace("{batch}", suite.table)
        for number, one in failed.items()
        if "unexpected_rows_query" in one
    }
    counts = {one.number: one.bad for one in verdict.failed}
    mapped = [
        {**one, "number": number} for number, one in failed.items() if number not in queries and counts[number] <= MOST_LISTED
    ]
    if mapped:
        definition = _definition(gx, context, batches[suite.table], suite, mapped, " (rows)")
        complete = {"result_format": "COMPLETE", "unexpected_index_column_names": suite.key, "include_unexpected_rows": False}
        for result in definition.run(result_format=complete).results:
            if query := (result.result or {}).get("unexpected_index_query"):
                queries[result.expectation_config.meta["number"]] = query.rstrip().rstrip(";")
    return queries


def _keep_bad_rows(warehouse: Path, verdicts: list[Verdict], queries: dict[str, dict[int, str]]) -> None:
    with connect(warehouse, read_only=True) as connection:
        kept = bool(table_columns(connection, "quarantine", "failed_rows")) and connection.execute(
            f"select count(*) from {_QUARANTINE}"
        ).fetchone() != (0,)
    if not kept and not any(queries.values()):
        return
    with connect(warehouse) as connection, transaction(connection):
        connection.execute("create schema if not exists quarantine")
        connection.execute(
            f"create table if not exists {_QUARANTINE}"
            " (table_name varchar, expectation varchar, column_name varchar, content varchar, found_at timestamp)"
        )
        for verdict in verdicts:
            table = verdict.suite.table
            connection.execute(f"delete from {_QUARANTINE} where table_name = ?", [table])
            for one in verdict.failed:
                if query := queries.get(table, {}).get(one.number):
                    values = ", ".join(quoted_text(text) if text else "null" for text in (table, one.expectation, one.column))
                    rows = f"select {values}, to_json(bad), now() at time zone 'UTC' from ({query}) as bad limit {MOST_ROWS}"
                    connection.execute(f"insert into {_QUARANTINE} {rows}")


def keep_results(warehouse: Path, verdicts: list[Verdict], run_id: str) -> None:
    """Replaces the table `stack_pipeline.quality`, which is published as it is: one row an expectation, of the last run that
    checked. checked_at is UTC.

    The caller holds the warehouse's lease.
    """
    rows = [
        (run_id, verdict.suite.table, one.number, one.words, one.column, "critical" if one.blocking else "warning", one.passed,
         one.observed[:200] or None, one.checked, one.bad)
        for verdict in verdicts
        for one in verdict.findings
    ]  # fmt: skip
    with connect(warehouse) as connection, transaction(connection):
        connection.execute("create schema if not exists stack_pipeline")
        connection.execute(f"create or replace table {_RESULTS} ({_RESULTS_COLUMNS})")
        if rows:
            connection.executemany(f"insert into {_RESULTS} values (?, now() at time zone 'UTC', ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def prepare_results(connection: Any) -> None:
    """The empty table, if nothing was ever checked."""
    connection.execute("create schema if not exists stack_pipeline")
    connection.execute(f"create table if not exists {_RESULTS} ({_RESULTS_COLUMNS})")
