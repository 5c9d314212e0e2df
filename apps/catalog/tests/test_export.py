"""The export, loaded with the client's own `file` source into a second, empty catalogue."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import datahub.metadata.schema_classes as c
import pytest
import requests
from conftest import run_datahub
from datahub.emitter.mce_builder import make_assertion_urn, make_dataset_urn, make_schema_field_urn, make_tag_urn
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.ingestion.graph.client import DatahubClientConfig, DataHubGraph
from datahub.sdk import DataHubClient
from test_client import derived, post, proposal, schema

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "apps/catalog/import.dhub.yaml"


@pytest.fixture
def second(name: str) -> Iterator[str]:
    """Address of another catalogue with a database of its own, and the token `second`."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    env = {
        **os.environ,
        "DATABASE_URL": f"{os.environ['POSTGRES_URL']}/{name}",
        "API_TOKEN": "second",
        "PORT": str(port),
    }
    program = subprocess.Popen(["node", ROOT / "dist/apps/catalog/main.cjs"], env=env, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                requests.get(f"{address}/health").raise_for_status()
                break
            except requests.RequestException:
                time.sleep(0.1)
        yield address
    finally:
        program.terminate()
        program.wait(10)


def exported(server: str, token: str) -> bytes:
    answer = requests.get(f"{server}/export", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.content


def as_read(file: bytes) -> list[str]:
    """What the client makes of each proposal (it leaves out nulls), without what it says of itself when it loads them."""
    read = [Proposal.from_obj(one).to_obj() for one in json.loads(file)]
    return sorted(json.dumps({**one, "systemMetadata": None}, sort_keys=True) for one in read)


def test_the_file_source_loads_an_export(
    server: str, token: str, second: str, graph: DataHubGraph, name: str, tmp_path: Path
) -> None:
    [a, b, gone] = [make_dataset_urn("duckdb", f"{name}.{one}") for one in ("a", "b", "gone")]
    hostile = f"{name}<script>alert(1)</script>'; drop table aspects; -- \" \\ ${{7*7}} é 🦆"
    bare, unknown, assertion = f"urn:li:tag:{name}-bare", f"urn:li:tag:{name}-unknown", make_assertion_urn(name)
    result = c.AssertionRunEventClass(timestampMillis=5, runId="r", asserteeUrn=a, status="COMPLETE", assertionUrn=assertion)
    graph.emit_mcps(
        [
            Proposal(entityUrn=a, aspect=schema("x", "y")),
            derived(b, a, {"z": ["x"]}),
            Proposal(entityUrn=make_tag_urn(name), aspect=c.TagPropertiesClass(name=hostile)),
            Proposal(entityUrn=b, aspect=c.GlobalTagsClass(tags=[c.TagAssociationClass(tag=make_tag_urn(name))])),
            Proposal(entityUrn=gone, aspect=c.DatasetPropertiesClass(name=f"{name} gone")),
            Proposal(entityUrn=assertion, aspect=result),
        ]
    )
    graph.soft_delete_entity(gone)
    values = {"myOwnAspect": {"text": "\u0000 é 🦆", "deep": [1.1, None, {}], "big": 2**53 - 1}, "emptyAspect": {}}
    for aspect, value in values.items():
        assert post(server, token, "ingestProposal", proposal(unknown, aspect, value)).status_code == 200
    post(server, token, "ingestProposal", proposal(bare))
    post(server, token, "ingestProposal", proposal(bare, changeType="DELETE"))
    assert graph.exists(bare) and graph.get_aspect(bare, c.StatusClass) is None

    first, file = exported(server, token), tmp_path / "catalog.json"
    file.write_bytes(first)
    to = {"DATAHUB_GMS_URL": second, "DATAHUB_GMS_TOKEN": "second", "FILE": str(file)}
    for _ in range(2):
        told = run_datahub(tmp_path, to, "ingest", "run", "-c", str(RECIPE), "--no-default-report", "--strict-warnings")
        assert "'failures': []" in told
        # The same of each, so with nothing doubled: also in events, of entities with a key only, and of those that were removed.
        assert as_read(exported(second, "second")) == as_read(first)

    there = DataHubGraph(DatahubClientConfig(server=second, token="second"))
    for one in (graph, there):
        assert one.get_aspect(make_tag_urn(name), c.TagPropertiesClass).name == hostile
        # Loaded twice, it still has its first version only.
        assert one.get_aspect(a, c.SchemaMetadataClass, version=2) is None
        assert one.get_aspect(gone, c.StatusClass).removed and gone not in set(one.get_urns_by_filter(query=name))
        assert {a, b} <= set(one.get_urns_by_filter(query=name))
        lineage = DataHubClient(graph=one).lineage
        assert [(at.urn, at.hops) for at in lineage.get_lineage(source_urn=a, direction="downstream")] == [(b, 1)]
        columns = lineage.get_lineage(source_urn=a, source_column="x", direction="downstream")
        assert [at.urn for at in columns] == [make_schema_field_urn(b, "z")]
        assert one.get_timeseries_values(assertion, c.AssertionRunEventClass, {}, 10) == [result]
        assert one.exists(bare)
    listed = [sorted(one.get_urns_by_filter(status=None, query="*")) for one in (graph, there)]
    assert listed[0] == listed[1]


def test_nothing_is_exported_without_the_token(server: str) -> None:
    assert requests.get(f"{server}/export").status_code == 401


def test_an_empty_catalogue_is_an_empty_list(second: str) -> None:
    assert json.loads(exported(second, "second")) == []


def test_a_reader_that_goes_is_no_matter(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    large = c.DatasetPropertiesClass(description="d" * 3_000_000)
    graph.emit(Proposal(entityUrn=make_dataset_urn("duckdb", name), aspect=large))
    for _ in range(20):
        with requests.get(f"{server}/export", headers={"Authorization": f"Bearer {token}"}, stream=True) as answer:
            assert next(answer.iter_content(10))
    assert len(json.loads(exported(server, token))) > 0
