"""acryl-datahub's own client against a catalogue: what it ingests, searches and walks. Prints seconds as JSON.

    client.py ingest SERVER START COUNT   one figure: seconds for COUNT datasets, their objects made before
    client.py search SERVER COUNT         by kind of word, seconds of each of COUNT searches
    client.py lineage SERVER COUNT        by direction, seconds of each of COUNT lineages of depth 5

`made.ts` makes the same catalogue; both make dataset i of DATASETS of i alone.
"""

import json
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import datahub.metadata.schema_classes as c
from datahub.cli.search_cli import _build_search_query
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.emitter.rest_emitter import DatahubRestEmitter
from datahub.errors import ExperimentalWarning
from datahub.ingestion.graph.client import DatahubClientConfig, DataHubGraph
from datahub.sdk import DataHubClient
from datahub.sdk.search_client import compile_filters

SHARED = json.loads(Path(__file__).with_name("words.json").read_text())
WORDS, COLUMNS, LAYERS, FINE = SHARED["words"], SHARED["columns"], SHARED["layers"], SHARED["columnsWithLineage"]
DATASETS = int(os.environ["DATASETS"])
TOKEN = os.environ["DATAHUB_GMS_TOKEN"]
BATCH = 200
NUMBER = c.SchemaFieldDataTypeClass(type=c.NumberTypeClass())


def name(i: int) -> str:
    return f"{LAYERS[i % len(LAYERS)]}.{WORDS[i * 7 % len(WORDS)]}_{WORDS[i * 13 % 97]}_{i}"


def urn(i: int) -> str:
    return f"urn:li:dataset:(urn:li:dataPlatform:duckdb,{name(i)},PROD)"


def column(i: int, k: int) -> str:
    return COLUMNS[(i * 3 + k) % len(COLUMNS)]


def upstreams(i: int) -> list[int]:
    """Two of the layer before, so that each leads to two of the next."""
    layer, place, width = i % len(LAYERS), i // len(LAYERS), DATASETS // len(LAYERS)
    return [(2 * place + k) % width * len(LAYERS) + layer - 1 for k in (0, 1)] if layer else []


def proposals(i: int) -> Iterable[Proposal]:
    words = f"{WORDS[i % len(WORDS)]} by {WORDS[i * 3 % len(WORDS)]}, one row for each {WORDS[i * 5 % len(WORDS)]}"
    short = name(i).split(".")[1]
    properties = c.DatasetPropertiesClass(name=short, description=words, customProperties={"owner": f"team {i % 20}"})
    yield Proposal(entityUrn=urn(i), aspect=properties)
    fields = [
        c.SchemaFieldClass(fieldPath=column(i, k), nativeDataType="INTEGER", type=NUMBER, description=f"{column(i, k)} of {short}")
        for k in range(20)
    ]
    schema = c.SchemaMetadataClass(
        schemaName=short,
        platform="urn:li:dataPlatform:duckdb",
        version=0,
        hash="",
        platformSchema=c.OtherSchemaClass(rawSchema=""),
        fields=fields,
    )
    yield Proposal(entityUrn=urn(i), aspect=schema)
    if not (ups := upstreams(i)):
        return
    fine = [
        c.FineGrainedLineageClass(
            upstreamType="FIELD_SET",
            downstreamType="FIELD",
            upstreams=[f"urn:li:schemaField:({urn(up)},{column(up, k)})" for up in ups],
            downstreams=[f"urn:li:schemaField:({urn(i)},{column(i, k)})"],
        )
        for k in range(FINE)
    ]
    tables = [c.UpstreamClass(dataset=urn(up), type="TRANSFORMED") for up in ups]
    yield Proposal(entityUrn=urn(i), aspect=c.UpstreamLineageClass(upstreams=tables, fineGrainedLineages=fine))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ingest(server: str, start: int, count: int) -> float:
    emitter = DatahubRestEmitter(server, token=TOKEN)
    emitter.test_connection()
    made = [one for i in range(start, start + count) for one in proposals(i)]
    batches = [made[at : at + BATCH] for at in range(0, len(made), BATCH)]
    return timed(lambda: [emitter.emit_mcps(batch) for batch in batches])


def search(graph: DataHubGraph, count: int) -> dict[str, list[float]]:
    query = _build_search_query(semantic=False)
    types, filters = compile_filters(None)

    def one(words: str, hits: range) -> float:
        variables = {"query": words, "types": types, "orFilters": filters, "count": 10, "start": 0, "viewUrn": None}
        found: dict = {}
        seconds = timed(lambda: found.update(graph.execute_graphql(query, variables=variables, strip_unsupported_fields=True)))
        if found["searchAcrossEntities"]["total"] not in hits:
            raise AssertionError(f"{words}: {found['searchAcrossEntities']['total']} hits, not {hits}")
        return seconds

    some = random.Random(1).randrange
    many = range(1, 10_001)
    kinds: dict[str, Callable[[], tuple[str, range]]] = {
        "exact name": lambda: (name(some(DATASETS)).split(".")[1], many),
        "common word": lambda: (WORDS[some(len(WORDS))], many),
        "two words": lambda: (f"{WORDS[some(len(WORDS))]} {LAYERS[some(len(LAYERS))]}", range(10_001)),
        "column": lambda: (COLUMNS[some(len(COLUMNS))], many),
        "prefix": lambda: (WORDS[some(len(WORDS))][:3], many),
        "no hit": lambda: (f"zzq{some(10**6)}", range(1)),
        "all": lambda: ("*", many),
    }
    return {kind: [one(*made()) for _ in range(count)] for kind, made in kinds.items()}


def lineage(graph: DataHubGraph, count: int) -> dict[str, list[float]]:
    client = DataHubClient(graph=graph)
    some = random.Random(2).randrange
    width, last = DATASETS // len(LAYERS), len(LAYERS) - 1
    reached = 2 ** len(LAYERS) - 2

    def one(layer: int, direction: str, source_column: int | None = None) -> float:
        i = some(width) * len(LAYERS) + layer
        named = None if source_column is None else column(i, source_column)
        found: list = []
        seconds = timed(
            lambda: found.extend(
                client.lineage.get_lineage(source_urn=urn(i), source_column=named, direction=direction, max_hops=last)
            )
        )
        if not reached * 0.5 <= len(found) <= reached or max(at.hops for at in found) != last:
            raise AssertionError(f"{urn(i)}: {len(found)} of {reached}")
        return seconds

    kinds: dict[str, Callable[[], float]] = {
        "upstream": lambda: one(last, "upstream"),
        "downstream": lambda: one(0, "downstream"),
        "column upstream": lambda: one(last, "upstream", 0),
        "column downstream": lambda: one(0, "downstream", 0),
    }
    return {kind: [measure() for _ in range(count)] for kind, measure in kinds.items()}


def main(what: str, server: str, *numbers: str) -> None:
    warnings.simplefilter("ignore", ExperimentalWarning)
    counts = [int(one) for one in numbers]
    if what == "ingest":
        print(json.dumps(ingest(server, *counts)))
        return
    graph = DataHubGraph(DatahubClientConfig(server=server, token=TOKEN))
    print(json.dumps({"search": search, "lineage": lineage}[what](graph, *counts)))


main(*sys.argv[1:])
