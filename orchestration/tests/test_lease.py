"""The lease of the warehouse over a Unix socket: waiting, dying holders, a supervisor that is replaced."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import LeaseServer
from stack_pipeline import lease
from stack_pipeline.errors import UserError


def start(server, *command):
    environment = {**os.environ, "STACK_SOCKET": str(server.path), "PYTHONPATH": "orchestration"}
    arguments = [sys.executable, "-m", "stack_pipeline.lease", "warehouse", "--", *command]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_command_holds_the_lease_while_it_runs(lease_server):
    command = start(lease_server, "sh", "-c", "exit 7")
    assert command.wait(10) == 7
    wait_until(lambda: lease_server.holder("warehouse") is None)
    assert lease_server.owners == ["sh -c exit 7"]


def test_second_waits_and_says_for_whom(lease_server):
    said = []
    with lease.hold("warehouse", "the first", str(lease_server.path)):
        second = threading.Thread(target=lambda: _hold(lease_server, said), daemon=True)
        second.start()
        wait_until(lambda: said)
        assert "the first" in said[0] and str(os.getpid()) in said[0]
        assert lease_server.owners == ["the first"]
    second.join(10)
    assert lease_server.owners == ["the first", "the second"]


def _hold(server, said):
    with lease.hold("warehouse", "the second", str(server.path), said.append):
        pass


def test_killed_holder_frees_the_lease(lease_server):
    holder = start(lease_server, "sleep", "60")
    wait_until(lambda: lease_server.holder("warehouse"))
    assert lease_server.holder("warehouse")["pid"] == holder.pid
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lease.hold("warehouse", "the next", str(lease_server.path)):
        assert lease_server.holder("warehouse")["owner"] == "the next"


def test_release_survives_a_new_supervisor(lease_server, tmp_path):
    connection, token = lease.acquire("warehouse", "long step", str(lease_server.path), print)
    lease_server.close()
    connection.close()
    lease_server.path.unlink()
    successor = LeaseServer(tmp_path / "successor.sock")
    successor._holders["warehouse"] = {"owner": "long step"}
    successor._tokens[token] = "warehouse"
    os.rename(tmp_path / "successor.sock", lease_server.path)
    lease._release(connection, token, str(lease_server.path))
    assert successor.holder("warehouse") is None


def test_without_supervisor_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "RECONNECT_SECONDS", 0.2)
    with pytest.raises(UserError, match="make deploy-local"), lease.hold("warehouse", "test", str(tmp_path / "none.sock")):
        pass


def test_without_stack_says_what_to_do(monkeypatch):
    monkeypatch.delenv("STACK_SOCKET", raising=False)
    with pytest.raises(UserError, match="stack exec"), lease.hold("warehouse", "test"):
        pass


def test_command_that_does_not_exist(lease_server):
    command = start(lease_server, "no-such-program")
    assert command.wait(10) == 1
    assert "no-such-program" in command.stderr.read()
