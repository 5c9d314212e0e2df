"""Dagster's own client, unchanged, drives the service."""

import pytest
from conftest import Service
from dagster import AssetKey, Failure, materialize
from dagster_airbyte import AirbyteWorkspace, build_airbyte_assets_definitions

STREAMS = {"products", "users", "purchases"}


@pytest.fixture
def workspace(service: Service) -> AirbyteWorkspace:
    return AirbyteWorkspace(
        rest_api_base_url=service.rest_api,
        configuration_api_base_url=service.configuration_api,
        workspace_id=service.workspace_id,
        client_id=service.client_id,
        client_secret=service.client_secret,
        request_max_retries=0,
        poll_interval=0.2,
    )


def test_it_finds_the_connection_and_its_streams(workspace: AirbyteWorkspace, service: Service) -> None:
    data = workspace.fetch_airbyte_workspace_data()
    connection = data.connections_by_id[service.connection_id]
    assert connection.name == "faker"
    assert set(connection.streams) == STREAMS
    tables = {
        props.fully_qualified_table_name
        for props in data.to_airbyte_connection_table_props_data()
        if props.connection_id == service.connection_id
    }
    assert tables == {f"warehouse.raw_airbyte.{name}" for name in STREAMS}


def test_its_assets_materialise(workspace: AirbyteWorkspace, service: Service) -> None:
    assets = build_airbyte_assets_definitions(
        workspace=workspace, connection_selector_fn=lambda connection: connection.id == service.connection_id
    )
    assert {key for asset in assets for key in asset.keys} == {AssetKey([name]) for name in STREAMS}
    result = materialize(assets, resources={"airbyte": workspace})
    assert result.success
    materialised = {event.asset_key for event in result.get_asset_materialization_events()}
    assert materialised == {AssetKey([name]) for name in STREAMS}


def test_sync_and_poll_gives_the_job(workspace: AirbyteWorkspace, service: Service) -> None:
    client = workspace.get_client()
    output = client.sync_and_poll(service.connection_id)
    assert output.job_details["status"] == "succeeded"
    assert output.connection_details["connectionId"] == service.connection_id


def test_a_running_sync_is_refused_or_followed_and_cancelled(workspace: AirbyteWorkspace, service: Service) -> None:
    client = workspace.get_client()
    job = client.start_sync_job(service.connection_id)
    with pytest.raises(Failure, match="already running"):
        client.sync_and_poll(service.connection_id)
    assert client.cancel_job(job["jobId"])["status"] == "cancelled"


def test_wrong_credentials_are_refused(service: Service) -> None:
    workspace = AirbyteWorkspace(
        rest_api_base_url=service.rest_api,
        configuration_api_base_url=service.configuration_api,
        workspace_id=service.workspace_id,
        client_id=service.client_id,
        client_secret="guess",
        request_max_retries=0,
    )
    with pytest.raises(Failure):
        workspace.fetch_airbyte_workspace_data()
