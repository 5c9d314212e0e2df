"""Questions as SQL: names are quoted, values are parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Kind = Literal["number", "day", "time", "flag", "text", "other"]
Value = str | int | float | bool | None
Question = tuple[str, list[Value]]

AGGREGATES = {"average": "avg", "median": "median", "sum": "sum", "least": "min", "most": "max"}
STEPS = ["day", "week", "month", "quarter", "year", "hour"]

_KINDS: list[tuple[str, Kind]] = [
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)", "number"),
    (r"DATE", "day"),
    (r"TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE", "time"),
    (r"BOOLEAN", "flag"),
    (r"VARCHAR|ENUM\(.*\)|UUID", "text"),
]


@dataclass(frozen=True)
class Column:
    """As the server describes it."""

    name: str
    type: str

    @property
    def kind(self) -> Kind:
        return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, self.type)), "other")

    @property
    def sql(self) -> str:
        return quoted(self.name)

    @property
    def as_text(self) -> str:
        return f"CAST({self.sql} AS VARCHAR)"


@dataclass(frozen=True)
class Filter:
    """What rows have to have in a column: bounds (both inclusive), one of some values, or a text in it."""

    column: Column
    least: int | float | date | None = None
    most: int | float | date | None = None
    values: tuple[Value, ...] = ()
    contains: str = ""
    # Rows without a value, besides.
    empty: bool = False

    @property
    def question(self) -> Question:
        """The condition; an empty text when everything is wanted."""
        conditions, params = self._conditions()
        if not conditions:
            return (f"{self.column.sql} IS NULL", []) if self.empty and None in self.values else ("", [])
        wanted = " AND ".join(conditions)
        return (f"({wanted} OR {self.column.sql} IS NULL)" if self.empty else f"({wanted})"), params

    def _conditions(self) -> Question:
        column = self.column
        conditions: list[str] = []
        params: list[Value] = []
        for bound, sign in ((self.least, ">="), (self.most, "<=")):
            if isinstance(bound, date):
                conditions.append(_day(column, sign))
                params.append(bound.isoformat())
            elif bound is not None:
                conditions.append(f"{column.sql} {sign} ?")
                params.append(bound)
        values = [value for value in self.values if value is not None]
        if values:
            side = column.sql if column.kind == "flag" else column.as_text
            conditions.append(f"{side} IN ({', '.join('?' * len(values))})")
            params += values
        if self.contains:
            conditions.append(f"contains(lower({column.as_text}), lower(?))")
            params.append(self.contains)
        return conditions, params


def _day(column: Column, sign: str) -> str:
    if column.kind == "day":
        return f"{column.sql} {sign} CAST(? AS DATE)"
    if sign == ">=":
        return f"{column.sql} >= CAST(? AS {column.type})"
    return f"{column.sql} < CAST(? AS {column.type}) + INTERVAL 1 DAY"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def where(filters: Sequence[Filter]) -> Question:
    questions = [one.question for one in filters]
    conditions = [sql for sql, _ in questions if sql]
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), [value for _, params in questions for value in params]


def rows(table: str, filters: Sequence[Filter], order: Column | None = None, descending: bool = False) -> Question:
    condition, params = where(filters)
    by = f" ORDER BY {order.sql}{' DESC' if descending else ''} NULLS LAST" if order else ""
    return f"SELECT * FROM {quoted(table)}{condition}{by}", params


def count(table: str, filters: Sequence[Filter]) -> Question:
    condition, params = where(filters)
    return f"SELECT count(*) AS rows FROM {quoted(table)}{condition}", params


def extent(table: str, column: Column) -> Question:
    """Least, most, how many different ones (about), whether there are rows without a value."""
    value = column.as_text if column.kind in ("text", "other") else column.sql
    return (
        f"SELECT min({value}) AS least, max({value}) AS most, approx_count_distinct({value}) AS different, "
        f"count(*) > count({column.sql}) AS gaps FROM {quoted(table)}",
        [],
    )


def values(table: str, column: Column, most: int) -> Question:
    """The values of which there are most, as texts."""
    return (
        f"SELECT {column.as_text} AS value FROM {quoted(table)} WHERE {column.sql} IS NOT NULL GROUP BY 1 "
        f"ORDER BY count(*) DESC, 1 LIMIT {int(most)}",
        [],
    )


@dataclass(frozen=True)
class Axis:
    """What rows are put together by: the column as it is, a span of time, or a width of numbers."""

    column: Column
    step: str | None = None
    width: float | None = None

    @property
    def question(self) -> Question:
        if self.step:
            return f"date_trunc(?, {self.column.sql})", [self.step]
        if self.width:
            return f"floor({self.column.sql} / CAST(? AS DOUBLE)) * CAST(? AS DOUBLE)", [self.width, self.width]
        return (self.column.as_text if self.column.kind == "other" else self.column.sql), []


def chart(table: str, filters: Sequence[Filter], axis: Axis, aggregate: str | None, measured: Column | None, most: int) -> Question:
    """Columns `x` and `y`. Texts: those with the largest `y`; else in the order of `x`.

    :param aggregate: one of AGGREGATES, of the column `measured`. Default: the number of rows
    """
    x, before = axis.question
    condition, params = where(filters)
    y = f"{AGGREGATES[aggregate]}({measured.sql})" if aggregate and measured else "count(*)"
    by = "y DESC NULLS LAST, x" if axis.column.kind in ("text", "other") else "x"
    return (
        f"SELECT {x} AS x, CAST({y} AS DOUBLE) AS y FROM {quoted(table)}{condition} GROUP BY 1 ORDER BY {by} LIMIT {int(most)}",
        [*before, *params],
    )


def width(least: float, most: float, bars: int) -> float:
    """A round width of numbers, so that there are about `bars` of them at most."""
    raw = (most - least) / bars
    if raw <= 0:
        return 1
    size = 10.0 ** math.floor(math.log10(raw))
    return next(size * step for step in (1, 2, 5, 10) if size * step >= raw)
