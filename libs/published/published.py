"""The published tables, by duckdb-http: each query reads the newest snapshot.

>>> import published
>>> published.query("select origin, count(*) as flights from fct_flights group by all")
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd
import pyarrow as pa
import requests
from urllib3.exceptions import HTTPError

Value = str | int | float | bool | None
Params = Sequence[Value] | Mapping[str, Value]

# Seconds: to connect, and between two pieces of an answer. The server has limits of its own for a query.
TIMEOUT = (5, 120)

# What the address says is a server of this stack: never asked by way of a proxy.
_session = requests.Session()
_session.trust_env = False


class PublishedError(Exception):
    """What duckdb-http answered instead of rows; `str()` of it is for people.

    Attributes: `code` (stable, e.g. `invalid_sql`, `unreachable`), `status` (HTTP's, or None), `detail`, `remedy`,
    `position` (offset into the SQL, in characters, or None), `nearest` (names like one that isn't known).
    """

    def __init__(self, detail: str, *, sql: str | None = None, status: int | None = None, **problem: Any) -> None:
        self.detail = detail
        self.status = status
        self.code: str = problem.get("code", "error")
        self.remedy: str = problem.get("remedy", "")
        self.position: int | None = problem.get("position")
        self.nearest: list[str] = problem.get("nearest") or []
        where = _marked(sql, self.position) if sql and self.position is not None else ""
        super().__init__("\n".join(part for part in (detail, where, f"→ {self.remedy}" if self.remedy else "") if part))

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback: what is wrong lies in the SQL and not in the calls that sent it."""
        return [f"PublishedError ({self.code}): {self}"]


def query(sql: str, params: Params = (), *, max_rows: int | None = None) -> pd.DataFrame:
    """The rows of one SELECT.

    Days become timestamps; whole numbers of any width (a `sum`) become int64 where they fit; other decimals stay exact.

    :param params: a list for `?` and `$1`, a mapping for `$name`
    :param max_rows: the rest is left out. Default: all rows
    :raises PublishedError: what the server refuses, or that it isn't there
    """
    table = arrow(sql, params, max_rows=max_rows)
    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            with suppress(pa.ArrowInvalid):
                table = table.set_column(i, field.name, table.column(i).cast(pa.int64()))
    return table.to_pandas(date_as_object=False)


def arrow(sql: str, params: Params = (), *, max_rows: int | None = None) -> pa.Table:
    """The same as a pyarrow Table, with DuckDB's types."""
    with _post(sql, params, "arrow", max_rows) as answer:
        try:
            answer.raw.decode_content = True
            with pa.ipc.open_stream(answer.raw) as stream:
                return stream.read_all()
        except (pa.ArrowInvalid, OSError, HTTPError) as error:
            raise _cut() from error


def stream(sql: str, params: Params = (), *, format: str, max_rows: int | None = None) -> Iterator[bytes]:
    """The same as a file that the server writes, piece by piece: `csv`, `parquet`, `ndjson`, `arrow`."""
    with _post(sql, params, format, max_rows) as answer:
        try:
            yield from answer.iter_content(1 << 16)
        except requests.RequestException as error:
            raise _cut() from error


def tables() -> pd.DataFrame:
    """The tables: name, rows, columns. `.attrs` has the snapshot's `id` and when it was published (`publishedAt`)."""
    known = catalog()
    frame = pd.DataFrame(
        [(one["name"], one["rows"], ", ".join(column["name"] for column in one["columns"])) for one in known["tables"]],
        columns=["name", "rows", "columns"],
    )
    frame.attrs.update(known["snapshot"])
    return frame


def catalog() -> dict[str, Any]:
    """The same as the server has it: `tables` (`name`, `rows`, `columns` with `name` and `type`), and `snapshot`."""
    return _sent("GET", "/v1/tables").json()


def _post(sql: str, params: Params, format: str, max_rows: int | None) -> requests.Response:
    body: dict[str, Any] = {"sql": sql, "format": format}
    if params:
        body["params"] = dict(params) if isinstance(params, Mapping) else list(params)
    if max_rows is not None:
        body["maxRows"] = max_rows
    return _sent("POST", "/v1/query", sql=sql, json=body, stream=True)


def _sent(method: str, path: str, *, sql: str | None = None, **request: Any) -> requests.Response:
    address = _setting("PUBLISHED_URL")
    headers = {"authorization": f"Bearer {_setting('PUBLISHED_TOKEN')}"}
    try:
        answer = _session.request(method, address + path, headers=headers, timeout=TIMEOUT, **request)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise PublishedError(
            f"duckdb-http doesn't answer at {address}",
            code="unreachable",
            remedy="is it running? `make status` says so, `make deploy-local` starts it",
        ) from error
    if answer.ok:
        return answer
    with answer:
        raise PublishedError(**(_problem(answer) | {"sql": sql, "status": answer.status_code}))


def _problem(answer: requests.Response) -> dict[str, Any]:
    """The fields of problem details; of any other answer its beginning."""
    try:
        problem = answer.json()
        return problem if isinstance(problem["detail"], str) else {"detail": str(problem)}
    except (ValueError, KeyError, TypeError):
        return {"detail": f"the answer was {answer.status_code} {answer.reason}: {answer.text[:200]}"}


def _cut() -> PublishedError:
    return PublishedError(
        "the answer ended too early",
        code="cut",
        remedy="ask again; `make logs s=duckdb-http` has what happened",
    )


def _setting(name: str) -> str:
    value = os.environ.get(name, "")
    if value:
        return value.rstrip("/")
    raise PublishedError(f"the variable {name} isn't set", code="not_configured", remedy="`stack` sets it on deploy")


def _marked(sql: str, position: int) -> str:
    """The line of the SQL, and below it a mark at the position."""
    before = sql[:position]
    start = before.rfind("\n") + 1
    line = sql[start:].split("\n", 1)[0]
    return f"  {line}\n  {' ' * (position - start)}^"
