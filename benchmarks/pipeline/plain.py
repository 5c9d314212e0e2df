"""The pipeline as a plain script: load, dbt build, checks, publish, one after the other in one process, without an orchestrator, a
lease or a queue. It asks the same sources: the flights' files, GitHub, the inbox, the connector behind Airbyte's API."""

import argparse
import dataclasses
import os
import tempfile
import time
import uuid
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", type=Path, help="folder of the five files; by default the demo's")
    parser.add_argument("--bucket", default=os.environ.get("LAKE_BUCKET"))
    options = parser.parse_args()
    started = time.perf_counter()

    from stack_pipeline.inbox.load import load_inbox
    from stack_pipeline.ingestion.flights_files import find_sources
    from stack_pipeline.ingestion.github import GitHub, find_new, known_releases, load_releases, repositories
    from stack_pipeline.ingestion.load import load_flights
    from stack_pipeline.publish.snapshot import publish_snapshot
    from stack_pipeline.quality.suites import read_suites
    from stack_pipeline.quality.validation import validate
    from stack_pipeline.resources.lake import Lake
    from stack_pipeline.settings import Settings
    from stack_pipeline.transformation.dbt import published_models, run_dbt

    settings = Settings.from_env()
    settings = dataclasses.replace(settings, flights=options.flights or settings.flights)
    _lap("import", started)
    started = time.perf_counter()
    load_flights(settings.warehouse, find_sources(settings.flights), force=True)
    github = GitHub.from_env(settings.warehouse.parent)
    load_releases(settings.warehouse, github, find_new(github, repositories(settings.github), known_releases(settings.warehouse)))
    load_inbox(settings.warehouse, settings.inbox)
    _sync_airbyte()
    _lap("load", started)
    started = time.perf_counter()
    build = run_dbt(settings, ["build", "--quiet", "--exclude-resource-type", "unit_test"])
    if not build.success:
        raise SystemExit("\n".join(build.failures))
    _lap("dbt", started)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as docs:
        if any(verdict.blocks for verdict in validate(settings.warehouse, read_suites(), Path(docs))):
            raise SystemExit("a check failed")
    _lap("checks", started)
    started = time.perf_counter()
    models = published_models(settings.dbt_target / "manifest.json")
    publish_snapshot(settings.warehouse, models, Lake(os.environ["LAKE_S3_ENDPOINT"], options.bucket), uuid.uuid4().hex)
    _lap("publish", started)


def _sync_airbyte() -> None:
    """Starts a job of the connection and waits for it. (The service loads the stack's warehouse, not this script's.)"""
    import requests

    base = os.environ["AIRBYTE_REST_API_BASE_URL"]
    client = {"client_id": os.environ["AIRBYTE_CLIENT_ID"], "client_secret": os.environ["AIRBYTE_CLIENT_SECRET"]}
    with requests.Session() as session:
        token = session.post(f"{base}/applications/token", json=client).json()["access_token"]
        session.headers["authorization"] = f"Bearer {token}"
        job = session.post(f"{base}/jobs", json={"connectionId": os.environ["AIRBYTE_CONNECTION_ID"], "jobType": "sync"}).json()
        while job["status"] in ("pending", "running", "incomplete"):
            time.sleep(0.1)
            job = session.get(f"{base}/jobs/{job['jobId']}").json()


def _lap(name: str, started: float) -> None:
    print(f"{name} {time.perf_counter() - started:.2f} s", flush=True)


if __name__ == "__main__":
    main()
