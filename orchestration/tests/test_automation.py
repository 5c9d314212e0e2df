"""The schedule and the sensors through Dagster's own daemon, each on a real event and once an event, over a restart too."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import free_port
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from postgres import postgres
from stack_pipeline.automation import TOLD_TAG
from test_github import Api

ROOT = Path(__file__).resolve().parents[2]
DONE = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE)


class Webhook:
    """What a user's address for alerts is sent."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Dagster:
    """A code server and a daemon, as the stack runs them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        coordinator = "{module: dagster.core.run_coordinator, class: QueuedRunCoordinator, config: {dequeue_interval_seconds: 1}}"
        (home / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\nrun_coordinator: {coordinator}\n")
        self.port = free_port()
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "DAGSTER_CODE_HOST": "127.0.0.1",
            "DAGSTER_CODE_PORT": str(self.port),
            "PYTHONPATH": "orchestration",
        }
        self.code = self._start("stack_pipeline.code_server", "--port", str(self.port))
        self.daemon = self._start_daemon()
        self.instance = DagsterInstance.from_config(str(home))

    def _start(self, module: str, *arguments: str) -> subprocess.Popen:
        with (self.home / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def _start_daemon(self) -> subprocess.Popen:
        return self._start("stack_pipeline.daemon", "run", "-w", "orchestration/workspace.yaml")

    def restart(self) -> None:
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = self._start_daemon()

    def runs(self, job: str) -> list[DagsterRun]:
        return [run for run in self.instance.get_runs() if run.job_name == job]

    def wait_for_runs(self, job: str, number: int, seconds: float = 150) -> list[DagsterRun]:
        deadline = time.monotonic() + seconds
        while True:
            runs = self.runs(job)
            if len(runs) >= number and all(run.status in DONE for run in runs):
                return runs
            assert time.monotonic() < deadline, (job, runs, (self.home / "stack_pipeline.daemon.log").read_text()[-3000:])
            time.sleep(0.5)

    def stop(self) -> None:
        for process in (self.daemon, self.code):
            process.send_signal(signal.SIGTERM)
        for process in (self.daemon, self.code):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        self.instance.dispose()


@pytest.fixture
def api(monkeypatch):
    api = Api()
    monkeypatch.setenv("GITHUB_API", api.url)
    yield api
    api.server.shutdown()


@pytest.fixture
def webhook(monkeypatch):
    webhook = Webhook()
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server.server_port}/")
    yield webhook
    webhook.server.shutdown()


@pytest.fixture
def marts():
    with postgres() as url:
        yield url


def test_each_event_starts_one_run(pipeline, settings, api, webhook, marts, tmp_path, monkeypatch):
    api.releases = {"a/one": [1]}
    settings.github.write_text("repositories: [a/one]\n")
    monkeypatch.setenv("PIPELINE_CRON", "* * * * *")
    monkeypatch.setenv("MARTS_PG_URL", marts)
    monkeypatch.setenv("MARTS_READER_PASSWORD", "secret")
    dagster = Dagster(tmp_path / "home")
    try:
        # the first look at GitHub finds a release
        [release] = dagster.wait_for_runs("github", 1)
        assert release.status == DagsterRunStatus.SUCCESS
        assert pipeline.query("select tag_name from raw.github_releases") == [("v1",)]

        settings.inbox.mkdir()
        (settings.inbox / "orders.csv").write_text("id\n1\n2\n")
        dropped = time.monotonic()
        [inbox] = dagster.wait_for_runs("inbox", 1)
        print(f"a dropped file was published after {time.monotonic() - dropped:.0f} s")
        assert inbox.status == DagsterRunStatus.SUCCESS
        assert all(run.status == DagsterRunStatus.SUCCESS for run in dagster.wait_for_runs("sinks", 2))
        assert "inbox_orders" in {table["name"] for table in pipeline.latest()["tables"]}

        # the schedule's minute; it fails, since a source is gone
        (settings.flights / "airlines.csv").unlink()
        deadline = time.monotonic() + 150
        while not (failed := [run for run in dagster.runs("pipeline") if run.status == DagsterRunStatus.FAILURE]):
            assert time.monotonic() < deadline, dagster.runs("pipeline")
            time.sleep(0.5)
        assert failed[-1].tags["dagster/schedule_name"] == "every_day"
        deadline = time.monotonic() + 60
        while not webhook.messages:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        run = webhook.messages[0]["run"]
        assert run in {one.run_id for one in dagster.runs("pipeline")}
        assert webhook.messages[0]["text"].startswith(f"The run pipeline ({run[:8]}) failed: load_flights:")

        # nothing of it again, over a kill too
        while TOLD_TAG not in dagster.instance.get_run_by_id(run).tags:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        before = {job: len(dagster.runs(job)) for job in ("github", "inbox")}
        dagster.restart()
        time.sleep(20)
        assert {job: len(dagster.runs(job)) for job in ("github", "inbox")} == before == {"github": 1, "inbox": 1}
        told = [message["run"] for message in webhook.messages]
        assert len(told) == len(set(told))
        # and the next event counts again
        (settings.inbox / "orders.csv").write_text("id\n3\n")
        dagster.wait_for_runs("inbox", 2)
        assert pipeline.query("select id from inbox.orders") == [(3,)]
    finally:
        dagster.stop()
