"""The page without a browser (Streamlit's own AppTest), on a real duckdb-http, which the spec starts and publishes to."""

import datetime
from pathlib import Path

import published
import pytest
from stack_explorer.sql import Axis, Column, Filter, chart, count, rows, width
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).parents[1] / "stack_explorer" / "page.py"


def opened(table: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=30).run()
    return page.selectbox(key="table").set_value(table).run()


def columns(table: str) -> list[Column]:
    [found] = [one for one in published.catalog()["tables"] if one["name"] == table]
    return [Column(one["name"], one["type"]) for one in found["columns"]]


def test_every_type_is_shown_filtered_and_drawn():
    kinds = {column.kind for column in columns("odd")}
    assert kinds == {"number", "day", "time", "flag", "text", "other"}
    for column in columns("odd"):
        page = opened("odd")
        page.multiselect(key="odd/filters").set_value([column.name])
        page.selectbox(key="odd/x").set_value(column.name)
        page.selectbox(key="odd/order").set_value(column.name).run()
        assert not page.exception, (column, page.exception)
        assert not page.error, (column, page.error[0].value)


@pytest.mark.parametrize(
    ("name", "chosen", "wanted"),
    [
        ("an_int", {"least": 2}, 2),
        ("an_int", {"least": 2, "empty": True}, 3),
        ("an_int", {"least": 3, "most": 2}, 0),
        ("a_decimal", {"most": 1.5}, 1),
        ("a_day", {"least": datetime.date(2020, 1, 2), "most": datetime.date(2020, 1, 2)}, 1),
        # a day's last moment is part of it
        ("a_time", {"most": datetime.date(2020, 1, 2)}, 2),
        ("a_zoned", {"least": datetime.date(2020, 1, 2), "most": datetime.date(2020, 1, 2)}, 1),
        ("a_flag", {"values": (True,)}, 2),
        ("a_flag", {"values": (None,), "empty": True}, 1),
        ("a_flag", {"values": (False, None), "empty": True}, 2),
        ("a_text", {"values": ("it's; drop table odd --",)}, 1),
        ("a_text", {"contains": "100%"}, 1),
        ("a_text", {"contains": "_"}, 0),
        ("a_text", {"contains": "ÄÖ"}, 1),
        ("a_list", {"contains": "3, 2"}, 1),
        ("a_uuid", {"contains": "beef"}, 1),
    ],
)
def test_filters_choose_rows_on_the_server(name, chosen, wanted):
    [column] = [one for one in columns("odd") if one.name == name]
    assert published.query(*count("odd", [Filter(column, **chosen)])).iloc[0, 0] == wanted


def test_values_and_names_are_never_part_of_the_sql():
    column = Column('x" or 1=1 --', "VARCHAR")
    sql, params = rows('t"; --', [Filter(column, contains="'; drop"), Filter(column, values=("a'b",))], column, True)
    assert sql == (
        'SELECT * FROM "t""; --" WHERE (contains(lower(CAST("x"" or 1=1 --" AS VARCHAR)), lower(?))) '
        'AND (CAST("x"" or 1=1 --" AS VARCHAR) IN (?)) ORDER BY "x"" or 1=1 --" DESC NULLS LAST'
    )
    assert params == ["'; drop", "a'b"]


@pytest.mark.parametrize(
    ("least", "most", "wanted"), [(0, 40, 1), (0, 41, 2), (-43, 1301, 50), (0, 0.4, 0.01), (5, 5, 1), (0, 1e15, 5e13)]
)
def test_widths_are_round_and_enough(least, most, wanted):
    assert width(least, most, 40) == pytest.approx(wanted)


def test_numbers_are_put_together_by_the_server():
    [column] = [one for one in columns("odd") if one.name == "an_int"]
    drawn = published.query(*chart("odd", [], Axis(column, width=2), "sum", column, 10))
    assert drawn.dropna().values.tolist() == [[0.0, 1.0], [2.0, 5.0]]


def test_what_the_server_refuses_is_said(monkeypatch):
    monkeypatch.setenv("PUBLISHED_TOKEN", "another")
    page = AppTest.from_file(PAGE, default_timeout=30).run()
    assert "this needs a token of duckdb-http" in page.error[0].value
    assert not page.exception


def test_an_error_says_what_where_and_what_mends_it():
    with pytest.raises(published.PublishedError) as refused:
        published.query("select *\nfrom odd where nosuch = 1")
    assert refused.value.code == "invalid_sql"
    assert "  from odd where nosuch = 1\n                 ^" in str(refused.value)
    with pytest.raises(published.PublishedError, match="without a value: name"):
        published.query("select $name")
