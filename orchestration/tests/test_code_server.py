"""The code server as the stack starts it: ready, reloading, stopping, refusing a taken port, reporting lost runs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import grpc
import pytest
from conftest import free_port
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from dagster._grpc.client import DagsterGrpcClient
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stack_pipeline import dagster_server
from stack_pipeline.settings import Settings


def start(port):
    command = [sys.executable, "-m", "stack_pipeline.code_server", "--port", str(port), "--watch"]
    environment = {**os.environ, "PYTHONPATH": "orchestration"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_serving(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="DagsterApi"))
        except grpc.RpcError:
            return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def stack(settings, tmp_path, monkeypatch):
    """An instance's folder and a copy of the dbt project that a test may change."""
    shutil.copytree(settings.dbt_project, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path / "project"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return Settings.from_env()


def test_serves_reloads_and_stops(stack):
    port = free_port()
    server = start(port)
    try:
        wait_until(lambda: server.poll() is not None or is_serving(port))
        client = DagsterGrpcClient(port=port, host="127.0.0.1")
        before = client.get_server_id()

        model = stack.dbt_project / "models" / "marts" / "mart_delay_by_hour.sql"
        model.write_text(model.read_text() + "-- changed\n")
        wait_until(lambda: client.get_server_id() != before)
        after = client.get_server_id()
        model.with_name("broken.sql").write_text("select * from {{ ref('nothing') }}")
        time.sleep(3)
        assert client.get_server_id() == after, "broken code replaced what worked"

        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        assert "Kept the definitions of before" in server.stdout.read()
    finally:
        server.kill()
        server.wait()


def test_refuses_a_taken_port(stack):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        server = start(port)
        output, _ = server.communicate(timeout=30)
    assert server.returncode == 1
    assert f"Port {port} is taken" in output
    assert "Traceback" not in output


def test_says_in_a_line_and_a_remedy_why_it_cannot_start(stack, monkeypatch):
    monkeypatch.delenv("WAREHOUSE_PATH")
    server = start(free_port())
    output, _ = server.communicate(timeout=60)
    assert server.returncode == 1
    assert "WAREHOUSE_PATH isn't set." in output.splitlines()[-2]
    assert output.splitlines()[-1].startswith("→ ")
    assert "Traceback" not in output


def test_this_is_the_dagster_that_was_tried():
    """Fails on an upgrade of dagster: try `dagster_server` with it, then change TRIED_VERSION."""
    assert dagster_server.install()
    assert dagster_server.stock.start_run_in_subprocess is dagster_server.run_worker


def test_run_whose_process_vanished_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        lost, alive, elsewhere = (create_run_for_test(instance, status=DagsterRunStatus.STARTED).run_id for _ in range(3))
        dagster_server._lock_file(lost).parent.mkdir()
        dagster_server._lock_file(lost).touch()
        with dagster_server._alive(dagster_server._lock_file(alive)):
            assert dagster_server.report_lost_runs(instance), "a run still goes on"
        statuses = [instance.get_run_by_id(run).status for run in (lost, alive, elsewhere)]
    assert statuses == [DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED, DagsterRunStatus.STARTED]
