"""The page, run anew by Streamlit whenever something on it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import published
import pyarrow as pa
import streamlit as st
from published import PublishedError

from stack_explorer import sql
from stack_explorer.sql import Axis, Column, Filter

# Rows that are shown at most.
SHOWN = [100, 1_000, 10_000]
# Of a file: it is held in memory until it is fetched.
FILE_ROWS = 500_000
FILE_BYTES = 128 * 2**20
# Values that a list offers; of a column with more, a part of the text is asked for.
LISTED = 200
# Bars, or points, of a chart.
BARS = 40
POINTS = 5_000

FORMATS = {"CSV": ("csv", "text/csv"), "Parquet": ("parquet", "application/vnd.apache.parquet")}


def page() -> None:
    st.set_page_config(page_title="Explorer", layout="wide")
    with readable():
        catalog = published.catalog()
    tables = {one["name"]: one for one in catalog["tables"]}
    if not tables:
        st.info("Nothing is published yet. `make pipeline` does it; then load this page again.")
        return
    snapshot = catalog["snapshot"]
    with st.sidebar:
        name = st.selectbox("Table", sorted(tables), key="table")
        table = tables[name]
        st.caption(f"{counted(table['rows'])}, published {age(snapshot['publishedAt'])}")
        columns = [Column(one["name"], one["type"]) for one in table["columns"]]
        with readable():
            filters = chosen_filters(name, columns, snapshot["id"])
    st.subheader(name)
    shown, drawn, described = st.tabs(["Rows", "Chart", "Columns"])
    with shown, readable():
        show_rows(name, columns, filters, snapshot["id"])
    with drawn, readable():
        show_chart(name, columns, filters, snapshot["id"])
    with described:
        st.dataframe([{"column": one.name, "type": one.type} for one in columns], hide_index=True)


@contextmanager
def readable() -> Iterator[None]:
    """What the server refuses is said in its words; the rest of the block is left out."""
    try:
        yield
    except PublishedError as error:
        st.error(f"{error.detail}\n\n{error.remedy}", icon=":material/error:")
        if error.code in ("unreachable", "unauthorized", "not_configured"):
            st.stop()


@st.cache_data(max_entries=50, show_spinner=False)
def ask(question: sql.Question, snapshot: str) -> pd.DataFrame:
    """The rows; the same ones until another snapshot is published."""
    return published.query(*question)


@st.cache_data(max_entries=10, show_spinner=False)
def read(question: sql.Question, snapshot: str, max_rows: int) -> pa.Table:
    """The same, with the server's types: a day is shown as a day."""
    return published.arrow(*question, max_rows=max_rows)


def chosen_filters(table: str, columns: list[Column], snapshot: str) -> list[Filter]:
    by_name = {column.name: column for column in columns}
    names = st.multiselect("Filter by", list(by_name), key=f"{table}/filters", placeholder="Choose columns")
    return [chosen_filter(table, by_name[name], snapshot) for name in names if name in by_name]


def chosen_filter(table: str, column: Column, snapshot: str) -> Filter:
    about = ask(sql.extent(table, column), snapshot).iloc[0]
    key = f"{table}/{column.name}"
    if column.kind == "flag" or (column.kind == "text" and about.different <= LISTED):
        return chosen_values(table, column, bool(about.gaps), snapshot, key)
    if column.kind in ("text", "other") or pd.isna(about.least):
        part = st.text_input(f"{column.name} has in it", key=f"{key}/contains", placeholder="any text")
        return Filter(column, contains=part)
    if column.kind == "number":
        left, right = st.columns(2, vertical_alignment="bottom")
        whole = "INT" in column.type
        least, most = (int(bound) if whole else float(bound) for bound in (about.least, about.most))
        given: dict[str, Any] = {"value": None, "step": 1 if whole else None}
        low = left.number_input(f"{column.name} from", key=f"{key}/from", placeholder=f"{least:,}", **given)
        high = right.number_input("to", key=f"{key}/to", placeholder=f"{most:,}", **given)
    else:
        bounds = {"min_value": pd.Timestamp(about.least).date(), "max_value": pd.Timestamp(about.most).date()}
        low = st.date_input(f"{column.name} from", None, key=f"{key}/from", **bounds)
        high = st.date_input(f"{column.name} to", None, key=f"{key}/to", **bounds)
    empty = bool(about.gaps) and st.checkbox(f"also rows without {column.name}", key=f"{key}/empty")
    return Filter(column, least=low, most=high, empty=empty)


