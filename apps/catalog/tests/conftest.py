"""The running service, as clients.spec.ts deployed it, and DataHub's own client for it."""

import json
import os
import subprocess
import sys
import uuid
import warnings
from functools import partial
from pathlib import Path

import pytest
from datahub.errors import ExperimentalWarning
from datahub.ingestion.graph.client import DatahubClientConfig, DataHubGraph

warnings.simplefilter("ignore", ExperimentalWarning)


@pytest.fixture(scope="session")
def server() -> str:
    if "DATAHUB_GMS_URL" not in os.environ:
        pytest.fail("DATAHUB_GMS_URL is not set: run these tests by `npx nx test catalog`")
    return os.environ["DATAHUB_GMS_URL"]


@pytest.fixture(scope="session")
def token() -> str:
    return os.environ["DATAHUB_GMS_TOKEN"]


@pytest.fixture(scope="session")
def graph(server: str, token: str) -> DataHubGraph:
    return DataHubGraph(DatahubClientConfig(server=server, token=token))


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


def run_datahub(home: Path, env: dict[str, str], *arguments: str) -> str:
    """Runs DataHub's command line. Returns what it printed; fails when it does."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("datahub")), *arguments],
        env={**os.environ, "HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def datahub(server: str, token: str, tmp_path: Path):
    """DataHub's command line against the running service."""
    return partial(run_datahub, tmp_path, {"DATAHUB_GMS_URL": server, "DATAHUB_GMS_TOKEN": token})


def last_json(output: str) -> object:
    """The JSON that a command printed after other lines."""
    lines = output.splitlines()
    for start in range(len(lines)):
        try:
            return json.loads("\n".join(lines[start:]))
        except ValueError:
            continue
    raise AssertionError(output)
