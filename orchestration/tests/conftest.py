"""Real parts for the tests: a lake (SeaweedFS), a lease server, a small copy of the flights, a stack's environment."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pytest
from dagster import DagsterInstance, ExecuteInProcessResult
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from stack_pipeline.resources.lake import Lake
from stack_pipeline.settings import Settings, packaged_flights, quiet_telemetry

if TYPE_CHECKING:
    from datahub.ingestion.graph.client import DataHubGraph

quiet_telemetry()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LeaseServer:
    """The supervisor's leases as docs/architecture.md has them, without the rest of the supervisor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owners: list[str] = []
        self.on_grant: Callable[[str], object] = lambda _: None
        self._free = threading.Condition()
        self._holders: dict[str, dict] = {}
        self._tokens: dict[str, str] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        granted: list[str] = []
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                if request["op"] == "lease.acquire":
                    granted.append(self._acquire(connection, request))
                else:
                    self._release(request["token"])
                    self._send(connection, {"id": request["id"], "ok": True})
        for token in granted:
            self._release(token)

    def _acquire(self, connection: socket.socket, request: dict) -> str:
        name = request["name"]
        with self._free:
            if name in self._holders:
                self._send(connection, {"id": request["id"], "event": "waiting", "holder": self._holders[name]})
            self._free.wait_for(lambda: name not in self._holders)
            token = uuid.uuid4().hex
            self._tokens[token] = name
            self._holders[name] = {"owner": request["owner"], "pid": request["pid"], "since": "2026-01-01T00:00:00Z"}
            self.owners.append(request["owner"])
        self.on_grant(request["owner"])
        self._send(connection, {"id": request["id"], "ok": True, "token": token})
        return token

    def _release(self, token: str) -> None:
        with self._free:
            self._holders.pop(self._tokens.pop(token, ""), None)
            self._free.notify_all()

    def _send(self, connection: socket.socket, message: dict) -> None:
        connection.sendall(json.dumps(message).encode() + b"\n")

    def holder(self, name: str) -> dict | None:
        return self._holders.get(name)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def lease_server(tmp_path: Path) -> Iterator[LeaseServer]:
    server = LeaseServer(tmp_path / "s.sock")
    yield server
    server.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a SeaweedFS S3 API, its keys in the usual variables of the environment."""
    folder = tmp_path_factory.mktemp("s3")
    keys = {"accessKey": "test-key", "secretKey": "test-secret"}
    identities = {"identities": [{"name": "test", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}]}
    (folder / "s3.json").write_text(json.dumps(identities))
    ports = {name: free_port() for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    grpc = {f"{name}.grpc": free_port() for name in ports}
    weed = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert weed, "weed isn't in the environment; run `uv sync --frozen`"
    flags = [f"-{name}={port}" for name, port in {**ports, **grpc}.items()]
    # a volume a bucket is enough, and each test has its bucket; what listens on fixed ports or reports to its maker is off
    flags += [
        "-master.volumeSizeLimitMB=64",
        "-volume.max=200",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
    ]
    command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={folder}/s3.json"]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        server = subprocess.Popen([*command, *flags], stdout=log, stderr=log, env=environment)
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", keys["accessKey"])
    patch.setenv("AWS_SECRET_ACCESS_KEY", keys["secretKey"])
    patch.setenv("AWS_REGION", "us-east-1")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    address = f"http://127.0.0.1:{ports['s3.port']}"
    try:
        _wait_for(lambda: _answers(address), server, folder / "log")
        yield address
    finally:
        patch.undo()
        server.kill()  # it takes its time when asked
        server.wait()


def _answers(address: str) -> bool:
    try:
        boto3.client("s3", endpoint_url=address).list_buckets()
    except Exception:
        return False
    return True


def _wait_for(ready: Callable[[], bool], server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.1)


@pytest.fixture
def lake(s3: str) -> Lake:
    """An empty bucket."""
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=bucket)
    return Lake(s3, bucket)


@pytest.fixture(scope="session")
def small_flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first week of 2013: 6,099 flights and everything else, as CSV."""
    folder = tmp_path_factory.mktemp("small-flights")
    for table in ("airlines", "airports", "planes", "weather"):
        shutil.copy(packaged_flights() / f"{table}.csv", folder)
    shutil.unpack_archive(packaged_flights() / "flights.csv.zip", folder)
    whole = (folder / "flights.csv").read_text().splitlines(keepends=True)
    week = [line for line in whole[1:] if line.startswith("2013,1,") and int(line.split(",")[2]) <= 7]
    (folder / "flights.csv").write_text("".join([whole[0], *week]))
    return folder


