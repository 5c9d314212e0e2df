"""A running stack as the benchmarks drive it: a job launched by GraphQL, its steps timed, its memory sampled."""

import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack_pipeline import lease

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""

PROGRESS = """
query Progress($id: ID!) {
  runOrError(runId: $id) {
    __typename
    ... on Run { status startTime endTime tags { key value } stepStats { stepKey status startTime endTime } }
  }
}
"""


@dataclass(frozen=True)
class Timed:
    """seconds: from launch to the end as a client sees it. steps: seconds of each step. memory: most MiB of its process in each."""

    seconds: float
    steps: dict[str, float]
    memory: dict[str, int] = field(default_factory=dict)


def run_through_stack(url: str, config: dict[str, Any]) -> Timed:
    """Settles, launches the job `pipeline` with `config` for the flights, waits for its end. Raises RuntimeError when it fails."""
    settle()
    started = time.perf_counter()
    params = {
        "selector": {"repositoryLocationName": "stack_pipeline", "repositoryName": "__repository__", "jobName": "pipeline"},
        "runConfigData": {
            "ops": {"load_flights": {"config": config}, "dbt_build": {"config": {"force": config.get("force", False)}}}
        },
        "mode": "default",
    }
    with _sampled() as samples:
        launched = _query(url, LAUNCH, {"params": params})["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(json.dumps(launched))
        while True:
            run = _query(url, PROGRESS, {"id": launched["run"]["runId"]})["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                break
            time.sleep(0.05)
    seconds = time.perf_counter() - started
    if run["status"] != "SUCCESS":
        raise RuntimeError(f"run {launched['run']['runId']} ended with {run['status']}")
    stats = [step for step in run["stepStats"] if step["startTime"] and step["status"] == "SUCCESS"]
    memory = {
        step["stepKey"]: max((mib for at, mib in samples if step["startTime"] <= at <= step["endTime"]), default=0)
        for step in stats
    }
    return Timed(seconds, {step["stepKey"]: step["endTime"] - step["startTime"] for step in stats}, memory)


def settle(seconds: float = 300) -> None:
    """Waits until the machine is at rest: after a publish the readers and the PostgreSQL sink take the new snapshot. Linux only."""
    deadline = time.monotonic() + seconds
    while Path("/proc/stat").exists() and time.monotonic() < deadline:
        before = _idle()
        time.sleep(3)
        now = _idle()
        if now[0] - before[0] > 0.85 * (now[1] - before[1]):
            return


def _idle() -> tuple[int, int]:
    """Ticks in which a processor had nothing to do, and all ticks."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _query(url: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["data"]


@contextmanager
def _sampled() -> Iterator[list[tuple[float, int]]]:
    """Time and memory (resident, MiB) of the largest process that runs go on in, five times a second. Linux only; else empty."""
    samples: list[tuple[float, int]] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.2):
            samples.append((time.time(), max((_resident(pid) for pid in _runs()), default=0)))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _runs() -> list[int]:
    """Processes forked from this stack's code server: a run each."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"STACK_SOCKET={os.environ['STACK_SOCKET']}\0".encode() in (entry / "environ").read_bytes() + b"\0":
                command = (entry / "cmdline").read_bytes()
                if b"forkserver" in command or b"multiprocessing" in command:
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def empty_warehouse() -> None:
    """Removes the stack's warehouse, under its lease, so that the next run is a first one."""
    with lease.hold("warehouse", "benchmark"):
        Path(os.environ["WAREHOUSE_PATH"]).unlink(missing_ok=True)
