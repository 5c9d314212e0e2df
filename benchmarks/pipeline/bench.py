"""Times the pipeline through a running stack (launched by GraphQL) against plain.py; prints seconds and ratios."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import boto3
from make_flights import make_flights
from stack import Timed, empty_warehouse, run_through_stack, settle

HERE = Path(__file__).parent


def run_plain(folder: Path, flights: Path | None, bucket: str) -> Timed:
    """Runs the peer in a process of its own, on a warehouse below `folder`."""
    environment = {**os.environ, "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"), "DBT_TARGET_PATH": str(folder / "dbt")}
    command = [sys.executable, str(HERE / "plain.py"), "--bucket", bucket, *(["--flights", str(flights)] if flights else [])]
    settle()
    started = time.perf_counter()
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - started
    laps = [line.split() for line in output.splitlines() if line.endswith(" s")]
    return Timed(seconds, {lap[0]: float(lap[1]) for lap in laps if len(lap) == 3})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="address of Dagster's webserver")
    parser.add_argument("--times", type=int, nargs="*", default=[1, 20], help="multiples of the flights to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as temporary:
        for times in options.times:
            flights = None if times == 1 else make_flights(Path(temporary) / f"flights-{times}", times)
            _compare(options.url, times, flights, Path(temporary) / f"plain-{times}")


def _compare(url: str, times: int, flights: Path | None, folder: Path) -> None:
    bucket = f"bench-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=os.environ["LAKE_S3_ENDPOINT"]).create_bucket(Bucket=bucket)
    config = {"folder": str(flights)} if flights else {}
    empty_warehouse()
    for run in ("first", "second"):
        plain = run_plain(folder, flights, bucket)
        stack = run_through_stack(url, {**config, "force": True})
        ratio = stack.seconds / plain.seconds
        print(f"{times:>3} x {run:6} stack {stack.seconds:6.2f} s, plain {plain.seconds:6.2f} s, ratio {ratio:.2f}")
        print(f"             stack {_steps(stack)}; plain {_steps(plain)}", flush=True)
    nothing = run_through_stack(url, config)
    ratio = nothing.seconds / plain.seconds
    print(f"{times:>3} x again  stack {nothing.seconds:6.2f} s (nothing new), ratio to plain's second run {ratio:.2f}", flush=True)


def _steps(timed: Timed) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in timed.steps.items())


if __name__ == "__main__":
    main()
