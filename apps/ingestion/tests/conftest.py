"""The running service, as clients.spec.ts deployed it: its addresses and secrets come from the environment."""

import os
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Service:
    rest_api: str
    configuration_api: str
    client_id: str
    client_secret: str
    workspace_id: str
    connection_id: str


@pytest.fixture(scope="session")
def service() -> Service:
    names = (
        "AIRBYTE_REST_API_BASE_URL",
        "AIRBYTE_CONFIGURATION_API_BASE_URL",
        "AIRBYTE_CLIENT_ID",
        "AIRBYTE_CLIENT_SECRET",
        "AIRBYTE_WORKSPACE_ID",
        "AIRBYTE_CONNECTION_ID",
    )
    missing = [name for name in names if name not in os.environ]
    if missing:
        pytest.fail(f"{', '.join(missing)} not set: run these tests by `npx nx test ingestion`")
    return Service(*(os.environ[name] for name in names))