@pytest.fixture
def flights(small_flights: Path, tmp_path: Path) -> Path:
    """A copy of the small flights that a test may change."""
    return Path(shutil.copytree(small_flights, tmp_path / "flights"))


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's target folder, shared: parsing takes seconds, and the project is the same for every test."""
    return tmp_path_factory.mktemp("dbt-target")


@pytest.fixture
def settings(tmp_path: Path, flights: Path, parsed: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack of the test's own: warehouse, sources, dbt's artefacts."""
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse" / "warehouse.duckdb"))
    monkeypatch.setenv("FLIGHTS_DIR", str(flights))
    monkeypatch.setenv("INBOX_DIR", str(tmp_path / "inbox"))
    (tmp_path / "github.yml").write_text("repositories: []\n")
    monkeypatch.setenv("GITHUB_CONFIG", str(tmp_path / "github.yml"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(parsed))
    for variable in ("DBT_TARGET", "DBT_PROJECT", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return Settings.from_env()


class Pipeline:
    """The job `pipeline` of a test's stack, run in this process."""

    def __init__(self, settings: Settings, lake: Lake, instance: DagsterInstance) -> None:
        self.settings = settings
        self.lake = lake
        self.instance = instance

    def run(
        self,
        force: bool = False,
        job: str = "pipeline",
        ops: dict[str, Any] | None = None,
        partitions: tuple[str, str] | None = None,
    ) -> ExecuteInProcessResult:
        """ops: run config of the job's steps. partitions: the first and the last."""
        from stack_pipeline.definitions import define

        definition = define(Settings.from_env()).resolve_job_def(job)
        forced = {"config": {"force": force}}
        if ops is None:
            ops = {"load_flights": forced, "dbt_build": forced} if job == "pipeline" else {}
        config = {"ops": ops, "loggers": {"console": {"config": {"log_level": "ERROR"}}}}
        tags = dict(zip((ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG), partitions or (), strict=False))
        return definition.execute_in_process(config, instance=self.instance, raise_on_error=False, tags=tags)

    def failure(self, result: ExecuteInProcessResult, step: str) -> str:
        """What the user reads about a failed step."""
        data = next(event.step_failure_data for event in result.all_events if event.is_step_failure and event.step_key == step)
        return data.user_failure_data.description

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def latest(self) -> dict | None:
        content = self.lake.read("published/latest.json")
        return json.loads(content) if content else None


@pytest.fixture
def pipeline(settings: Settings, lake: Lake, lease_server: LeaseServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.setenv("LAKE_S3_ENDPOINT", lake.endpoint)
    monkeypatch.setenv("LAKE_BUCKET", lake.bucket)
    monkeypatch.setenv("STACK_SOCKET", str(lease_server.path))
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(settings, lake, instance)


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["DataHubGraph"]:
    """DataHub's client on a catalogue of the test's own, which the pipeline tells."""
    from catalogue import TOKEN, catalogue
    from datahub.ingestion.graph.client import DatahubClientConfig, DataHubGraph

    with catalogue(tmp_path / "catalog.log") as (address, postgres):
        monkeypatch.setenv("MARTS_PG_URL", postgres)
        monkeypatch.setenv("MARTS_READER_PASSWORD", "secret")
        monkeypatch.setenv("DATAHUB_GMS_URL", address)
        monkeypatch.setenv("DATAHUB_GMS_TOKEN", TOKEN)
        yield DataHubGraph(DatahubClientConfig(server=address, token=TOKEN))
