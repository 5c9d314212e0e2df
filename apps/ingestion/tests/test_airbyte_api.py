"""Airbyte's own client for Python, unchanged, drives the service."""

import time

import pytest
from airbyte_api import AirbyteAPI, api, errors, models
from conftest import Service


@pytest.fixture
def airbyte(service: Service) -> AirbyteAPI:
    credentials = models.SchemeClientCredentials(client_id=service.client_id, client_secret=service.client_secret)
    # its five seconds are short for a connector that starts on a busy machine
    security = models.Security(client_credentials=credentials)
    return AirbyteAPI(server_url=service.rest_api, security=security, timeout_ms=60_000)


def test_lists_have_what_the_first_start_made(airbyte: AirbyteAPI, service: Service) -> None:
    ids = [service.workspace_id]
    sources = airbyte.sources.list_sources(request=api.ListSourcesRequest(workspace_ids=ids)).sources_response
    assert [source.name for source in sources.data] == ["faker"]
    assert sources.data[0].configuration.count == 1000
    destinations = airbyte.destinations.list_destinations(request=api.ListDestinationsRequest(workspace_ids=ids))
    assert destinations.destinations_response.data[0].configuration.schema_ == "raw_airbyte"
    connections = airbyte.connections.list_connections(request=api.ListConnectionsRequest(workspace_ids=ids))
    assert connections.connections_response.data[0].connection_id == service.connection_id
    workspace = airbyte.workspaces.get_workspace(request=api.GetWorkspaceRequest(workspace_id=ids[0]))
    assert workspace.workspace_response.workspace_id == service.workspace_id
    airbyte.workspaces.list_workspaces(request=api.ListWorkspacesRequest())
    airbyte.health.get_health_check()


def test_a_source_a_destination_and_a_connection_from_creation_to_deletion(airbyte: AirbyteAPI, service: Service) -> None:
    source = airbyte.sources.create_source(
        request=models.SourceCreateRequest(
            name="few",
            workspace_id=service.workspace_id,
            configuration=models.SourceFaker(count=10, seed=1, parallelism=1, always_updated=False),
        )
    ).source_response
    assert (source.source_type, source.configuration.count) == ("faker", 10)
    destination = airbyte.destinations.create_destination(
        request=models.DestinationCreateRequest(
            name="elsewhere",
            workspace_id=service.workspace_id,
            configuration=models.DestinationDuckdb(destination_path="warehouse", schema_="raw_few"),
        )
    ).destination_response
    streams = airbyte.streams.get_stream_properties(request=api.GetStreamPropertiesRequest(source_id=source.source_id))
    assert {stream.stream_name for stream in streams.stream_properties_response} == {"users", "products", "purchases"}
    users = models.StreamConfiguration(name="users", sync_mode=models.ConnectionSyncModeEnum.FULL_REFRESH_OVERWRITE)
    connection = airbyte.connections.create_connection(
        request=models.ConnectionCreateRequest(
            name="few users",
            source_id=source.source_id,
            destination_id=destination.destination_id,
            prefix="few_",
            configurations=models.StreamConfigurations(streams=[users]),
        )
    ).connection_response
    assert [stream.name for stream in connection.configurations.streams] == ["users"]

    job = airbyte.jobs.create_job(
        request=models.JobCreateRequest(connection_id=connection.connection_id, job_type=models.JobTypeEnum.SYNC)
    ).job_response
    assert wait(airbyte, job.job_id).rows_synced == 10
    jobs = airbyte.jobs.list_jobs(request=api.ListJobsRequest(connection_id=connection.connection_id))
    assert [one.status for one in jobs.jobs_response.data] == [models.JobStatusEnum.SUCCEEDED]

    renamed = airbyte.connections.patch_connection(
        request=api.PatchConnectionRequest(
            connection_id=connection.connection_id,
            connection_patch_request=models.ConnectionPatchRequest(name="renamed", status=models.ConnectionStatusEnum.INACTIVE),
        )
    ).connection_response
    assert (renamed.name, renamed.status, renamed.prefix) == ("renamed", models.ConnectionStatusEnum.INACTIVE, "few_")
    patched = airbyte.sources.patch_source(
        request=api.PatchSourceRequest(source_id=source.source_id, source_patch_request=models.SourcePatchRequest(name="fewer"))
    ).source_response
    assert (patched.name, patched.configuration.count) == ("fewer", 10)

    with pytest.raises(errors.SDKError, match="409"):
        airbyte.sources.delete_source(request=api.DeleteSourceRequest(source_id=source.source_id))
    airbyte.connections.delete_connection(request=api.DeleteConnectionRequest(connection_id=connection.connection_id))
    airbyte.sources.delete_source(request=api.DeleteSourceRequest(source_id=source.source_id))
    airbyte.destinations.delete_destination(request=api.DeleteDestinationRequest(destination_id=destination.destination_id))
    with pytest.raises(errors.SDKError, match="404"):
        airbyte.sources.get_source(request=api.GetSourceRequest(source_id=source.source_id))


def test_a_job_is_cancelled(airbyte: AirbyteAPI, service: Service) -> None:
    request = models.JobCreateRequest(connection_id=service.connection_id, job_type=models.JobTypeEnum.SYNC)
    job = airbyte.jobs.create_job(request=request).job_response
    cancelled = airbyte.jobs.cancel_job(request=api.CancelJobRequest(job_id=job.job_id)).job_response
    assert cancelled.status == models.JobStatusEnum.CANCELLED


def test_definitions_name_the_connectors(airbyte: AirbyteAPI, service: Service) -> None:
    listed = airbyte.source_definitions.list_source_definitions(
        request=api.ListSourceDefinitionsRequest(workspace_id=service.workspace_id)
    )
    assert "source-faker" in [one.name for one in listed.definitions_response.data]


def wait(airbyte: AirbyteAPI, job_id: int) -> models.JobResponse:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = airbyte.jobs.get_job(request=api.GetJobRequest(job_id=job_id)).job_response
        if job.status not in (models.JobStatusEnum.PENDING, models.JobStatusEnum.RUNNING, models.JobStatusEnum.INCOMPLETE):
            return job
        time.sleep(0.2)
    raise AssertionError(f"job {job_id} didn't end")
