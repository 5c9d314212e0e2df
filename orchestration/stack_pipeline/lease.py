"""Leases: one holder at a time of a named thing, released when the holder dies.

On this machine the supervisor grants them. Containers have no socket in common, but PostgreSQL: there a lease is one of its
advisory locks, held by a connection. STACK_SOCKET says which: a path, or an address of PostgreSQL.

From a shell, everything after `--` runs while the lease is held:

    python -m stack_pipeline.lease warehouse -- dbt build
"""

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack_pipeline.errors import UserError

RECONNECT_SECONDS = 10.0
"""How long a supervisor may be away (a successor takes over) before waiting or releasing gives up."""

log = logging.getLogger(__name__)


class Connection:
    """One connection to the supervisor: JSON objects, one a line."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(_shortest(path))
        except BaseException:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")
        self._requests = 0

    def send(self, op: str, **fields: Any) -> int:
        """Sends a request and returns its id."""
        self._requests += 1
        request = {"id": self._requests, "op": op, **fields}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self._requests

    def receive(self, request: int) -> dict[str, Any]:
        """The next message about `request`. Raises ConnectionError when the supervisor went away."""
        for line in self._lines:
            message = json.loads(line)
            if message.get("id") == request:
                return message
        raise ConnectionError("the supervisor closed the connection")

    def keep_over_exec(self) -> None:
        """Lets a program started by exec inherit the connection, so that the lease lasts as long as the program."""
        self._socket.set_inheritable(True)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextmanager
def hold(name: str, owner: str, path: str | None = None, tell: Callable[[str], None] = log.info) -> Iterator[None]:
    """Holds the lease `name` for the block; waits for it as long as it takes.

    owner: says to others who holds it. path: the supervisor's socket, or PostgreSQL's address (default: STACK_SOCKET).
    tell: gets one line whenever somebody else holds it. Raises UserError when there's no supervisor.

        with hold("warehouse", "dagster run 1a2b step dbt"):
            ...
    """
    path = socket_path(path)
    if path.startswith("postgresql://"):
        with _hold_in_postgres(name, owner, path, tell):
            yield
        return
    connection, token = acquire(name, owner, path, tell)
    try:
        yield
    finally:
        _release(connection, token, path)


@contextmanager
def _hold_in_postgres(name: str, owner: str, url: str, tell: Callable[[str], None]) -> Iterator[None]:
    import psycopg2

    try:
        connection = psycopg2.connect(url, application_name=owner[:63])
    except psycopg2.OperationalError as error:
        raise UserError(f"PostgreSQL, which grants leases, can't be reached: {error}".strip(), "`make status`") from error
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            # asks anew every second, so that an interrupt is noticed, and the next in the queue keeps its turn nearly
            cursor.execute("set lock_timeout = '1s'")
            told = None
            while not _lock(cursor, name):
                cursor.execute(HOLDER, (name,))
                holder = cursor.fetchone()
                if holder and holder != told:
                    tell(f"waiting for the {name}: {holder[0]} (on {holder[1]}) holds it")
                    told = holder
        yield
    finally:
        # the lock ends with its connection
        connection.close()


HOLDER = """
select activity.application_name, coalesce(host(activity.client_addr), 'this machine')
from pg_locks
join pg_stat_activity as activity using (pid)
where locktype = 'advisory' and granted and objid = (hashtext('lease ' || %s)::bigint & 4294967295)::oid
"""


def _lock(cursor: Any, name: str) -> bool:
    from psycopg2.errors import LockNotAvailable

    try:
        cursor.execute("select pg_advisory_lock(hashtext('lease ' || %s))", (name,))
    except LockNotAvailable:
        return False
    return True


def acquire(name: str, owner: str, path: str, tell: Callable[[str], None]) -> tuple[Connection, str]:
    """Blocks until the lease is granted. Asks again when the supervisor is replaced meanwhile."""
    away_since: float | None = None
    while True:
        try:
            connection = Connection(path)
            try:
                away_since = None
                return connection, _await_grant(connection, name, owner, tell)
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            away_since = away_since or time.monotonic()
            if _is_final(error) or time.monotonic() - away_since > RECONNECT_SECONDS:
                raise _no_supervisor(path, error) from error
            time.sleep(0.1)


def _await_grant(connection: Connection, name: str, owner: str, tell: Callable[[str], None]) -> str:
    request = connection.send("lease.acquire", name=name, owner=owner, pid=os.getpid())
    while True:
        message = connection.receive(request)
        if message.get("ok"):
            return message["token"]
        if message.get("event") == "waiting":
            holder = message.get("holder", {})
            tell(f"waiting for the {name}: {holder.get('owner')} (pid {holder.get('pid')}) holds it since {holder.get('since')}")
            continue
        error = message.get("error", {})
        raise UserError(error.get("message", f"The lease of the {name} was refused."), error.get("remedy", ""))


def _release(connection: Connection, token: str, path: str) -> None:
    """Releases on the same connection, or on a new one when the supervisor was replaced meanwhile."""
    deadline = time.monotonic() + RECONNECT_SECONDS
    while True:
        try:
            connection.receive(connection.send("lease.release", token=token))
            return
        except OSError:
            if time.monotonic() > deadline:
                log.warning("the supervisor didn't come back; it frees the lease when this process ends")
                return
        finally:
            connection.close()
        connection = _reconnect(path, deadline) or connection


def _reconnect(path: str, deadline: float) -> Connection | None:
    while time.monotonic() < deadline:
        try:
            return Connection(path)
        except OSError:
            time.sleep(0.1)
    return None


def socket_path(path: str | None = None) -> str:
    """The supervisor's socket: `path`, or STACK_SOCKET. Raises UserError when neither is given."""
    path = path or os.environ.get("STACK_SOCKET")
    if not path:
        raise UserError(
            "STACK_SOCKET isn't set, so the warehouse can't be leased.",
            "Start the command through the stack: `npx stack exec transformation --lease warehouse -- <command>`.",
        )
    return path


def _shortest(path: str) -> str:
    """A socket's path may have about 100 bytes; the relative one is often shorter."""
    return min(path, os.path.relpath(path), key=len)


def _is_final(error: OSError) -> bool:
    return isinstance(error, PermissionError) or "too long" in str(error)


def _no_supervisor(path: str, error: OSError) -> UserError:
    return UserError(
        f"The supervisor doesn't answer at {path} ({error.strerror or error}).", "Start the stack: `make deploy-local`."
    )


def main(arguments: list[str]) -> int:
    """`lease NAME -- COMMAND...`: replaces itself by the command, which inherits the connection and so the lease."""
    if len(arguments) < 3 or arguments[1] != "--":
        print("usage: python -m stack_pipeline.lease NAME -- COMMAND...", file=sys.stderr)
        return 2
    name, command = arguments[0], arguments[2:]
    try:
        connection, _ = acquire(name, " ".join([Path(command[0]).name, *command[1:]]), socket_path(), _print)
        connection.keep_over_exec()
        os.execvp(command[0], command)
    except UserError as error:
        _print(str(error))
    except FileNotFoundError:
        _print(f"The command {command[0]} doesn't exist. Give its full path.")
    except KeyboardInterrupt:
        return 130
    return 1


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
