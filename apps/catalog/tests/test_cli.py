"""DataHub's command line against the running service."""

import time

import datahub.metadata.schema_classes as c
from conftest import last_json
from datahub.emitter.mce_builder import make_dataset_urn
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.ingestion.graph.client import DataHubGraph
from test_client import derived, schema


def test_get_exists_delete(datahub, graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", name)
    assert "false" in datahub("exists", "--urn", urn)
    graph.emit(Proposal(entityUrn=urn, aspect=c.DatasetPropertiesClass(name=name, description="words")))
    assert "true" in datahub("exists", "--urn", urn)
    shown = last_json(datahub("get", "--urn", urn, "--aspect", "datasetProperties"))
    assert shown["datasetProperties"]["description"] == "words"

    datahub("delete", "--urn", urn, "--soft", "--force")
    assert graph.get_aspect(urn, c.StatusClass).removed
    datahub("delete", "--urn", urn, "--hard", "--force")
    assert "false" in datahub("exists", "--urn", urn)


def test_delete_by_filter(datahub, graph: DataHubGraph, name: str) -> None:
    urns = [make_dataset_urn(name, str(i)) for i in range(3)]
    graph.emit_mcps([Proposal(entityUrn=urn, aspect=c.StatusClass(removed=False)) for urn in urns])
    datahub("delete", "--platform", name, "--hard", "--force")
    assert list(graph.get_urns_by_filter(platform=name)) == []


def test_timeline(datahub, graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", name)
    for columns in (["a", "b"], ["a", "c"]):
        graph.emit(Proposal(entityUrn=urn, aspect=schema(*columns)))
        time.sleep(0.01)
    shown = last_json(datahub("timeline", "--urn", urn, "-c", "technical_schema", "--raw", "-v"))
    first, second = shown
    assert {(one["operation"], one["parameters"]["fieldPath"]) for one in first["changeEvents"]} == {("ADD", "a"), ("ADD", "b")}
    assert {(one["operation"], one["parameters"]["fieldPath"]) for one in second["changeEvents"]} == {("ADD", "c"), ("REMOVE", "b")}
    assert (first["semVer"], second["semVer"], second["semVerChange"]) == ("0.0.0-computed", "1.0.0-computed", "MAJOR")
    told = datahub("timeline", "--urn", urn, "-c", "technical_schema")
    assert "was removed" in told or "REMOVE" in told


def test_lineage_and_search(datahub, graph: DataHubGraph, name: str) -> None:
    [a, b] = [make_dataset_urn("duckdb", f"{name}.{one}") for one in "ab"]
    graph.emit_mcps([derived(b, a), Proposal(entityUrn=a, aspect=c.DatasetPropertiesClass(name=f"{name} a"))])
    assert a in datahub("lineage", "--urn", b, "--format", "json")
    assert a in datahub("search", name, "--format", "json")


def test_graphql(datahub, graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", name)
    graph.emit(Proposal(entityUrn=urn, aspect=schema("x")))
    query = f'{{ dataset(urn: "{urn}") {{ name platform {{ name }} schemaMetadata {{ fields {{ fieldPath type }} }} }} }}'
    shown = last_json(datahub("graphql", "--query", query, "--format", "json"))
    assert shown["dataset"]["schemaMetadata"]["fields"] == [{"fieldPath": "x", "type": "NUMBER"}]
    assert shown["dataset"]["platform"]["name"] == "duckdb"
