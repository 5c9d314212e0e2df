"""One new day: what a run takes when a day of flights is added to a short history (1 x) and to a long one (20 x)."""

import argparse
import statistics
import tempfile
from datetime import date, timedelta
from pathlib import Path

import duckdb
from make_flights import make_flights
from stack import Timed, empty_warehouse, run_through_stack
from stack_pipeline.warehouse import quoted_text

DAYS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="address of Dagster's webserver")
    parser.add_argument("--times", type=int, nargs="*", default=[1, 20], help="histories to measure, as multiples of the flights")
    options = parser.parse_args()
    medians = []
    with tempfile.TemporaryDirectory(prefix="bench-day-") as temporary:
        for times in options.times:
            folder = make_flights(Path(temporary) / f"flights-{times}", times)
            empty_warehouse()
            run_through_stack(options.url, {"folder": str(folder)})
            runs = [_add(options.url, folder, date(2014, 1, 1) + timedelta(number)) for number in range(DAYS)]
            medians.append(statistics.median(run.seconds for run in runs))
            steps = ", ".join(f"{name} {statistics.median(run.steps[name] for run in runs):.1f}" for name in runs[0].steps)
            print(f"{times:>3} x history, one day more: {medians[-1]:6.2f} s (median of {DAYS}); {steps}", flush=True)
    print(f"ratio {medians[-1] / medians[0]:.2f} (target 1.5)")


def _add(url: str, folder: Path, day: date) -> Timed:
    """A day like the one a year before, in a file of its own."""
    source = quoted_text(str(folder / "flights.parquet"))
    target = folder / "flights" / f"{day}.parquet"
    target.parent.mkdir(exist_ok=True)
    duckdb.execute(
        f"""copy (
            select * replace ({day.year} as year, time_hour + interval 1 year as time_hour)
            from {source} where year = {day.year - 1} and month = {day.month} and day = {day.day}
        ) to {quoted_text(str(target))} (format parquet)"""
    )
    return run_through_stack(url, {"folder": str(folder)})


if __name__ == "__main__":
    main()
