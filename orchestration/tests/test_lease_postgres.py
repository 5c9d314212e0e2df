"""The lease as PostgreSQL's advisory lock, as containers hold it."""

import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest
from postgres import postgres
from stack_pipeline import lease
from stack_pipeline.errors import UserError

LOCK = "hashtext('lease warehouse')"
"""What programs in other languages lock too: apps/ingestion/src/warehouse/lease.ts."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres() as address:
        yield address.replace("postgres://", "postgresql://")


def is_free(url: str) -> bool:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select pg_try_advisory_lock({LOCK})")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def test_nobody_else_has_it_meanwhile(url):
    assert is_free(url)
    with lease.hold("warehouse", "the first", url):
        assert not is_free(url)
    assert is_free(url)


def test_who_waits_is_told_for_whom_and_has_it_next(url):
    said, held = [], threading.Event()

    def second() -> None:
        with lease.hold("warehouse", "the second", url, said.append):
            held.set()

    with lease.hold("warehouse", "the first", url):
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not said:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not held.is_set()
    assert held.wait(10)
    thread.join(10)
    assert said == ["waiting for the warehouse: the first (on 127.0.0.1) holds it"]


def test_a_failing_holder_gives_it_back(url):
    with pytest.raises(ValueError), lease.hold("warehouse", "the first", url):
        raise ValueError
    assert is_free(url)


def test_no_postgresql_is_said_at_once():
    with (
        pytest.raises(UserError, match="PostgreSQL, which grants leases, can't be reached"),
        lease.hold("warehouse", "the first", "postgresql://postgres@127.0.0.1:1/postgres"),
    ):
        pass
