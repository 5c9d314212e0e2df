"""Growth: 1, 5, 20 and 100 times the flights through the running stack; writes the table and the plot of docs/scaling.md."""

import argparse
import os
import re
import tempfile
from datetime import date
from pathlib import Path

import altair as alt
import pandas as pd
from make_flights import make_flights
from stack import Timed, empty_warehouse, run_through_stack

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "scaling.md"
PLOT = DOCS / "scaling.svg"
FLIGHTS = 336_776
STEPS = ["load_flights", "dbt_build", "great_expectations", "published_snapshot"]
"""The steps whose work grows with the flights."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="address of Dagster's webserver")
    parser.add_argument("--times", type=int, nargs="*", default=[1, 5, 20, 100])
    options = parser.parse_args()
    found: dict[int, tuple[Timed, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-scaling-") as temporary:
        for times in options.times:
            folder = make_flights(Path(temporary) / f"flights-{times}", times)
            empty_warehouse()
            timed = run_through_stack(options.url, {"folder": str(folder), "force": True})
            size = Path(os.environ["WAREHOUSE_PATH"]).stat().st_size / 1e6
            found[times] = (timed, size)
            print(_row(times, timed, size), flush=True)
    table = "\n".join([_head(), *(_row(times, *one) for times, one in found.items())])
    block = f"<!-- measured -->\nMeasured {date.today()}, {_machine()}.\n\n{table}\n<!-- /measured -->"
    PAGE.write_text(re.sub(r"<!-- measured -->.*<!-- /measured -->", lambda _: block, PAGE.read_text(), flags=re.DOTALL))
    _plot({times: timed for times, (timed, _) in found.items()})


def _machine() -> str:
    return f"{os.cpu_count()} cores, WAREHOUSE_MEMORY={os.environ.get('WAREHOUSE_MEMORY') or '1GB'}"


def _head() -> str:
    names = ["flights", "whole run", *STEPS, "warehouse"]
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def _row(times: int, timed: Timed, size: float) -> str:
    cells = [f"{timed.steps.get(step, 0):.1f} s, {timed.memory.get(step, 0):,} MiB" for step in STEPS]
    return f"| {times * FLIGHTS / 1e6:.1f} M ({times} x) | {timed.seconds:.1f} s | {' | '.join(cells)} | {size:,.0f} MB |"


def _plot(found: dict[int, Timed]) -> None:
    rows = [
        {"flights (million)": times * FLIGHTS / 1e6, "seconds": seconds, "step": step}
        for times, timed in found.items()
        for step, seconds in [("whole run", timed.seconds), *((step, timed.steps.get(step, 0)) for step in STEPS)]
    ]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("flights (million)", scale=alt.Scale(type="log")),
            y=alt.Y("seconds", scale=alt.Scale(type="log")),
            color=alt.Color("step", sort=["whole run", *STEPS]),
        )
        .properties(width=560, height=340, background="white")
    )
    chart.save(PLOT)


if __name__ == "__main__":
    main()
