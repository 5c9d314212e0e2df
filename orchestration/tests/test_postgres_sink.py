"""The marts in a real PostgreSQL: types, swap, the reader's rights."""

import threading
from collections.abc import Iterator

import duckdb
import psycopg2
import pytest
from conftest import free_port
from postgres import postgres
from stack_pipeline.errors import UserError
from stack_pipeline.publish.postgres import load_snapshot, postgres_type
from stack_pipeline.publish.snapshot import latest_manifest, publish_snapshot
from stack_pipeline.transformation.dbt import PublishedModel


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as address:
        yield address


class Marts:
    """Tables made in a warehouse, published to the lake, loaded into PostgreSQL."""

    def __init__(self, url, lake, folder) -> None:
        self.url, self.lake, self.warehouse = url, lake, folder / "warehouse.duckdb"
        self.runs = 0

    def publish(self, **tables: str) -> dict[str, int]:
        self.runs += 1
        with duckdb.connect(str(self.warehouse)) as connection:
            for name, query in tables.items():
                connection.execute(f"create or replace table {name} as {query}")
        models = [PublishedModel(name, name, [["id"]]) for name in tables]
        publish_snapshot(self.warehouse, models, self.lake, f"run {self.runs}")
        return load_snapshot(self.url, "reader's", latest_manifest(self.lake), self.lake)

    def reader(self):
        return psycopg2.connect(self.url.replace("postgres:secret", "reader:reader%27s"))

    def query(self, sql: str) -> list[tuple]:
        with self.reader() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


@pytest.fixture
def marts(url, lake, tmp_path):
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("drop schema if exists marts, marts_loading, marts_meta cascade")
    return Marts(url, lake, tmp_path)


def test_every_type_arrives(marts):
    values = {
        "id": "1::bigint", "small": "2::tinyint", "huge": "3::hugeint", "ratio": "0.25::double", "price": "12.50::decimal(10,2)",
        "text": """'a "quote", a
line and \\N'""", "nothing": "null::varchar", "empty": "''", "day": "date '2024-02-29'",
        "moment": "timestamp '2024-02-29 12:30:15.25'", "zoned": "timestamptz '2024-02-29 12:00:00+01'", "yes": "true",
        "list": "[1, 2]", "record": "{'a': 1}", "span": "interval 2 days",
    }  # fmt: skip
    marts.publish(everything="select " + ", ".join(f"{value} as {name}" for name, value in values.items()))
    rows = marts.query(
        "select id, small, huge, ratio, price::text, text, nothing, empty, day::text, moment::text,"
        " (zoned at time zone 'UTC')::text, yes, list, record, span::text from marts.everything"
    )
    assert rows == [
        (1, 2, 3, 0.25, "12.50", 'a "quote", a\nline and \\N', None, "", "2024-02-29", "2024-02-29 12:30:15.25",
         "2024-02-29 11:00:00", True, [1, 2], {"a": 1}, "2 days"),
    ]  # fmt: skip
    assert postgres_type("ENUM('a', 'b')") == "text"


def test_only_what_changed_is_loaded_and_what_is_gone_goes(marts):
    assert marts.publish(a="select 1 as id", b="select 2 as id") == {"a": 1, "b": 1}
    assert marts.publish(a="select 1 as id", b="select 3 as id") == {"b": 1}
    assert marts.query("select id from marts.b") == [(3,)]
    assert marts.publish(a="select 1 as id") == {}
    assert marts.query("select table_name from information_schema.tables where table_schema = 'marts'") == [("a",)]


def test_the_reader_reads_and_nothing_else(marts):
    marts.publish(a="select 1 as id")
    with pytest.raises(psycopg2.Error, match=r"read-only transaction|permission denied"):
        marts.query("delete from marts.a returning id")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        marts.query("select * from marts_meta.tables")


def test_nobody_sees_parts_of_two_snapshots(marts):
    """Readers ask for both tables at once while snapshots come; the two always agree."""
    marts.publish(a="select 0 as id from range(1000)", b="select 0 as id from range(1000)")
    stop, seen, wrong = threading.Event(), set(), []

    def look() -> None:
        with marts.reader() as connection, connection.cursor() as cursor:
            while not stop.is_set():
                try:
                    cursor.execute("select (select max(id) from marts.a), (select max(id) from marts.b)")
                    row = cursor.fetchone()
                    seen.add(row[0])
                    if row[0] != row[1]:
                        wrong.append(row)
                except psycopg2.Error as error:
                    wrong.append(str(error))
                connection.rollback()

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(1, 6):
            marts.publish(a=f"select {number} as id from range(1000)", b=f"select {number} as id from range(1000)")
    finally:
        stop.set()
        reader.join()
    assert not [one for one in wrong if not isinstance(one, str)]
    assert len(seen) > 1
    assert not wrong


def test_no_server_says_what_to_look_at(lake):
    manifest = {"id": "x", "runId": "x", "publishedAt": "2024-01-01T00:00:00Z", "tables": []}
    with pytest.raises(UserError, match="can't be written to PostgreSQL") as error:
        load_snapshot(f"postgresql://postgres:x@127.0.0.1:{free_port()}/postgres", "x", manifest, lake)
    assert "make status" in error.value.remedy
