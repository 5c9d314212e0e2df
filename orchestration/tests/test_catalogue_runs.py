"""What the catalogue knows of runs: the sensor's program against apps/catalog as it is built, asked by DataHub's client."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datahub.metadata.schema_classes as c
import pytest
from catalogue import TOKEN
from conftest import Pipeline, free_port
from dagster import DagsterInstance, SensorResult, SkipReason, build_sensor_context
from datahub.emitter.mce_builder import make_dataset_urn
from datahub.ingestion.graph.client import DataHubGraph
from postgres import ROOT
from stack_pipeline.catalogue.runs import find_ended
from stack_pipeline.definitions import define
from stack_pipeline.settings import Settings

JOB = "urn:li:dataFlow:(dagster,stack_pipeline.location/{job},PROD)"
STEP = "urn:li:dataJob:(urn:li:dataFlow:(dagster,stack_pipeline.location/{job},PROD),stack_pipeline.location/{step})"


@pytest.fixture
def pipeline(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """With runs in a storage that the sensor's program can open."""
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with DagsterInstance.get() as instance:
        yield Pipeline(pipeline.settings, pipeline.lake, instance)


class Sensor:
    """The sensor as the daemon asks it. cursor: the daemon keeps it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.instance = pipeline.instance
        self.repository = define(Settings.from_env()).get_repository_def()
        self.cursor: str | None = None

    def tick(self) -> str:
        """One look. Returns what it says."""
        context = build_sensor_context(self.instance, self.cursor, repository_def=self.repository)
        result = self.repository.get_sensor_def("ended_runs")(context)
        if isinstance(result, SensorResult):
            self.cursor = result.cursor
            return str(result.skip_reason.skip_message)
        assert isinstance(result, SkipReason)
        return str(result.skip_message)


def instances(graph: DataHubGraph, of: str) -> list[str]:
    """Runs of a job or step."""
    found = graph.get_related_entities(of, ["InstanceOf"], graph.RelationshipDirection.INCOMING)
    return sorted(one.urn for one in found)


def events(graph: DataHubGraph, urn: str, aspect: type) -> list:
    return graph.get_timeseries_values(urn, aspect, {}, limit=100)


def results(graph: DataHubGraph, urn: str) -> list[str]:
    """Of a run: one, if it was told once."""
    return [event.result.type for event in events(graph, urn, c.DataProcessInstanceRunEventClass) if event.status == "COMPLETE"]


def entities(graph: DataHubGraph) -> list[str]:
    """All but runs."""
    return sorted(urn for urn in graph.get_urns_by_filter() if ":dataProcessInstance:" not in urn)


def test_each_run_adds_one_run_to_the_right_entities(graph: DataHubGraph, pipeline: Pipeline) -> None:
    inbox = pipeline.settings.inbox / "orders.csv"
    inbox.parent.mkdir()
    inbox.write_text("id,amount\n1,2.5\n")
    sensor = Sensor(pipeline)
    assert pipeline.run().success
    assert pipeline.run(job="inbox").success
    assert pipeline.run(job="sinks", ops={}).success
    assert sensor.tick().startswith("told of 3 runs")
    assert sensor.tick() == "no run has ended"

    jobs = {job: JOB.format(job=job) for job in ("pipeline", "inbox", "sinks")}
    assert all(len(instances(graph, urn)) == 1 for urn in jobs.values())
    table = {name: make_dataset_urn("duckdb", f"warehouse.{name}") for name in ("raw.flights", "marts.fct_flights", "inbox.orders")}
    [build] = instances(graph, STEP.format(job="pipeline", step="dbt_build"))
    assert results(graph, build) == ["SUCCESS"]
    assert table["raw.flights"] in graph.get_aspect(build, c.DataProcessInstanceInputClass).inputs
    assert table["marts.fct_flights"] in graph.get_aspect(build, c.DataProcessInstanceOutputClass).outputs
    [inboxed] = instances(graph, STEP.format(job="pipeline", step="load_inbox"))
    assert graph.get_aspect(inboxed, c.DataProcessInstanceOutputClass).outputs == [table["inbox.orders"]]
    # tables are those of dbt's source, with columns, and no others beside them
    wrote = graph.get_aspect(build, c.DataProcessInstanceOutputClass).outputs
    assert not [urn for urn in wrote if not graph.get_schema_metadata(urn)]
    assert not [urn for urn in entities(graph) if "dataPlatform:dagster" in urn]
    # a step of many tables doesn't make each come from all
    assert not graph.get_aspect(STEP.format(job="pipeline", step="dbt_build"), c.DataJobInputOutputClass).inputDatasets

    before, tested = entities(graph), checked(graph)
    for number in range(8):
        inbox.write_text(f"id,amount\n1,{number}\n")
        assert pipeline.run(job="inbox").success
        if number == 4:
            assert sensor.tick().startswith("told of 5 runs")
    assert pipeline.run(ops={}).success
    assert pipeline.run(ops={}).success  # finds nothing new
    assert sensor.tick().startswith("told of 5 runs")

    began = Counter(
        STEP.format(job=run.job_name, step=step.step_key)
        for run in pipeline.instance.get_runs()
        for step in pipeline.instance.get_run_step_stats(run.run_id)
        if step.start_time
    )
    assert began[STEP.format(job="inbox", step="load_inbox")] == 9
    steps = [urn for urn in before if ":dataJob:" in urn]
    assert {urn: len(instances(graph, urn)) for urn in steps} == began
    assert {job: len(instances(graph, urn)) for job, urn in jobs.items()} == {"pipeline": 3, "inbox": 9, "sinks": 1}
    assert all(len(results(graph, run)) == 1 for urn in [*steps, *jobs.values()] for run in instances(graph, urn))
    tested = {urn: count * began[STEP.format(job="pipeline", step="great_expectations")] for urn, count in tested.items()}
    assert entities(graph) == before
    assert checked(graph) == tested
    told_again = [JOB.format(job="pipeline"), *steps]
    for urn in told_again:
        for aspect in (c.DataJobInfoClass, c.DataJobInputOutputClass, c.DataFlowInfoClass, c.GlobalTagsClass, c.OwnershipClass):
            assert graph.get_aspect(urn, aspect, version=2) is None, (urn, aspect)

    # the daemon died before it kept the cursor: all of it once more, and nothing is doubled
    everything = sorted(graph.get_urns_by_filter())
    sensor.cursor = None
    while sensor.tick() != "no run has ended":
        pass
    assert sorted(graph.get_urns_by_filter()) == everything
    assert len(instances(graph, jobs["inbox"])) == 9
    assert all(len(results(graph, run)) == 1 for step in steps for run in instances(graph, step))
    assert checked(graph) == tested


def checked(graph: DataHubGraph) -> dict[str, int]:
    """Results of each assertion."""
    urns = graph.get_urns_by_filter(entity_types=["assertion"])
    return {urn: len(events(graph, urn, c.AssertionRunEventClass)) for urn in urns}


def test_what_the_tests_of_a_run_found(graph: DataHubGraph, pipeline: Pipeline) -> None:
    sensor = Sensor(pipeline)
    assert pipeline.run().success
    assert pipeline.run(job="sinks", ops={}).success
    sensor.tick()
    by_platform: dict[str, list[str]] = {}
    for urn, count in checked(graph).items():
        info = graph.get_aspect(urn, c.AssertionInfoClass)
        assert info, f"only a result was told of {urn}"
        platform = graph.get_aspect(urn, c.DataPlatformInstanceClass).platform
        by_platform.setdefault(platform.split(":")[-1], []).append(urn)
        if "raw_airbyte" not in str(info.to_obj()):
            assert count == 1, info
    [(expectations,)] = pipeline.query("select count(*) from stack_pipeline.quality")
    assert len(by_platform["great-expectations"]) == expectations and len(by_platform["dbt"]) > 80
    flights = make_dataset_urn("duckdb", "warehouse.marts.fct_flights")
    ours = [
        urn for urn in by_platform["great-expectations"] if flights in str(graph.get_aspect(urn, c.AssertionInfoClass).to_obj())
    ]
    [(expected,)] = pipeline.query("select count(*) from stack_pipeline.quality where table_name = 'marts.fct_flights'")
    assert len(ours) == expected > 0
    [event] = events(graph, ours[0], c.AssertionRunEventClass)
    assert event.asserteeUrn == flights and event.result.type == "SUCCESS"

    # a run that publishes nothing is told of with what stopped it
    file = pipeline.settings.flights / "flights.csv"
    header, first, *rest = file.read_text().splitlines(keepends=True)
    columns = [name.strip().strip('"') for name in header.split(",")]
    fields = first.split(",")
    fields[columns.index("origin")] = "ZZZ"
    file.write_text("".join([header, ",".join(fields), *rest]))
    failed = pipeline.run()
    assert not failed.success
    sensor.tick()
    outcomes = sorted(results(graph, one)[0] for one in instances(graph, JOB.format(job="pipeline")))
    assert outcomes == ["FAILURE", "SUCCESS"]
    broken = [urn for urn in checked(graph) if "FAILURE" in [e.result.type for e in events(graph, urn, c.AssertionRunEventClass)]]
    assert broken


def test_cancelled_runs_and_runs_that_never_began_have_failed(graph: DataHubGraph, pipeline: Pipeline) -> None:
    sensor = Sensor(pipeline)
    job = sensor.repository.get_job("inbox")
    run = pipeline.instance.create_run_for_job(job)
    pipeline.instance.report_run_canceled(run)
    assert sensor.tick().startswith("told of 1 runs")
    [instance] = instances(graph, JOB.format(job="inbox"))
    assert results(graph, instance) == ["FAILURE"]
    assert instances(graph, STEP.format(job="inbox", step="load_inbox")) == []


def test_a_catalogue_that_is_away_loses_nothing(graph: DataHubGraph, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = Sensor(pipeline)
    pipeline.run(job="inbox")
    with monkeypatch.context() as away:
        away.setenv("DATAHUB_GMS_URL", f"http://127.0.0.1:{free_port()}")
        assert "wasn't told" in sensor.tick()
    with monkeypatch.context() as refused:
        refused.setenv("DATAHUB_GMS_TOKEN", "wrong")
        assert "wasn't told" in sensor.tick()
    assert sensor.cursor is None
    assert sensor.tick().startswith("told of 1 runs")
    assert len(instances(graph, JOB.format(job="inbox"))) == 1


def test_many_runs_are_told_in_turns(pipeline: Pipeline) -> None:
    job = define(Settings.from_env()).resolve_job_def("inbox")
    runs = []
    for _ in range(25):
        run = pipeline.instance.create_run_for_job(job)
        pipeline.instance.report_run_failed(run)
        runs.append(run.run_id)
    cursor, seen = None, []
    while (ended := find_ended(pipeline.instance, cursor)).runs:
        assert len(ended.runs) <= 10
        seen += ended.runs
        cursor = ended.cursor
    assert seen == runs


def test_how_published_tables_are_used(
    graph: DataHubGraph, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.settings.inbox.mkdir()
    (pipeline.settings.inbox / "orders.csv").write_text("id,amount\n1,2.5\n")
    assert pipeline.run().success
    sensor = Sensor(pipeline)
    sensor.tick()
    with duckdb_http(tmp_path) as ask:
        monkeypatch.setenv("PUBLISHED_URL", ask.url)
        monkeypatch.setenv("PUBLISHED_TOKEN", TOKEN)
        token = ask.post("/v1/tokens", {"name": "customer"})["token"]
        late = "select carrier, avg(dep_delay_min) from fct_flights group by 1"
        for _ in range(3):
            ask.post("/v1/query", {"sql": late})
        ask.post("/v1/query", {"sql": "select f.origin from fct_flights f join inbox_orders o on o.id = f.sched_dep_hour"}, token)
        ask.post("/v1/query", {"sql": "select * from inbox_orders"}, token)

        def usage(table: str) -> list[c.DatasetUsageStatisticsClass]:
            urn = make_dataset_urn("duckdb", f"warehouse.{table}")
            return graph.get_timeseries_values(urn, c.DatasetUsageStatisticsClass, {}, 10)

        pipeline.run(job="inbox")
        assert sensor.tick().startswith("told of 1 runs")
        [today] = usage("marts.fct_flights")
        assert (today.totalSqlQueries, today.uniqueUserCount, today.topSqlQueries[0]) == (4, 2, late)
        assert {one.user: one.count for one in today.userCounts} == {"urn:li:corpuser:root": 3, "urn:li:corpuser:customer": 1}
        assert {one.fieldPath: one.count for one in today.fieldCounts} == {"carrier": 3, "dep_delay_min": 3, "origin": 1}
        [orders] = usage("inbox.orders")
        assert orders.totalSqlQueries == 2 and {"id", "amount"} <= {one.fieldPath for one in orders.fieldCounts}

        # the same day again
        ask.post("/v1/query", {"sql": late})
        pipeline.run(job="inbox")
        sensor.tick()
        [today] = usage("marts.fct_flights")
        assert today.totalSqlQueries == 5


class DuckdbHttp:
    """The server as it is built. url: without a slash at the end."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, body: dict, token: str = TOKEN) -> dict:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), headers)
        try:
            return json.load(urllib.request.urlopen(request, timeout=30))
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read()) from error


@contextmanager
def duckdb_http(folder: Path) -> Iterator[DuckdbHttp]:
    program = ROOT / "dist" / "apps" / "duckdb-http" / "main.cjs"
    assert program.exists(), "build it: npx nx build duckdb-http"
    port = free_port()
    own = {
        "API_TOKEN": TOKEN,
        "PORT": str(port),
        "SNAPSHOT_DIR": str(folder / "snapshots"),
        "TOKENS_FILE": str(folder / "tokens.json"),
    }
    log = folder / "duckdb-http.log"
    with log.open("wb") as output:
        server = subprocess.Popen(["node", program], env={**os.environ, **own}, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while '"snapshot":{"id":"' not in _health(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield DuckdbHttp(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


def _health(address: str) -> str:
    try:
        return urllib.request.urlopen(address, timeout=1).read().decode()
    except OSError:
        return ""
