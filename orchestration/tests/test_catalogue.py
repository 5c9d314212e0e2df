"""What the catalogue knows after a run: apps/catalog as it is built, asked by DataHub's client."""

from pathlib import Path

import datahub.metadata.schema_classes as c
import pytest
from catalogue import TOKEN
from conftest import Pipeline, free_port
from datahub.emitter.mce_builder import make_dataset_urn, make_schema_field_urn
from datahub.ingestion.graph.client import DataHubGraph
from datahub.sdk import DataHubClient
from stack_pipeline.catalogue.assets import describe
from stack_pipeline.catalogue.program import NotToldError, tell
from stack_pipeline.catalogue.told import SOURCE, last_told


def aspects(pipeline: Pipeline) -> int:
    """How many are told after another publish."""
    (told,) = pipeline.run(job="sinks", ops={}).asset_materializations_for_node("in_the_catalogue")
    return told.metadata["aspects"].value


def test_from_the_file_to_the_dashboard(graph: DataHubGraph, pipeline: Pipeline, tmp_path: Path) -> None:
    (pipeline.settings.inbox).mkdir()
    (pipeline.settings.inbox / "orders.csv").write_text("id,amount\n1,2.5\n")
    assert pipeline.run().success
    assert pipeline.run(job="inbox").success
    assert aspects(pipeline) > 100
    client = DataHubClient(graph=graph)

    file = make_dataset_urn("file", "flights.csv")
    dashboard = "urn:li:dashboard:(dbt,exposure.flights.flights_dashboard)"
    tables = {one.urn for one in client.lineage.get_lineage(source_urn=file, direction="downstream", max_hops=10)}
    assert dashboard in tables
    back = {one.urn for one in client.lineage.get_lineage(source_urn=dashboard, direction="upstream", max_hops=10)}
    assert file in back

    # one column, by the SQL of each model that is in between
    columns = client.lineage.get_lineage(source_urn=file, source_column="dep_delay", direction="downstream", max_hops=10)
    fact = make_dataset_urn("dbt", "warehouse.marts.fct_flights")
    reached = {one.urn for one in columns}
    assert make_schema_field_urn(fact, "dep_delay_min") in reached
    assert make_schema_field_urn(fact, "carrier") not in reached

    # types of the warehouse, words of the project
    fields = {field.fieldPath: field.nativeDataType for field in graph.get_schema_metadata(fact).fields}
    assert fields["dep_delay_min"] == "INTEGER" or fields["dep_delay_min"] == "BIGINT"
    assert graph.get_dataset_properties(fact).description
    inbox = make_dataset_urn("duckdb", "warehouse.inbox.orders")
    assert {"id", "amount"} <= {field.fieldPath for field in graph.get_schema_metadata(inbox).fields}
    assert graph.get_aspect(inbox, c.UpstreamLineageClass).upstreams[0].dataset == make_dataset_urn("file", "inbox/orders")

    # a second time there is nothing to tell
    assert aspects(pipeline) == 0

    # told again all the same, nothing is doubled, and nothing has another version
    before = sorted(graph.get_urns_by_filter())
    graph.hard_delete_entity(SOURCE)
    assert aspects(pipeline) > 100
    assert sorted(graph.get_urns_by_filter()) == before
    assert graph.get_aspect(fact, c.UpstreamLineageClass, version=2) is None

    # who is told a part only knows nothing for sure
    told = last_told()
    broken = {**describe(pipeline.settings), "upstreams": [{"table": "no.table", "platform": "file", "name": "x"}]}
    (tmp_path / "scratch").mkdir()
    with pytest.raises(NotToldError, match=r"no\.table"):
        tell("stack_pipeline.catalogue.emit", {**broken, "scratch": str(tmp_path / "scratch")}, 300)
    assert last_told() == "" != told


def test_a_catalogue_that_is_away_is_told_and_harms_nothing_else(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAHUB_GMS_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("DATAHUB_GMS_TOKEN", TOKEN)
    assert pipeline.run().success
    assert pipeline.latest()
    result = pipeline.run(job="sinks", ops={})
    assert not result.success
    assert "wasn't told" in pipeline.failure(result, "in_the_catalogue")
