"""What this stack changes in Dagster's code server, in one place because it leans on private parts of dagster 1.13.27.

- Runs start from a fork server with dagster, dlt and dbt imported already: half a second instead of six.
- The definitions are replaced in place when the code changes; runs that go on keep theirs.
- SIGTERM cancels the runs and ends within seconds; a run whose process vanished is reported as failed.

With another version of dagster, or where a part is missing, `install` changes nothing: everything works, slower.
"""

import fcntl
import importlib.metadata
import logging
import multiprocessing
import multiprocessing.forkserver
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._grpc import server as stock
from dagster._grpc.types import ExecuteExternalJobArgs
from dagster._serdes import deserialize_value

from stack_pipeline.postgres_pool import keep_connections

TRIED_VERSION = "1.13.27"

PRELOADED = [
    "dagster",
    "dagster_dbt",
    "dagster_airbyte",
    "dagster_postgres",
    "psycopg2",
    "duckdb",
    "pandas",  # dlt imports it when it loads
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "boto3.s3.transfer",
    "boto3.s3.inject",
    "dlt",
    "dlt.sources.helpers",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.load.load",
    "dlt.normalize.normalize",
    "dlt.extract.extract",
    "dlt.pipeline.pipeline",
    "dbt.cli.main",
    "dbt.task.build",
    "dbt.adapters.duckdb.impl",
    "dbt_common.clients.agate_helper",
    "stack_pipeline.lazy_scipy",
    "great_expectations",
    "great_expectations.expectations.registry",
    "duckdb_engine",
    "babel.dates",
    "google.protobuf.json_format",
]
"""Packages of others: the stack's own code is read anew by each run."""

STOP_SECONDS = 8.0
"""How long runs may take to end after SIGTERM, before the server ends without them."""

_KEPT = {__name__, "stack_pipeline.errors", "stack_pipeline.postgres_pool"}
"""Modules that a reload leaves: the server's own, whose functions are handed to run processes by name."""

_ALIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_stock_start_run = stock.start_run_in_subprocess
_log = logging.getLogger("dagster.code_server")


def install() -> bool:
    """Puts the changes in place, before the server is made. False (and a warning) when this dagster isn't the one tried."""
    version = importlib.metadata.version("dagster")
    if version != TRIED_VERSION or "forkserver" not in multiprocessing.get_all_start_methods():
        _log.warning("dagster %s: runs start the stock way, which is slower (tried with %s)", version, TRIED_VERSION)
        return False
    stock.DagsterApiServer = WarmApiServer  # type: ignore[misc]
    stock.start_run_in_subprocess = run_worker
    return True


class WarmApiServer(stock.DagsterApiServer):
    """Dagster's servicer with warm run processes, reload in place and a bounded stop."""

    current: "WarmApiServer | None" = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._location_name = kwargs.get("location_name")
        super().__init__(*args, **kwargs)
        multiprocessing.set_forkserver_preload(PRELOADED)
        multiprocessing.forkserver.ensure_running()  # imports by itself while the server comes up
        self._mp_ctx = multiprocessing.get_context("forkserver")  # type: ignore[assignment]
        threading.Thread(target=self._report_lost_runs, name="lost-runs", daemon=True).start()
        WarmApiServer.current = self

    def reload(self, package: str) -> None:
        """Loads the definitions anew. When that fails, raises and keeps those that worked."""
        with self._reload_lock:
            before = {name: module for name, module in sys.modules.items() if name.startswith(f"{package}.") and name not in _KEPT}
            for name in before:
                del sys.modules[name]
            try:
                self._loaded_repositories = stock.LoadedRepositories(
                    self._loadable_target_origin,
                    entry_point=self._entry_point,
                    container_image=self._container_image,
                    container_context=self._container_context,
                    defs_state_info=self._defs_state_info,
                    code_location_name=self._location_name,
                )
            except BaseException:
                sys.modules.update(before)
                raise
            self._serializable_load_error = None
            self._server_id = str(uuid.uuid4())  # webserver and daemon ask for it every second, and reload when it changed

    def cleanup(self) -> None:
        """Ends the runs, then the server. What doesn't end in time is left to the supervisor's kill."""
        deadline = threading.Timer(STOP_SECONDS, os._exit, [1])
        deadline.daemon = True
        deadline.start()
        with self._execution_lock:
            for event in self._termination_events.values():
                event.set()
        super().cleanup()

    def _report_lost_runs(self) -> None:
        """After a crash of the server before: fails the runs whose process is gone, until none is left in doubt."""
        try:
            while self._instance and report_lost_runs(self._instance):
                time.sleep(5)
        except Exception:
            _log.exception("couldn't look for lost runs")


def run_worker(serialized_args: str, recon_job: Any, event_queue: Any, termination_event: Any) -> None:
    """Runs one run in its own process, holding a lock that shows others that the process lives."""
    arguments = deserialize_value(serialized_args, ExecuteExternalJobArgs)
    keep_connections()
    with _alive(_lock_file(arguments.run_id)):
        _stock_start_run(serialized_args, recon_job, event_queue, termination_event)


def report_lost_runs(instance: DagsterInstance) -> bool:
    """Fails each run whose process died without a word. Returns whether other runs of a former server still go on."""
    others = False
    for run in instance.get_runs(RunsFilter(statuses=_ALIVE)):
        lock = _lock_file(run.run_id)
        if not lock.exists():  # not started by a code server, or only just starting
            continue
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                others = True
                continue
        instance.report_run_failed(run, "The run's process was killed. Nothing was published; run the pipeline again.")
        lock.unlink(missing_ok=True)
    return others


@contextmanager
def _alive(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _lock_file(run_id: str) -> Path:
    return Path(os.environ["DAGSTER_HOME"]) / "run-workers" / f"{run_id}.lock"
