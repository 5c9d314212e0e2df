"""Publish of a large warehouse against a plain `cp` of its file."""

import argparse
import os
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import boto3
import duckdb
from stack_pipeline.publish.snapshot import publish_snapshot
from stack_pipeline.resources.lake import Lake
from stack_pipeline.transformation.dbt import PublishedModel

MARTS = 0.2
"""Share of the warehouse that is published: the rest is raw and staging, which readers don't get."""


def make_warehouse(file: Path, gigabytes: float) -> list[PublishedModel]:
    """Random numbers and texts, which don't compress: a raw table, and a mart of a fifth of the whole."""
    row = "i as id, random() as a, random() as b, hash(i) as c, md5(i::varchar) as d"
    rows = int(gigabytes * 1e9 / 40)  # bytes that a row takes in the file
    with duckdb.connect(str(file)) as connection:
        connection.execute("set memory_limit = '2GB'; create schema raw; create schema marts")
        connection.execute(f"create table raw.facts as select {row} from range({int(rows * (1 - MARTS))}) as numbers(i)")
        connection.execute(f"create table marts.facts as select {row} from range({int(rows * MARTS)}) as numbers(i)")
    return [PublishedModel("facts", "marts.facts", [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="not needed: no run is launched")
    parser.add_argument("--gigabytes", type=float, default=5)
    options = parser.parse_args()
    endpoint, bucket = os.environ["LAKE_S3_ENDPOINT"], f"bench-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    with tempfile.TemporaryDirectory(prefix="bench-publish-", dir=Path(os.environ["WAREHOUSE_PATH"]).parent) as temporary:
        file = Path(temporary) / "warehouse.duckdb"
        models = make_warehouse(file, options.gigabytes)
        print(f"warehouse of {file.stat().st_size / 1e9:.1f} GB, {MARTS:.0%} of it marts")
        started = time.perf_counter()
        subprocess.run(["cp", "--reflink=never", file, f"{file}.copy"], check=True)
        os.sync()
        copied = time.perf_counter() - started
        os.unlink(f"{file}.copy")
        started = time.perf_counter()
        published = publish_snapshot(file, models, Lake(endpoint, bucket), "benchmark")
        seconds = time.perf_counter() - started
        print(
            f"cp {copied:.1f} s, publish {seconds:.1f} s ({published.size / 1e9:.1f} GB of Parquet), ratio {seconds / copied:.2f}",
            end="",
        )
        print(" (target 1.2)", flush=True)


if __name__ == "__main__":
    main()
