"""Emitter, graph and SDK of acryl-datahub against the running service."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from urllib.parse import quote

import datahub.metadata.schema_classes as c
import pytest
import requests
from datahub.configuration.common import ConfigurationError
from datahub.emitter.mce_builder import make_assertion_urn, make_dataset_urn, make_schema_field_urn, make_tag_urn
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.emitter.rest_emitter import DatahubRestEmitter
from datahub.ingestion.graph.client import DataHubGraph
from datahub.ingestion.graph.filters import RemovedStatusFilter
from datahub.ingestion.graph.openapi import LineageDirection
from datahub.sdk import DataHubClient
from datahub.specific.dashboard import DashboardPatchBuilder
from datahub.specific.datajob import DataJobPatchBuilder
from datahub.specific.dataset import DatasetPatchBuilder


def schema(*columns: str) -> c.SchemaMetadataClass:
    fields = [
        c.SchemaFieldClass(fieldPath=column, nativeDataType="INTEGER", type=c.SchemaFieldDataTypeClass(type=c.NumberTypeClass()))
        for column in columns
    ]
    return c.SchemaMetadataClass(
        schemaName="s",
        platform="urn:li:dataPlatform:duckdb",
        version=0,
        hash="",
        platformSchema=c.OtherSchemaClass(rawSchema=""),
        fields=fields,
    )


def derived(down: str, up: str, columns: dict[str, list[str]] | None = None) -> Proposal:
    fine = [
        c.FineGrainedLineageClass(
            upstreamType="FIELD_SET",
            downstreamType="FIELD",
            upstreams=[make_schema_field_urn(up, one) for one in ups],
            downstreams=[make_schema_field_urn(down, column)],
        )
        for column, ups in (columns or {}).items()
    ]
    upstream = c.UpstreamClass(dataset=up, type="TRANSFORMED")
    return Proposal(entityUrn=down, aspect=c.UpstreamLineageClass(upstreams=[upstream], fineGrainedLineages=fine or None))


def test_what_is_emitted_is_read_back(graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", f"{name}.a")
    assert not graph.exists(urn)
    properties = c.DatasetPropertiesClass(name="a", description="words", customProperties={"k": "v"})
    graph.emit(Proposal(entityUrn=urn, aspect=properties))
    graph.emit_mcps(
        [Proposal(entityUrn=urn, aspect=schema("x", "y")), Proposal(entityUrn=urn, aspect=c.StatusClass(removed=False))]
    )
    assert graph.exists(urn)
    assert graph.get_aspect(urn, c.DatasetPropertiesClass) == properties
    assert [field.fieldPath for field in graph.get_schema_metadata(urn).fields] == ["x", "y"]
    assert set(graph.get_entity_semityped(urn)) == {"datasetKey", "datasetProperties", "schemaMetadata", "status"}
    assert set(graph.get_entity_raw(urn, ["status"])["aspects"]) == {"status"}
    assert graph.get_aspect(urn, c.DatasetKeyClass) == c.DatasetKeyClass("urn:li:dataPlatform:duckdb", f"{name}.a", "PROD")
    assert graph.get_aspect(urn, c.OwnershipClass) is None


def test_aspects_of_many_shapes_fit_the_client_s_schemas(graph: DataHubGraph, name: str) -> None:
    """Unions, enums, maps and nested records, in the JSON that the client makes of them."""
    urn = make_dataset_urn("duckdb", f"{name}.typed")
    stamp = c.AuditStampClass(time=1, actor="urn:li:corpuser:ann")
    aspects = [
        c.GlobalTagsClass(tags=[c.TagAssociationClass(tag=make_tag_urn("pii"))]),
        c.GlossaryTermsClass(terms=[c.GlossaryTermAssociationClass(urn="urn:li:glossaryTerm:x")], auditStamp=stamp),
        c.OwnershipClass(owners=[c.OwnerClass(owner="urn:li:corpuser:ann", type="DATAOWNER")], lastModified=stamp),
        c.InstitutionalMemoryClass(
            elements=[c.InstitutionalMemoryMetadataClass(url="https://x", description="d", createStamp=stamp)]
        ),
        c.StructuredPropertiesClass(
            properties=[c.StructuredPropertyValueAssignmentClass(propertyUrn="urn:li:structuredProperty:p", values=["a", 1.5])]
        ),
        c.ViewPropertiesClass(materialized=False, viewLogic="select 1", viewLanguage="SQL"),
        c.SubTypesClass(typeNames=["Table"]),
        c.DomainsClass(domains=["urn:li:domain:d"]),
        c.DeprecationClass(deprecated=True, note="old", actor="urn:li:corpuser:ann"),
    ]
    graph.emit_mcps([Proposal(entityUrn=urn, aspect=aspect) for aspect in aspects])
    for aspect in aspects:
        assert graph.get_aspect(urn, type(aspect)) == aspect


def test_an_old_snapshot_is_taken(graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", f"{name}.old")
    snapshot = c.DatasetSnapshotClass(
        urn=urn, aspects=[c.DatasetPropertiesClass(description="old way"), c.StatusClass(removed=False)]
    )
    graph.emit_mce(c.MetadataChangeEventClass(proposedSnapshot=snapshot))
    assert graph.get_dataset_properties(urn).description == "old way"


def test_openapi_writes_reads_patches_and_deletes(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    emitter = DatahubRestEmitter(server, token=token, openapi_ingestion=True)
    urn = make_dataset_urn("duckdb", f"{name}.v3")
    emitter.emit(Proposal(entityUrn=urn, aspect=c.DatasetPropertiesClass(description="by OpenAPI")))
    emitter.emit_mcps([Proposal(entityUrn=urn, aspect=schema("x")), derived(urn, make_dataset_urn("file", name))])
    for patch in DatasetPatchBuilder(urn).add_custom_property("a", "b").build():
        emitter.emit(patch)
    assert graph.get_dataset_properties(urn).customProperties == {"a": "b"}
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{server}/openapi/v3/entity/dataset/{requests.utils.quote(urn, safe='')}"
    body = requests.get(address, headers=headers, params={"aspects": ["datasetProperties"]}).json()
    assert body["datasetProperties"]["value"]["description"] == "by OpenAPI" and "schemaMetadata" not in body
    assert requests.delete(address, headers=headers).status_code == 200
    assert requests.get(address, headers=headers).status_code == 404 and not graph.exists(urn)


def test_patches_change_what_they_name_and_nothing_else(graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", f"{name}.p")
    [a, b] = [make_dataset_urn("file", f"{name}/{one}.csv") for one in "ab"]
    fine = c.FineGrainedLineageClass(
        upstreamType="FIELD_SET",
        downstreamType="FIELD",
        upstreams=[make_schema_field_urn(a, "x"), make_schema_field_urn(b, "z")],
        downstreams=[make_schema_field_urn(urn, "y")],
        transformOperation="TRANSFORM",
        confidenceScore=1.0,
    )
    first = (
        DatasetPatchBuilder(urn)
        .set_description("new")
        .add_custom_property("with/slash~", "1")
        .add_tag(c.TagAssociationClass(tag=make_tag_urn("pii")))
        .add_owner(c.OwnerClass(owner="urn:li:corpuser:ann", type="DATAOWNER"))
        .add_upstream_lineage(c.UpstreamClass(dataset=a, type="COPY"))
        .add_upstream_lineage(c.UpstreamClass(dataset=b, type="COPY"))
        .add_fine_grained_lineage(fine)
    )
    for patch in first.build():
        graph.emit(patch)
    assert graph.get_dataset_properties(urn).customProperties == {"with/slash~": "1"}
    lineage = graph.get_aspect(urn, c.UpstreamLineageClass)
    assert {one.dataset for one in lineage.upstreams} == {a, b}
    assert [sorted(one.upstreams) for one in lineage.fineGrainedLineages] == [sorted(fine.upstreams)]

    for patch in DatasetPatchBuilder(urn).remove_upstream_lineage(a).remove_tag(make_tag_urn("pii")).build():
        graph.emit(patch)
    assert [one.dataset for one in graph.get_aspect(urn, c.UpstreamLineageClass).upstreams] == [b]
    assert graph.get_tags(urn).tags == []
    assert graph.get_dataset_properties(urn).description == "new"

    job = f"urn:li:dataJob:(urn:li:dataFlow:(dagster,{name},PROD),step)"
    for patch in DataJobPatchBuilder(job).add_input_dataset(a).add_output_dataset(urn).build():
        graph.emit(patch)
    edges = graph.get_aspect(job, c.DataJobInputOutputClass)
    assert [one.destinationUrn for one in edges.inputDatasetEdges] == [a]
    assert [one.destinationUrn for one in edges.outputDatasetEdges] == [urn]

    dashboard = f"urn:li:dashboard:(evidence,{name})"
    info = c.DashboardInfoClass(title="t", description="", lastModified=c.ChangeAuditStampsClass())
    graph.emit(Proposal(entityUrn=dashboard, aspect=info))
    for patch in DashboardPatchBuilder(dashboard).add_dataset_edge(urn).build():
        graph.emit(patch)
    assert [one.destinationUrn for one in graph.get_aspect(dashboard, c.DashboardInfoClass).datasetEdges] == [urn]


def test_versions_are_kept_and_the_same_value_makes_none(graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", f"{name}.versions")
    for words in ("one", "two", "two", "three"):
        graph.emit(Proposal(entityUrn=urn, aspect=c.DatasetPropertiesClass(description=words)))
    assert graph.get_aspect(urn, c.DatasetPropertiesClass).description == "three"
    old = [graph.get_aspect(urn, c.DatasetPropertiesClass, version=one) for one in (1, 2, 3, 4)]
    assert [one and one.description for one in old] == ["one", "two", "three", None]


def test_writers_at_once_leave_every_version_once(graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", f"{name}.race")
    tags = [make_tag_urn(f"t{i}") for i in range(24)]

    def patch(tag: str) -> None:
        for one in DatasetPatchBuilder(urn).add_tag(c.TagAssociationClass(tag=tag)).build():
            graph.emit(one)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(patch, tags))
    assert sorted(one.tag for one in graph.get_tags(urn).tags) == sorted(tags)
    counts = [len(graph.get_aspect(urn, c.GlobalTagsClass, version=i + 1).tags) for i in range(len(tags))]
    assert counts == list(range(1, len(tags) + 1))


def test_events_are_kept_once_and_read_by_what_they_say(graph: DataHubGraph, name: str) -> None:
    urn, dataset = make_assertion_urn(name), make_dataset_urn("duckdb", name)
    at = int(time.time() * 1000)

    def event(run: str, millis: int, kind: str = "SUCCESS") -> Proposal:
        result = c.AssertionResultClass(type=kind)
        value = c.AssertionRunEventClass(
            timestampMillis=millis, runId=run, asserteeUrn=dataset, status="COMPLETE", assertionUrn=urn, result=result
        )
        return Proposal(entityUrn=urn, aspect=value)

    events = [event("a", at), event("b", at + 1, "FAILURE"), event("c", at + 2)]
    for _ in range(3):
        graph.emit_mcps(events)
    found = graph.get_timeseries_values(urn, c.AssertionRunEventClass, {}, 10)
    assert [one.runId for one in found] == ["c", "b", "a"]
    one = graph.get_latest_timeseries_value(urn, c.AssertionRunEventClass, {"runId": "b"})
    assert one.result.type == "FAILURE"
    assert graph.hard_delete_timeseries_aspect(urn, "assertionRunEvent", None, None) == 3


def test_a_day_that_is_told_again_is_replaced(graph: DataHubGraph, name: str) -> None:
    dataset = make_dataset_urn("duckdb", name)

    def usage(millis: int, count: int) -> Proposal:
        day = c.TimeWindowSizeClass(unit="DAY", multiple=1)
        value = c.DatasetUsageStatisticsClass(timestampMillis=millis, eventGranularity=day, totalSqlQueries=count)
        return Proposal(entityUrn=dataset, aspect=value)

    graph.emit_mcps([usage(0, 7), usage(86_400_000, 1), usage(86_400_000, 2)])
    graph.emit(usage(86_400_000, 3))
    found = graph.get_timeseries_values(dataset, c.DatasetUsageStatisticsClass, {}, 10)
    assert [one.totalSqlQueries for one in found] == [3, 7]


def test_search_filters_and_scrolls(graph: DataHubGraph, name: str) -> None:
    urns = [make_dataset_urn("duckdb", f"{name}.table_{i}") for i in range(25)]
    graph.emit_mcps([Proposal(entityUrn=urn, aspect=schema("departureDelay")) for urn in urns])
    other = make_dataset_urn("snowflake", f"{name}.table_x", env="DEV")
    graph.emit(Proposal(entityUrn=other, aspect=c.GlobalTagsClass(tags=[c.TagAssociationClass(tag=make_tag_urn(name))])))
    assert sorted(graph.get_urns_by_filter(query=name, batch_size=10)) == sorted([*urns, other])
    assert set(graph.get_urns_by_filter(query=name, platform="snowflake")) == {other}
    assert set(graph.get_urns_by_filter(query=name, env="DEV")) == {other}
    assert set(graph.get_urns_by_filter(query=name, entity_types=["dashboard"])) == set()
    tagged = [{"field": "tags", "values": [make_tag_urn(name)], "condition": "EQUAL"}]
    assert set(graph.get_urns_by_filter(extraFilters=tagged)) == {other}
    assert set(graph.get_urns_by_filter(query=f"{name} departure del", batch_size=10)) == set(urns)

    graph.soft_delete_entity(other)
    assert other not in set(graph.get_urns_by_filter(query=name))
    assert set(graph.get_urns_by_filter(query=name, status=RemovedStatusFilter.ONLY_SOFT_DELETED)) == {other}
    graph.set_soft_delete_status(other, delete=False)
    assert other in set(graph.get_urns_by_filter(query=name))


def test_many_are_read_at_once_and_page_by_page(graph: DataHubGraph, name: str) -> None:
    """What came with OpenAPI v3: batchGet, and scrolls of entities, relationships and lineage."""
    urns = [make_dataset_urn("duckdb", f"{name}.{i}") for i in range(7)]
    graph.emit_mcps([Proposal(entityUrn=urn, aspect=c.DatasetPropertiesClass(name=urn)) for urn in urns])
    graph.emit_mcps([derived(down, up, {"y": ["x"]}) for up, down in pairwise(urns)])

    found = graph.get_entities("dataset", [*urns[:2], make_dataset_urn("duckdb", f"{name}.none")], ["datasetProperties"], True)
    assert list(found) == urns[:2]
    properties, system = found[urns[0]]["datasetProperties"]
    assert properties == c.DatasetPropertiesClass(name=urns[0]) and system.lastObserved > 0
    assert set(graph.get_entities("dataset", urns[1:2])[urns[1]]) == {"datasetKey", "datasetProperties", "upstreamLineage"}
    older = graph.get_entities_v2("dataset", urns[:1], ["datasetProperties"])
    assert older[urns[0]]["datasetProperties"]["value"] == {"name": urns[0], "customProperties": {}, "tags": []}
    assert graph.get_aspect_counts("datasetProperties", f"%{name}.%") == 7

    pages = []
    scroll_id = None
    while not pages or scroll_id:
        page = graph.scroll_entities(entity_names=["dataset"], query=name, aspects=[], count=3, scroll_id=scroll_id)
        pages.append(page.entities)
        scroll_id = page.scroll_id
    assert [len(one) for one in pages] == [3, 3, 1] and page.total_count == 7
    assert sorted(urn for one in pages for urn in one) == sorted(urns)

    edges = graph.scroll_relationships(
        relationship_types=["DownstreamOf"], source_urns=urns, destination_types=["dataset"], count=100
    )
    expected = [(up, down) for up, down in pairwise(urns)]
    assert sorted((one.destination_urn, one.source_urn) for one in edges.relationships) == sorted(expected)
    coming = graph.scroll_relationships(
        direction=DataHubGraph.RelationshipDirection.INCOMING, source_urns=urns[:1], source_types=["dataset"]
    )
    assert [one.source_urn for one in coming.relationships] == [urns[1]]

    first = graph.scroll_lineage(urns=[urns[3]], count=1)
    second = graph.scroll_lineage(urns=[urns[3]], count=1, scroll_id=first.scroll_id)
    both = [(one.upstream_urn, one.downstream_urn) for one in [*first.relationships, *second.relationships]]
    assert sorted(both) == sorted([(urns[2], urns[3]), (urns[3], urns[4])])
    up = graph.scroll_lineage(urns=[urns[3]], direction=LineageDirection.UPSTREAM)
    assert [one.upstream_urn for one in up.relationships] == [urns[2]]


def test_the_best_hit_comes_first(graph: DataHubGraph, name: str) -> None:
    exact, longer, mentioned = (make_dataset_urn("duckdb", f"{name}.{i}") for i in range(3))
    named = [(exact, f"{name} flights"), (longer, f"{name} flights by day"), (mentioned, "carriers")]
    graph.emit_mcps([Proposal(entityUrn=urn, aspect=c.DatasetPropertiesClass(name=one)) for urn, one in named])
    graph.emit(Proposal(entityUrn=mentioned, aspect=c.DatasetPropertiesClass(name="carriers", description=f"{name} flights")))
    client = DataHubClient(graph=graph)
    assert {str(urn) for urn in client.search.get_urns(query=f"{name} flights")} == {exact, longer, mentioned}
    query = """query($q: String!) {
        searchAcrossEntities(input: {query: $q, types: [DATASET]}) { total searchResults { entity { urn } } }
    }"""
    found = graph.execute_graphql(query, variables={"q": f"{name} flights"})["searchAcrossEntities"]
    assert [one["entity"]["urn"] for one in found["searchResults"]] == [exact, longer, mentioned]
    assert found["total"] == 3


def test_lineage_of_tables_and_columns(graph: DataHubGraph, name: str) -> None:
    [a, b, d] = [make_dataset_urn("duckdb", f"{name}.{one}") for one in "abd"]
    dashboard = f"urn:li:dashboard:(evidence,{name})"
    edge = c.EdgeClass(destinationUrn=d)
    info = c.DashboardInfoClass(title="t", description="", lastModified=c.ChangeAuditStampsClass(), datasetEdges=[edge])
    graph.emit_mcps([derived(b, a, {"y": ["x"]}), derived(d, b, {"z": ["y"]}), Proposal(entityUrn=dashboard, aspect=info)])
    client = DataHubClient(graph=graph)
    up = client.lineage.get_lineage(source_urn=dashboard, direction="upstream", max_hops=5)
    assert {(one.urn, one.hops) for one in up} == {(d, 1), (b, 2), (a, 3)}
    near = client.lineage.get_lineage(source_urn=a, direction="downstream", max_hops=1)
    assert [one.urn for one in near] == [b]
    columns = client.lineage.get_lineage(source_urn=a, source_column="x", direction="downstream", max_hops=5)
    assert [(one.urn, one.hops) for one in columns] == [(make_schema_field_urn(b, "y"), 1), (make_schema_field_urn(d, "z"), 2)]
    assert [path.column_name for path in columns[1].paths] == ["x", "y", "z"]
    related = graph.get_related_entities(a, ["DownstreamOf"], DataHubGraph.RelationshipDirection.INCOMING)
    assert b in {one.urn for one in related}

    # A circle ends, and what isn't said any more isn't there any more.
    graph.emit(derived(a, d))
    assert len(client.lineage.get_lineage(source_urn=a, direction="upstream", max_hops=5)) == 2
    graph.emit(Proposal(entityUrn=d, aspect=c.UpstreamLineageClass(upstreams=[])))
    assert [one.urn for one in client.lineage.get_lineage(source_urn=a, direction="upstream", max_hops=5)] == [d]
    assert client.lineage.get_lineage(source_urn=b, source_column="y", direction="downstream", max_hops=5) == []


def test_references_and_deletes(graph: DataHubGraph, name: str) -> None:
    tag, urn = make_tag_urn(name), make_dataset_urn("duckdb", name)
    graph.emit(Proposal(entityUrn=tag, aspect=c.TagPropertiesClass(name="n")))
    graph.emit(
        Proposal(
            entityUrn=urn,
            aspect=c.GlobalTagsClass(tags=[c.TagAssociationClass(tag=tag), c.TagAssociationClass(tag="urn:li:tag:other")]),
        )
    )
    count, sample = graph.delete_references_to_urn(tag, dry_run=True)
    assert count == 1 and sample[0]["entity"] == urn
    assert len(graph.get_tags(urn).tags) == 2
    graph.delete_references_to_urn(tag)
    assert [one.tag for one in graph.get_tags(urn).tags] == ["urn:li:tag:other"]
    assert graph.delete_references_to_urn(tag, dry_run=True)[0] == 0
    rows, _ = graph.hard_delete_entity(urn)
    assert rows == 2 and not graph.exists(urn)
    assert graph.hard_delete_entity(urn) == (0, 0)


def post(server: str, token: str, action: str, body: object, path: str = "/aspects") -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return requests.post(f"{server}{path}?action={action}", data=data, headers=headers)


def proposal(urn: str, aspect: str = "status", value: object = None, **more: object) -> dict:
    content = {"value": json.dumps({"removed": False} if value is None else value), "contentType": "application/json"}
    kind = urn.split(":")[2] if urn.count(":") >= 2 else ""
    return {
        "proposal": {"entityType": kind, "entityUrn": urn, "changeType": "UPSERT", "aspectName": aspect, "aspect": content, **more}
    }


def or_filter(field: str, value: str) -> dict:
    return {"or": [{"and": [{"field": field, "value": value}]}]}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "a proposal is an object"),
        ({"proposal": []}, 400, "a proposal is an object"),
        (proposal("urn:li:dataset:(a,b"), 400, "brackets"),
        (proposal("urn:li:dataset:"), 400, "is no URN"),
        (proposal("dataset"), 400, "is no URN"),
        (proposal("urn:li:dataset:(a,b,PROD)x"), 400, "after|follows"),
        (proposal("urn:li:nothing:x"), 400, "there is no entity nothing"),
        (proposal("urn:li:dataset:(a,b,PROD,d)"), 400, "has 3 parts"),
        (proposal("urn:li:dataset:foo"), 400, "has 3 parts"),
        (proposal("urn:li:dataset:(a,,PROD)"), 400, "has 3 parts"),
        (proposal("urn:li:dataset:(a,b,NOWHERE)"), 400, "/origin must be"),
        (proposal("urn:li:tag:" + "x" * 600), 400, "at most 512"),
        (proposal("urn:li:tag:a\nb"), 400, "control characters"),
        (proposal("urn:li:tag:x", entityType="dataset"), 400, "is no dataset"),
        (proposal("urn:li:tag:x", aspect="../x"), 400, "aspectName"),
        (proposal("urn:li:tag:x", changeType="REPLACE"), 400, "no changeType REPLACE"),
        (proposal("urn:li:tag:x", aspect="tagProperties", value={"name": 5}), 422, "/name must be string"),
        (proposal("urn:li:tag:x", aspect="tagProperties", value={}), 422, "name"),
        (proposal("urn:li:tag:x", aspect="status", value=[1]), 400, "no object"),
        (proposal("urn:li:dataset:(a,b,PROD)", "datasetProfile", {"timestampMillis": 2**63}), 422, "must be <= 9007199254740991"),
    ],
)
def test_what_is_wrong_is_said(server: str, token: str, body: object, status: int, says: str) -> None:
    answer = post(server, token, "ingestProposal", body)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert any(one in problem["detail"] for one in says.split("|")), problem
    assert problem["remedy"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/aspects/{urn}?aspect=status&version=1.5", "version"),
        ("/aspects/{urn}?aspect=status&version=99999999999", "out of range"),
        ("/aspects/{urn}?aspect=status&version=new", "version"),
        ("/openapi/relationships/v1/?urn={urn}&start=-5", "start"),
        ("/openapi/relationships/v1/?urn={urn}&count=x", "count"),
        ("/openapi/v3/entity/chart/{urn}", "is no chart"),
    ],
)
def test_parameters_that_are_wrong_are_named(server: str, token: str, path: str, says: str) -> None:
    address = server + path.format(urn=quote("urn:li:tag:x", safe=""))
    answer = requests.get(address, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, says in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("path", "action", "body", "says"),
    [
        ("/entities", "listUrns", {"entity": "tag", "start": "abc"}, "start"),
        ("/entities", "search", {"entity": "tag", "count": -1}, "count"),
        ("/entities", "search", {"entity": "tag", "filter": or_filter("removed", "perhaps")}, "removed"),
        ("/entities", "search", {"entity": "tag", "filter": or_filter("\0", "x")}, "Unicode"),
        ("/entities", "delete", {"urn": "urn:li:tag:x", "aspectName": "status", "startTimeMillis": "abc"}, "startTimeMillis"),
        ("/aspects", "getTimeseriesAspectValues", {"urn": "urn:li:tag:x", "aspect": "a", "limit": 1.5}, "limit"),
    ],
)
def test_values_that_are_wrong_are_named(server: str, token: str, path: str, action: str, body: dict, says: str) -> None:
    answer = post(server, token, action, body, path)
    assert (answer.status_code, says in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("patch", "keys", "says"),
    [
        ([{"op": "add", "path": "/x/y", "value": 1}], {"name": "abc"}, "arrayPrimaryKeys"),
        ([{"op": "add", "path": "/x/y", "value": 1}], {"": ["a"]}, "arrayPrimaryKeys"),
        (
            [{"op": "add", "path": "/name", "value": "n"}, {"op": "add", "path": "/name/a", "value": {}}],
            {"name": ["x"]},
            "is no list",
        ),
        ([{"op": "add", "path": "/name", "value": "text"}, {"op": "add", "path": "/name/a/b", "value": 1}], None, "nothing at a"),
    ],
)
def test_patches_that_are_wrong_are_refused(server: str, token: str, name: str, patch: list, keys: dict | None, says: str) -> None:
    content = {"patch": patch, **({"arrayPrimaryKeys": keys} if keys else {})}
    body = proposal(make_dataset_urn("duckdb", name), "datasetProperties", content, changeType="PATCH")
    answer = post(server, token, "ingestProposal", body)
    assert (answer.status_code, says in answer.json()["detail"]) == (400, True), answer.text


def test_bodies_that_are_none(server: str, token: str) -> None:
    assert post(server, token, "ingestProposal", b"{").status_code == 400
    assert post(server, token, "ingestProposal", b"\xff\xfe").json()["code"] == "invalid_utf8"
    assert post(server, token, "nothing", {}).json()["code"] == "unknown_action"
    large = proposal("urn:li:tag:x", "tagProperties", {"name": "x", "description": "d" * 50_000_000})
    answer = post(server, token, "ingestProposal", large)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "larger than 25165824 bytes" in answer.json()["detail"]


def test_a_batch_is_written_whole_or_not_at_all(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    good = make_dataset_urn("duckdb", f"{name}.good")
    batch = [proposal(good)["proposal"], proposal("urn:li:tag:x", "tagProperties", {})["proposal"]]
    assert post(server, token, "ingestProposalBatch", {"proposals": batch}).status_code == 422
    assert not graph.exists(good)


def test_a_key_that_is_deleted_takes_the_entity_along(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    urn = f"urn:li:tag:{name}"
    there = proposal(urn)["proposal"]
    gone = proposal(urn, "tagKey", changeType="DELETE")["proposal"]
    update = proposal(urn, changeType="UPDATE")["proposal"]

    def send(*proposals: dict) -> int:
        return post(server, token, "ingestProposalBatch", {"proposals": proposals}).status_code

    assert send(there) == 200 and graph.exists(urn)
    # after the delete there is nothing to update: the batch fails, and deletes nothing
    assert send(gone, update) == 409 and graph.exists(urn)
    # in their order
    assert send(there, gone) == 200 and not graph.exists(urn)
    assert send(gone, there) == 200 and graph.exists(urn)


def test_unknown_aspects_are_kept_as_they_are(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    urn = make_dataset_urn("duckdb", name)
    value = {"any": ["thing", {"deep": 1.10}], "text": "\u0000 é 🦆"}
    assert post(server, token, "ingestProposal", proposal(urn, "myOwnAspect", value)).status_code == 200
    assert graph.get_entity_raw(urn)["aspects"]["myOwnAspect"]["value"] == value

    # what can't be kept isn't taken
    for number in ("9007199254740993", "1e400"):
        body = proposal(urn, "myOwnAspect")
        body["proposal"]["aspect"]["value"] = f'{{"list": [{number}]}}'
        answer = post(server, token, "ingestProposal", body)
        assert (answer.status_code, "can't be kept as it is" in answer.json()["detail"]) == (400, True), answer.text
    body["proposal"]["aspect"]["value"] = '{"deep":' + "[" * 20_000 + "]" * 20_000 + "}"
    answer = post(server, token, "ingestProposal", body)
    assert (answer.status_code, answer.json()["detail"]) == (400, "a value is nested too deeply")
    assert graph.get_entity_raw(urn)["aspects"]["myOwnAspect"]["value"] == value


def test_create_and_update_say_what_is_there(server: str, token: str, name: str) -> None:
    urn = f"urn:li:tag:{name}"
    assert post(server, token, "ingestProposal", proposal(urn, changeType="UPDATE")).status_code == 409
    assert post(server, token, "ingestProposal", proposal(urn, changeType="CREATE")).status_code == 200
    assert post(server, token, "ingestProposal", proposal(urn, changeType="CREATE")).status_code == 409
    assert post(server, token, "ingestProposal", proposal(urn, changeType="UPDATE")).status_code == 200


@pytest.mark.parametrize("token", ["", "Bearer", "wrong"])
def test_nothing_without_the_token(server: str, token: str) -> None:
    for path in ("/config", "/aspects/urn%3Ali%3Atag%3Ax?aspect=status", "/openapi/v3/entity/tag/urn%3Ali%3Atag%3Ax"):
        assert requests.get(f"{server}{path}", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert post(server, token, "ingestProposal", proposal("urn:li:tag:x")).status_code == 401
    with pytest.raises(ConfigurationError, match="401"):
        DatahubRestEmitter(server, token=token or "x").test_connection()


def test_hostile_names_come_back_as_they_are(graph: DataHubGraph, name: str) -> None:
    hostile = f"{name}<script>alert(1)</script>'; drop table aspects; --"
    urn = f"urn:li:tag:{name}"
    graph.emit(Proposal(entityUrn=urn, aspect=c.TagPropertiesClass(name=hostile, description="${7*7} %s \\")))
    assert graph.get_aspect(urn, c.TagPropertiesClass).name == hostile
    assert urn in set(graph.get_urns_by_filter(query=hostile))
    assert list(graph.get_urns_by_filter(query="' | ! & ( :* <->", entity_types=["mlModel"])) == []


def test_what_comes_twice_or_in_the_wrong_order_is_the_same(graph: DataHubGraph, name: str) -> None:
    """Lineage before the datasets that it names, every proposal many times and at once, in batches that overlap."""
    [a, b] = [make_dataset_urn("duckdb", f"{name}.{one}") for one in "ab"]
    proposals = [
        derived(b, a, {"y": ["x"]}),
        Proposal(entityUrn=b, aspect=schema("y")),
        Proposal(entityUrn=a, aspect=schema("x")),
        Proposal(entityUrn=a, aspect=c.StatusClass(removed=False)),
    ]
    batches = [proposals, proposals[::-1], proposals * 2, proposals[1:], proposals[:2]] * 4
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(graph.emit_mcps, batches))
    assert graph.get_aspect(b, c.UpstreamLineageClass, version=2) is None
    assert graph.get_aspect(a, c.SchemaMetadataClass, version=2) is None
    assert sorted(graph.get_urns_by_filter(query=name)) == [a, b]
    lineage = DataHubClient(graph=graph).lineage
    assert [one.urn for one in lineage.get_lineage(source_urn=a, direction="downstream")] == [b]
    related = graph.get_related_entities(b, ["DownstreamOf"], DataHubGraph.RelationshipDirection.OUTGOING)
    assert sorted(one.urn for one in related) == sorted([a, make_schema_field_urn(a, "x")])


def test_a_target_that_is_no_urn_leads_nowhere(server: str, token: str, graph: DataHubGraph, name: str) -> None:
    [a, b] = [make_dataset_urn("duckdb", f"{name}.{one}") for one in "ab"]
    targets = [a, "urn:li:dataset:(a\nb,c,PROD)", "urn:li:tag:\u0000", "urn:", "urn:li:nothing:x", "'; drop table edges; --"]
    value = {"upstreams": [{"dataset": one, "type": "TRANSFORMED"} for one in targets]}
    assert post(server, token, "ingestProposal", proposal(b, "upstreamLineage", value)).status_code == 200
    assert [one.dataset for one in graph.get_aspect(b, c.UpstreamLineageClass).upstreams] == targets
    lineage = DataHubClient(graph=graph).lineage
    assert [one.urn for one in lineage.get_lineage(source_urn=a, direction="downstream")] == [b]
    assert [one.urn for one in lineage.get_lineage(source_urn=b, direction="upstream")] == [a]


def test_a_query_that_is_none_is_an_error_in_the_answer(server: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    unused = "query($q: Int!) { me { __typename } }"
    for query, says in [("{", "Syntax Error"), ("{ nothing }", "Cannot query field"), (unused, "$q")]:
        for _ in range(2):
            answer = requests.post(f"{server}/api/graphql", json={"query": query}, headers=headers)
            assert answer.status_code == 200 and says in answer.json()["errors"][0]["message"]