def chosen_values(table: str, column: Column, gaps: bool, snapshot: str, key: str) -> Filter:
    found: list[Any] = [False, True] if column.kind == "flag" else list(ask(sql.values(table, column, LISTED), snapshot).value)
    picked = st.multiselect(
        column.name,
        [*found, *([None] if gaps else [])],
        key=f"{key}/values",
        format_func=lambda value: "(no value)" if value is None else str(value),
        placeholder="any",
    )
    return Filter(column, values=tuple(picked), empty=None in picked)


def show_rows(table: str, columns: list[Column], filters: list[Filter], snapshot: str) -> None:
    by_name = {column.name: column for column in columns}
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    order = left.selectbox("Order by", list(by_name), None, key=f"{table}/order", placeholder="as stored")
    descending = middle.toggle("largest first", key=f"{table}/descending", disabled=order is None)
    limit = right.selectbox("Rows shown", SHOWN, format_func=lambda rows: f"{rows:,}", key="limit")
    question = sql.rows(table, filters, by_name.get(order) if order else None, descending)
    found = int(ask(sql.count(table, filters), snapshot).iloc[0, 0])
    shown = read(question, snapshot, limit)
    st.caption(counted(found) if found <= limit else f"The first {len(shown):,} of {counted(found)}")
    st.dataframe(shown, hide_index=True, key=f"{table}/rows")
    offer_files(table, question, found)


def offer_files(table: str, question: sql.Question, found: int) -> None:
    if found > FILE_ROWS:
        st.caption(f"A file has at most {counted(FILE_ROWS)}: filter more, or ask duckdb-http, which streams any number.")
    buttons = st.container(horizontal=True)
    for name, (format, media_type) in FORMATS.items():
        buttons.download_button(
            name,
            partial(file_of, question, format),
            f"{table}.{format}",
            media_type,
            on_click="ignore",
            icon=":material/download:",
            disabled=found > FILE_ROWS,
            key=f"{table}/{format}",
        )


def file_of(question: sql.Question, format: str) -> bytes:
    content = bytearray()
    for piece in published.stream(*question, format=format):
        content += piece
        if len(content) > FILE_BYTES:
            raise PublishedError(f"the file is larger than {FILE_BYTES >> 20} MiB", code="file_too_large")
    return bytes(content)


def show_chart(table: str, columns: list[Column], filters: list[Filter], snapshot: str) -> None:
    by_name = {column.name: column for column in columns}
    numbers = [column.name for column in columns if column.kind == "number"]
    first, second, third, fourth = st.columns(4)
    axis_name = first.selectbox("By", list(by_name), key=f"{table}/x")
    column = by_name[axis_name]
    times = column.kind in ("day", "time")
    step = (
        second.selectbox("in steps of a", sql.STEPS[: 5 if column.kind == "day" else 6], 2, key=f"{table}/step") if times else None
    )
    what = third.selectbox("Show", ["number of rows", *(sql.AGGREGATES if numbers else [])], key=f"{table}/what")
    aggregate = what if what in sql.AGGREGATES else None
    measured = fourth.selectbox("of", numbers, key=f"{table}/y", disabled=aggregate is None) if numbers else None
    axis = Axis(column, step, width_of(table, column, snapshot))
    most = BARS if column.kind in ("text", "other") else POINTS
    question = sql.chart(table, filters, axis, aggregate, by_name.get(measured) if measured else None, most + 1)
    frame = ask(question, snapshot)
    if len(frame) > most:
        frame = frame.head(most)
        st.caption(f"The first {most:,}, of more")
    label = f"{aggregate} of {measured}" if aggregate else "rows"
    if frame.empty:
        st.info("No row is left by the filters.")
    elif times:
        st.line_chart(frame, x="x", y="y", x_label=axis_name, y_label=label)
    else:
        frame["x"] = frame["x"].map(lambda value: "(no value)" if pd.isna(value) else value)
        st.bar_chart(frame, x="x", y="y", x_label=axis_name, y_label=label, sort=False)


def width_of(table: str, column: Column, snapshot: str) -> float | None:
    """Numbers of which there are many are put together."""
    if column.kind != "number":
        return None
    about = ask(sql.extent(table, column), snapshot).iloc[0]
    return sql.width(float(about.least), float(about.most), BARS) if about.different > BARS else None


def counted(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def age(published_at: str) -> str:
    minutes = int((datetime.now(UTC) - datetime.fromisoformat(published_at)).total_seconds() // 60)
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            return f"{minutes // size} {name}{'s' if minutes >= 2 * size else ''} ago"
    return "just now"


page()
