"""Results of tests as DataHub's assertions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from stack_pipeline.catalogue.columns import table_name
from stack_pipeline.catalogue.naming import dataset_urn


def expectation_results(table: str, results: list[dict[str, Any]], at: float, run: str) -> Iterator[Any]:
    """Great Expectations' results, by what DataHub's action for it makes of them (datahub_gx_plugin).

    The action itself would send them from within the checkpoint, while the step holds the warehouse, and lose them when the
    catalogue is away. table: URN. results: as quality/validation.py keeps them. at: seconds since 1970. run: Dagster's id.
    """
    from datahub.emitter.mcp import MetadataChangeProposalWrapper
    from datahub_gx_plugin.common import build_assertions_with_results

    # it reads no more of Great Expectations' own object
    suite = SimpleNamespace(results=results, suite_parameters=None, meta={})
    time = {"run_time": datetime.fromtimestamp(at, UTC).isoformat()}
    datasets = [{"dataset_urn": table, "batchSpec": None, "partitionSpec": None}]
    for made in build_assertions_with_results(suite, None, time, datasets):
        [event] = made["assertionResults"]
        event.timestampMillis, event.runId = int(at * 1000), run
        for aspect in (made["assertionInfo"], made["assertionPlatform"], event):
            yield MetadataChangeProposalWrapper(entityUrn=made["assertionUrn"], aspect=aspect)


def dbt_result(manifest: dict[str, Any], found: dict[str, Any], at: float, run: str) -> Iterator[Any]:
    """The result of a dbt test, for each node that it is about: what it tests is told by DataHub's dbt source (emit.py).

    found: what dagster-dbt keeps of it. at: seconds since 1970. run: Dagster's id.
    """
    from datahub.emitter.mce_builder import datahub_guid, make_assertion_urn
    from datahub.ingestion.source.dbt.dbt_tests import DBTTestResult, make_assertion_result_from_test

    test = found["unique_id"]
    nodes = {**manifest["nodes"], **manifest["sources"]}
    about = [one for one in nodes.get(test, {}).get("depends_on", {}).get("nodes", []) if one in nodes]
    native = {"failures": str(found["dagster_dbt/failed_row_count"])} if "dagster_dbt/failed_row_count" in found else {}
    result = DBTTestResult(run, found["status"], datetime.fromtimestamp(at, UTC), native)
    for node in about:
        # as DBTSourceBase._make_test_assertion_urn has it
        identity = {"platform": "dbt", "name": test, **({"on_dbt_upstream": node} if len(about) > 1 else {})}
        name = f"{nodes[node]['database']}.{nodes[node]['schema']}.{table_name(nodes[node])}".lower()
        urn = make_assertion_urn(datahub_guid(identity))
        yield make_assertion_result_from_test(SimpleNamespace(), result, urn, dataset_urn("dbt", name), False)
