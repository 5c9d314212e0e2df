"""The tables that Airbyte's connection loads, as assets: the ingestion service syncs, Airbyte's own client asks it to."""

import os
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    ConfigurableResource,
    Failure,
    InitResourceContext,
    MaterializeResult,
    OpExecutionContext,
    multi_asset,
)
from pydantic import PrivateAttr

from stack_pipeline.common import NOTHING_NEW, OWNERS, SOURCE, daily, note

SCHEMA = "raw_airbyte"
STREAMS = ("users", "products", "purchases")
CHECK = "synced"
UNDER_WAY = ("pending", "running", "incomplete")


def define_airbyte() -> AssetsDefinition | None:
    """The step that syncs the connection AIRBYTE_CONNECTION_ID; None where there is no ingestion service."""
    if not os.environ.get("AIRBYTE_CONNECTION_ID"):
        return None
    keys = [AssetKey([SCHEMA, stream]) for stream in STREAMS]

    @multi_asset(
        name="sync_airbyte",
        specs=[
            AssetSpec(
                key,
                description=f"The stream {key.path[-1]} of Airbyte's connection.",
                group_name="ingestion",
                owners=OWNERS,
                kinds={"airbyte"},
                freshness_policy=daily(),
            )
            for key in keys
        ],
        check_specs=[AssetCheckSpec(CHECK, asset=key, description="Airbyte's last job ended well.") for key in keys],
        # no pool: the service waits for the warehouse by itself, and holds it only to load
        op_tags=SOURCE,
    )
    def sync_airbyte(context: OpExecutionContext, airbyte: AirbyteSync) -> Iterator[MaterializeResult]:
        """Waits for the sync. One that fails is a warning: what was loaded before stays."""
        problem, job = _sync(context, airbyte)
        note(context, f"failed: {problem}" if problem else f"{job['rowsSynced']:,} rows" if job.get("rowsSynced") else NOTHING_NEW)
        for key in keys:
            yield MaterializeResult(
                asset_key=key,
                metadata=job,
                check_results=[
                    AssetCheckResult(
                        passed=problem is None,
                        severity=AssetCheckSeverity.WARN,
                        asset_key=key,
                        check_name=CHECK,
                        metadata={"problem": problem} if problem else {},
                    )
                ],
            )

    return sync_airbyte


class AirbyteSync(ConfigurableResource):
    """The connection's sync. It begins with the run and goes on beside its first steps: a connector is a process of its own.

    Whatever fails is told by `outcome`, so that it is one step's warning and not the run's end.
    """

    _client: Any = PrivateAttr(default=None)
    _job: int | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        import requests
        from dagster_airbyte import AirbyteWorkspace

        self._client = AirbyteWorkspace(
            rest_api_base_url=os.environ["AIRBYTE_REST_API_BASE_URL"],
            configuration_api_base_url=os.environ["AIRBYTE_CONFIGURATION_API_BASE_URL"],
            workspace_id=os.environ["AIRBYTE_WORKSPACE_ID"],
            client_id=os.environ["AIRBYTE_CLIENT_ID"],
            client_secret=os.environ["AIRBYTE_CLIENT_SECRET"],
            request_max_retries=2,
            request_retry_delay=0.5,
            poll_interval=0.25,
            poll_previous_running_sync=True,
        ).get_client()
        try:
            self._job = self._client.start_sync_job(os.environ["AIRBYTE_CONNECTION_ID"])["jobId"]
        except (Failure, requests.RequestException, KeyError):
            self._job = None  # one is under way already, or there is no server: the step finds out

    def outcome(self) -> dict[str, Any]:
        """What the API says of the job, once it has succeeded. Raises Failure, or requests' errors, when it doesn't."""
        details = self._client.get_job_details(self._job) if self._job else None
        if details is None or details["status"] in UNDER_WAY:
            # Airbyte's own client follows the job under way, or starts one; it cancels it when the run is cancelled
            return dict(self._client.sync_and_poll(os.environ["AIRBYTE_CONNECTION_ID"]).job_details)
        if details["status"] != "succeeded":
            raise Failure(f"Job failed: {self._job}")
        return dict(details)


def _sync(context: OpExecutionContext, airbyte: AirbyteSync) -> tuple[str | None, dict[str, str | int]]:
    """What went wrong, if anything, and what is told of the job."""
    import requests

    try:
        details = airbyte.outcome()
    except (Failure, requests.RequestException) as error:
        reason = (error.description or str(error)) if isinstance(error, Failure) else str(error)
        context.log.warning(f"Airbyte's sync failed, so what was loaded before stays: {reason}")
        return reason, {}
    told = {name: details[name] for name in ("jobId", "rowsSynced", "bytesSynced", "duration") if details.get(name) is not None}
    return None, told
