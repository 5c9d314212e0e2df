"""A catalogue of the tests' own: apps/catalog as it is built, on a PostgreSQL of its own."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import free_port
from postgres import ROOT, postgres

TOKEN = "a-token-for-the-tests"


@contextmanager
def catalogue(log: Path) -> Iterator[tuple[str, str]]:
    """Its address and that of its PostgreSQL."""
    program = ROOT / "dist" / "apps" / "catalog" / "main.cjs"
    assert program.exists(), "build it: npx nx build catalog"
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with postgres() as url, log.open("wb") as output:
        database = url.removesuffix("/postgres") + "/catalog"
        environment = {**os.environ, "DATABASE_URL": database, "API_TOKEN": TOKEN, "PORT": str(port)}
        server = subprocess.Popen(["node", program], env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 30
            while not _answers(f"{address}/health"):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield address, url
        finally:
            server.kill()
            server.wait()


def _answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=1).status == 200
    except OSError:
        return False
