"""The tables that Airbyte's connection loads, as assets: the ingestion service syncs, Airbyte's own client asks it to."""

import os
from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Failure,
    MaterializeResult,
    OpExecutionContext,
    multi_asset,
)

from stack_pipeline.common import NOTHING_NEW, OWNERS, SOURCE, daily, note

SCHEMA = "raw_airbyte"
STREAMS = ("users", "products", "purchases")
CHECK = "synced"


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
    def airbyte(context: OpExecutionContext) -> Iterator[MaterializeResult]:
        """Runs a sync and waits for it. One that fails is a warning: what was loaded before stays."""
        problem, job = _sync(context)
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

    return airbyte


def _sync(context: OpExecutionContext) -> tuple[str | None, dict[str, str | int]]:
    """What went wrong, if anything, and what is told of the job."""
    import requests
    from dagster_airbyte import AirbyteWorkspace

    workspace = AirbyteWorkspace(
        rest_api_base_url=os.environ["AIRBYTE_REST_API_BASE_URL"],
        configuration_api_base_url=os.environ["AIRBYTE_CONFIGURATION_API_BASE_URL"],
        workspace_id=os.environ["AIRBYTE_WORKSPACE_ID"],
        client_id=os.environ["AIRBYTE_CLIENT_ID"],
        client_secret=os.environ["AIRBYTE_CLIENT_SECRET"],
        request_max_retries=2,
        request_retry_delay=0.5,
        poll_interval=0.25,
        poll_previous_running_sync=True,
    )
    try:
        output = workspace.get_client().sync_and_poll(os.environ["AIRBYTE_CONNECTION_ID"])
    except (Failure, requests.RequestException) as error:
        reason = (error.description or str(error)) if isinstance(error, Failure) else str(error)
        context.log.warning(f"Airbyte's sync failed, so what was loaded before stays: {reason}")
        return reason, {}
    details = output.job_details
    told = {name: details[name] for name in ("jobId", "rowsSynced", "bytesSynced", "duration") if details.get(name) is not None}
    return None, told
