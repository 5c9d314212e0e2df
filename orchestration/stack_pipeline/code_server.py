"""The stack's code server: serves the definitions to Dagster's webserver and daemon, and starts their runs.

python -m stack_pipeline.code_server --port 4000 [--host 127.0.0.1] [--watch]
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

LOCATION = "stack_pipeline"
_log = logging.getLogger("dagster.code_server")


def main() -> int:
    """Serves until SIGTERM or SIGINT. Exit status 1, with one line on stderr, when it can't start."""
    options = _options()
    if not _is_free(options.host, options.port):
        # gRPC would share the port silently, and runs would go to the other one
        print(f"Port {options.port} is taken, maybe by a code server that still stops. Wait, or end it.", file=sys.stderr)
        return 1
    # Dagster gives SIGTERM what SIGINT does, which is nothing in a process that a shell put in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("DAGSTER_GRPC_SHUTDOWN_GRACE_PERIOD", "1")
    from dagster._cli.api import grpc_command

    from stack_pipeline import dagster_server
    from stack_pipeline.settings import Settings

    arguments = ["--host", options.host, "--port", str(options.port), "--location-name", LOCATION]
    try:
        project = Settings.from_env().dbt_project
        if dagster_server.install() and options.watch:
            threading.Thread(target=_reload_on_change, args=[project], name="reload", daemon=True).start()
        grpc_command.main([*arguments, "--module-name", "stack_pipeline.location"], standalone_mode=False)
    except Exception as error:
        if not (line := _users_error(error)):
            raise
        print(line, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stack_pipeline.code_server", description="Serves the code location to Dagster.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--watch", action="store_true", help="load the code again when a file changes")
    return parser.parse_args()


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that still lingers doesn't matter
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _users_error(error: BaseException | None) -> str | None:
    """The message of the user's error that caused this one, if one did."""
    from stack_pipeline.errors import UserError

    while error is not None:
        if isinstance(error, UserError):
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _reload_on_change(project: Path) -> None:
    """Reloads when Python code or the dbt project changes. Broken code is reported, and what worked stays."""
    from watchfiles import watch

    from stack_pipeline.dagster_server import WarmApiServer
    from stack_pipeline.transformation.dbt import is_source

    package = Path(__file__).parent

    def matters(_: object, path: str) -> bool:
        changed = Path(path)
        if changed.is_relative_to(package):
            return changed.suffix == ".py"
        return is_source(project, changed)

    for changes in watch(package, project, watch_filter=matters, debounce=400):
        server = WarmApiServer.current
        if server is None:
            continue
        names = sorted({Path(path).name for _, path in changes})
        try:
            server.reload("stack_pipeline")
            _log.info("Loaded again after a change of %s", ", ".join(names))
        except BaseException as error:
            _log.error("Kept the definitions of before: %s", _users_error(error) or error)


if __name__ == "__main__":
    sys.exit(main())
