"""What the machine does to a run: kill -9 in each step, a full disk in each step. Readers see the snapshot before or the next."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import LeaseServer, Pipeline

ROOT = Path(__file__).resolve().parents[2]
STEPS = ["load_flights", "load_inbox", "dbt_build", "great_expectations", "published_snapshot"]

RUN = """
from dagster import DagsterInstance
from stack_pipeline.definitions import define
from stack_pipeline.settings import Settings
job = define(Settings.from_env()).resolve_job_def("pipeline")
with DagsterInstance.ephemeral() as instance:
    job.execute_in_process(instance=instance)
"""


class Sources:
    """The pipeline's sources, to which each call adds a day of flights and a file of the inbox."""

    def __init__(self, pipeline: Pipeline, flights: Path) -> None:
        self.pipeline = pipeline
        self.header, *rows = (flights / "flights.csv").read_text().splitlines(keepends=True)
        self.rows = [row for row in rows if row.startswith("2013,1,7,")][:50]
        self.folder = flights / "flights"
        self.folder.mkdir()
        pipeline.settings.inbox.mkdir()
        self.added = 0

    def add(self) -> None:
        self.added += 1
        rows = [row.replace("2013,1,7,", f"2013,2,{self.added},") for row in self.rows]
        (self.folder / f"2013-02-{self.added:02}.csv").write_text("".join([self.header, *rows]))
        (self.pipeline.settings.inbox / f"orders-{self.added}.csv").write_text(f"id\n{self.added}\n")

    def are_loaded_once(self, before: int) -> None:
        [(flights, days)] = self.pipeline.query("select count(*), count(distinct (month, day)) from raw.flights")
        assert (flights, days) == (before + 50 * self.added, 7 + self.added)
        assert self.pipeline.query("select count(*) from marts.fct_flights") == [(flights,)]
        tables = {table["name"]: table["rows"] for table in readers_see(self.pipeline)["tables"]}
        assert tables["fct_flights"] == flights
        assert [tables.get(f"inbox_orders_{number}") for number in range(1, self.added + 1)] == [1] * self.added


def readers_see(pipeline: Pipeline) -> dict:
    """The newest manifest; every file that it names is there and whole."""
    manifest = pipeline.latest()
    assert manifest
    for table in manifest["tables"]:
        content = pipeline.lake.read(table["key"])
        assert content is not None and hashlib.sha256(content).hexdigest() == table["sha256"], table["name"]
    return manifest


def leftovers(pipeline: Pipeline) -> list[str]:
    return [path.name for path in pipeline.settings.warehouse.parent.iterdir() if path.name.startswith(".")]


def test_a_run_that_is_killed_in_any_step_loses_and_doubles_nothing(pipeline, flights, lease_server):
    sources = Sources(pipeline, flights)
    assert pipeline.run().success
    [(before,)] = pipeline.query("select count(*) from raw.flights")
    for delay, step in enumerate(STEPS):
        sources.add()
        seen = readers_see(pipeline)
        kill_in(step, lease_server, 0.05 * (1 + delay % 3))
        now = readers_see(pipeline)
        assert now == seen or step == STEPS[-1], step
    assert pipeline.run().success
    sources.are_loaded_once(before)
    assert leftovers(pipeline) == []


def kill_in(step: str, lease_server: LeaseServer, delay: float) -> None:
    """Runs the pipeline in a process, and kills that `delay` seconds after the step got the warehouse."""
    lease_server.owners.clear()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "orchestration")}
    run = subprocess.Popen([sys.executable, "-c", RUN], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not any(owner.endswith(f"step {step}") for owner in lease_server.owners):
            assert run.poll() is None and time.monotonic() < deadline, (step, lease_server.owners)
            time.sleep(0.005)
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
    finally:
        run.kill()
        run.wait()
    deadline = time.monotonic() + 10
    while lease_server.holder("warehouse"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 MB at the warehouse's place; `fill` leaves nothing of it."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root")
    folder = tmp_path / "warehouse"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            return filler


@pytest.mark.parametrize("step", [step for step in STEPS if step != "great_expectations"])  # that one writes next to nothing
def test_a_full_disk_fails_the_step_clearly_and_loses_nothing(small_disk, pipeline, flights, lease_server, step):
    sources = Sources(pipeline, flights)
    assert pipeline.run().success
    [(before,)] = pipeline.query("select count(*) from raw.flights")
    seen = readers_see(pipeline)
    sources.add()
    lease_server.on_grant = lambda owner: fill(small_disk) if owner.endswith(f"step {step}") else None
    failed = pipeline.run()
    lease_server.on_grant = lambda _: None
    assert not failed.success
    message = pipeline.failure(failed, step)
    assert f"No space is left on the disk of {small_disk}" in message, message
    assert "→ Free some (df -h" in message
    assert readers_see(pipeline) == seen
    (small_disk / "filler").unlink()
    assert pipeline.run().success
    sources.are_loaded_once(before)
    assert leftovers(pipeline) == []


def test_too_little_memory_says_what_to_set(pipeline, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_MEMORY", "10MB")
    failed = pipeline.run()
    assert not failed.success
    [step] = [event.step_key for event in failed.all_events if event.is_step_failure]
    message = pipeline.failure(failed, step)
    assert "more memory than it may have (WAREHOUSE_MEMORY=10MB)" in message, message
    assert "→ Allow more: a line like WAREHOUSE_MEMORY=4GB in .env" in message
    assert pipeline.latest() is None
    monkeypatch.delenv("WAREHOUSE_MEMORY")
    assert pipeline.run().success
