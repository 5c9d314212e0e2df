"""Great Expectations in the pipeline: what blocks a publish, what is only told, quarantine, docs."""

import re
from pathlib import Path

import duckdb
import pytest
from dagster import AssetKey
from stack_pipeline.errors import UserError
from stack_pipeline.quality.docs import offline
from stack_pipeline.quality.suites import Suite, read_suites
from stack_pipeline.quality.validation import validate
from stack_pipeline.warehouse import connect


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.orders as select range as id, range - 2 as amount, 'c' || range % 3 as code from range(100)"
        )
    return path


def check(warehouse: Path, docs: Path, *expectations: dict):
    [verdict] = validate(warehouse, [Suite("marts.orders", ["orders"], ["id"], list(expectations))], docs)
    return verdict


def quarantine(warehouse: Path) -> list[tuple]:
    with connect(warehouse, read_only=True) as connection:
        return connection.execute(
            "select table_name, expectation, column_name, content from quarantine.failed_rows order by all"
        ).fetchall()


POSITIVE = {"type": "expect_column_values_to_be_between", "column": "amount", "min_value": 0}


def test_a_broken_row_is_found_named_and_quarantined(warehouse, tmp_path):
    rule = {
        "type": "unexpected_rows_expectation",
        "description": "Amounts are even.",
        "unexpected_rows_query": "select id, amount from {batch} where id = 5",
    }
    verdict = check(warehouse, tmp_path, POSITIVE, rule, {"type": "expect_column_values_to_not_be_null", "column": "code"})
    assert [(one.expectation, one.column, one.passed, one.bad) for one in verdict.findings if not one.passed] == [
        ("expect_column_values_to_be_between", "amount", False, 2),
        ("Amounts are even.", None, False, 1),
    ]
    assert verdict.blocks
    assert quarantine(warehouse) == [
        ("marts.orders", "Amounts are even.", None, '{"id":5,"amount":3}'),
        ("marts.orders", "expect_column_values_to_be_between", "amount", '{"id":0,"amount":-2}'),
        ("marts.orders", "expect_column_values_to_be_between", "amount", '{"id":1,"amount":-1}'),
    ]
    # mended, nothing stays there
    with connect(warehouse) as connection:
        connection.execute("delete from marts.orders where amount < 0 or id = 5")
    assert not check(warehouse, tmp_path, POSITIVE, rule).failed
    assert quarantine(warehouse) == []


def test_a_warning_blocks_nothing(warehouse, tmp_path):
    verdict = check(warehouse, tmp_path, {**POSITIVE, "severity": "warning"})
    assert verdict.failed
    assert not verdict.blocks


def test_others_may_write_afterwards(warehouse, tmp_path):
    check(warehouse, tmp_path, POSITIVE)
    with connect(warehouse) as connection:
        connection.execute("create table other as select 1 as one")


def test_a_table_that_is_not_there_is_left_out(warehouse, tmp_path):
    assert validate(warehouse, [Suite("marts.none", ["none"], ["id"], [POSITIVE])], tmp_path) == []


@pytest.mark.parametrize(
    "expectation, message",
    [
        ({"type": "expect_nonsense"}, "has an expectation that can't be: expect_nonsense"),
        ({**POSITIVE, "colum": "x"}, "has an expectation that can't be: expect_column_values_to_be_between"),
        ({**POSITIVE, "column": "none"}, "expect_column_values_to_be_between of marts.orders can't be run: .*none"),
    ],
)
def test_an_expectation_that_cannot_be_says_so(warehouse, tmp_path, expectation, message):
    with pytest.raises(UserError, match=message) as error:
        check(warehouse, tmp_path, expectation)
    assert "orchestration/quality/marts.orders.yml" in error.value.remedy


@pytest.mark.parametrize(
    "content, message",
    [
        ("[", "can't be read"),
        ("- a", "it is no mapping"),
        ("table: a.b\nasset: [a]\nkey: [id]\n", "expectations: a list is needed"),
        ("table: a.b\nasset: [a]\nkey: [id]\nexpectations: [{column: a}]\n", "expectations: number 1 has no type"),
        ("table: a.b\nasset: [a]\nkey: [id]\nexpectations: []\nmore: 1\n", "more: not known"),
    ],
)
def test_a_suite_that_is_wrong_says_where(tmp_path, content, message):
    (tmp_path / "a.b.yml").write_text(content)
    with pytest.raises(UserError, match=f"a.b.yml.*{message}"):
        read_suites(tmp_path)


def test_the_docs_ask_nobody_else(warehouse, tmp_path):
    check(warehouse, tmp_path / "docs", POSITIVE)
    pages = sorted((tmp_path / "docs").rglob("*.html"))
    assert len(pages) == 3  # index, the suite, its validation
    for page in pages:
        text = offline(page.read_text())
        assert not re.findall(r"<(?:script|link|img)[^>]*https?://[^>]*>", text)
        assert not re.findall(r"url\(['\"]?https?:", text)
        assert '<script src="/data-docs-libraries/js/bootstrap.min.js"></script>' in text


def test_the_pipeline_publishes_only_what_passed(pipeline, flights):
    result = pipeline.run()
    assert result.success
    checks = {one.asset_key: one for one in result.get_asset_check_evaluations() if one.check_name == "great_expectations"}
    # there is no ingestion service here, so what its connection loads is no asset
    assert set(checks) == {AssetKey(suite.asset) for suite in read_suites() if suite.asset[0] != "raw_airbyte"}
    assert all(one.passed for one in checks.values())
    assert b"raw.flights" in pipeline.lake.read("data-docs/index.html")
    first = pipeline.latest()

    # dbt's tests know nothing of this one
    file = flights / "weather.csv"
    lines = file.read_text().splitlines(keepends=True)
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:5], "999", *cells[6:]])
    file.write_text("".join(lines))
    bad = pipeline.run()
    assert not bad.success
    assert pipeline.latest() == first
    message = pipeline.failure(bad, "great_expectations")
    assert message.startswith(
        "Great Expectations failed, so nothing was published; the last snapshot stays.\nraw.weather: expect_column"
    )
    failed = [one.asset_key for one in bad.get_asset_check_evaluations() if not one.passed]
    assert failed == [AssetKey(["raw", "weather"])]
    assert pipeline.query("select table_name, expectation, column_name from quarantine.failed_rows") == [
        ("raw.weather", "expect_column_values_to_be_between", "temp")
    ]

    lines[1] = ",".join(cells)
    file.write_text("".join(lines))
    assert pipeline.run().success
    assert pipeline.latest()["id"] != first["id"]
    assert pipeline.query("select count(*) from quarantine.failed_rows") == [(0,)]
