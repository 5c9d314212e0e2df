"""A large CSV into the inbox (looked through, types found, bad lines aside) against DuckDB's own COPY of the same file."""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from stack_pipeline.inbox.load import load_inbox
from stack_pipeline.warehouse import connect, quoted_text

SCHEMA = 'id bigint, day date, "at" timestamp, amount double, quantity bigint, customer varchar, note varchar'


def make_csv(file: Path, rows: int) -> None:
    """About 75 bytes a row."""
    file.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute("set enable_progress_bar = false")
    duckdb.execute(
        f"""copy (
            select i as id, date '2020-01-01' + (i % 1500)::int as day, timestamp '2020-01-01' + interval (i) second as "at",
                round((i * 7919 % 1000003) / 100, 2) as amount, i % 17 as quantity,
                'customer ' || (i * 31 % 99991) as customer, 'a note, with "quotes"' as note
            from range({rows}) as numbers(i)
        ) to {quoted_text(str(file))} (header)"""
    )


def copy(folder: Path) -> int:
    """The peer."""
    with connect(folder / "copy.duckdb", in_order=False) as connection:
        connection.execute(f"create table orders ({SCHEMA})")
        row = connection.execute(f"copy orders from {quoted_text(str(folder / 'inbox' / 'orders.csv'))} (header)").fetchone()
        return row[0] if row else 0


def inbox(folder: Path) -> int:
    """What the pipeline's step does."""
    done, _ = load_inbox(folder / "warehouse.duckdb", folder / "inbox")
    assert not done[0].problem, done[0].problem
    return done[0].rows


def measured(work: Callable[[Path], int], folder: Path) -> tuple[int, float, float]:
    """Rows, seconds, and most MiB of a process that does nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, folder))


def _measure(work: Callable[[Path], int], folder: Path) -> tuple[int, float, float]:
    started = time.perf_counter()
    rows = work(folder)
    return rows, time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="not needed: no run is launched")
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-inbox-") as temporary:
        folder = Path(temporary)
        file = folder / "inbox" / "orders.csv"
        make_csv(file, options.rows)
        print(f"{options.rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB of CSV")
        found = {work.__name__: measured(work, folder) for work in (copy, inbox)}
        for name, (rows, seconds, mib) in found.items():
            print(f"{name:6} {seconds:6.2f} s, {rows / seconds / 1e6:5.2f} M rows/s, at most {mib:,.0f} MiB")
            assert rows == options.rows, (name, rows)
        print(f"speed relative to COPY: {found['copy'][1] / found['inbox'][1]:.2f} (target 0.5)", flush=True)


if __name__ == "__main__":
    main()
