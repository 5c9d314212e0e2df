"""The target snowflake_prod on fakesnow, which speaks Snowflake's protocol: dbt, the marts, publish, and what goes wrong."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import free_port
from samples import load_releases, load_shop
from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.flights_files import find_sources
from stack_pipeline.ingestion.load import load_flights
from stack_pipeline.ingestion.to_snowflake import copy_tables, source_tables
from stack_pipeline.publish.export import export_duckdb, export_snowflake
from stack_pipeline.settings import Settings
from stack_pipeline.snowflake import connect, prepare_credentials
from stack_pipeline.transformation.dbt import prepare_manifest, published_models, run_dbt, sources_of

FAKESNOW = ("fakesnow[server]==0.11.22", "sqlglot==30.22.0", "duckdb==1.5.6")

_EXCLUSIONS = yaml.safe_load((Path(__file__).parents[2] / "transformation" / "fakesnow-exclusions.yml").read_text())


@pytest.fixture(scope="module")
def fakesnow(tmp_path_factory):
    """Port of a fakesnow server."""
    port = free_port()
    log = tmp_path_factory.mktemp("fakesnow") / "log"
    own = Path(__file__).parents[2] / ".tools" / "uv" / "bin" / "uv"
    # an environment of its own: DataHub's client needs another sqlglot
    packages = [part for one in FAKESNOW for part in ("--with", one)]
    uv = [own if own.exists() else "uv", "run", "--quiet", "--no-project", "--python", sys.executable, *packages]
    with log.open("wb") as output:
        command = [*uv, "fakesnow", "-s", "--host", "127.0.0.1", "--port", str(port)]
        # uv waits for it beside it
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while "startup complete" not in log.read_text():
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="module")
def parsed_for_snowflake(tmp_path_factory):
    return tmp_path_factory.mktemp("dbt-target-snowflake")


@pytest.fixture
def snowflake(settings, fakesnow, parsed_for_snowflake, monkeypatch, request):
    """Settings with dbt's target snowflake_prod, in a database of the test's own on the server."""
    variables = {
        "ACCOUNT": "fakesnow", "USER": "ann", "PASSWORD": "secret", "HOST": "127.0.0.1", "PORT": str(fakesnow),
        "PROTOCOL": "http", "DATABASE": request.node.name.upper()[:60], "CONNECT_TIMEOUT": "2",
        "THREADS": "1",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"SNOWFLAKE_{name}", value)
    monkeypatch.setenv("DBT_TARGET", "snowflake_prod")
    monkeypatch.setenv("DBT_TARGET_PATH", str(parsed_for_snowflake))
    return Settings.from_env()


@pytest.fixture
def loaded(snowflake):
    """The same rows in the DuckDB file and in Snowflake."""
    load_flights(snowflake.warehouse, find_sources(snowflake.flights))
    load_releases(snowflake.warehouse)
    load_shop(snowflake.warehouse)
    with connect() as connection:
        connection.cursor().execute(f"create database if not exists {connection.database}")
    copy_tables(snowflake.warehouse, source_tables(snowflake.warehouse, sources_of(prepare_manifest(snowflake))))
    return snowflake


def names(exclusions: list[dict]) -> list[str]:
    return [one["node"].split(".")[-1] for one in exclusions]


def nulls_restored(parquet: str) -> str:
    """A query of the file without fakesnow's mistake: a timestamp that is null arrives as 1970-01-01."""
    columns = [
        f"nullif({name}, timestamp '1970-01-01')" if type == "TIMESTAMP" else name
        for name, type, *_ in duckdb.sql(f"describe from {parquet}").fetchall()
    ]
    return f"select {', '.join(columns)} from {parquet}"


def test_dbt_debug_on_both_targets(settings, snowflake):
    duck = replace(settings, dbt_target_name="duckdb_local")
    for one in (duck, snowflake):
        assert run_dbt(one, ["debug"]).success


def test_the_same_rows_give_the_same_marts(loaded, tmp_path):
    duck = replace(loaded, dbt_target_name="duckdb_local", dbt_target=tmp_path / "duckdb")
    build = ["build", "--quiet", "--exclude", *names(_EXCLUSIONS["always"])]
    for one in (duck, loaded):
        run = run_dbt(one, build)
        assert run.success, run.failures

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    models = published_models(prepare_manifest(loaded))
    list(export_duckdb(duck.warehouse, published_models(prepare_manifest(duck)), tmp_path / "a"))
    list(export_snowflake(models, tmp_path / "b"))
    for model in models:
        ours, theirs = (f"'{tmp_path}/{folder}/{model.name}.parquet'" for folder in "ab")
        rows = duckdb.sql(f"select count(*) from {ours}").fetchone()
        assert rows == duckdb.sql(f"select count(*) from {theirs}").fetchone() and rows > (0,), model.name
        theirs = nulls_restored(theirs)
        difference = f"(from {ours} except {theirs}) union all ({theirs} except from {ours})"
        differing = duckdb.sql(difference).fetchall()
        assert not differing, f"{model.name}: {differing[:6]}"

    # what can't be built a second time is the list of exclusions, no more and no less
    second = run_dbt(loaded, [*build, *names(_EXCLUSIONS["second_build"])])
    assert second.success, second.failures
    for command, exclusions in (("test", _EXCLUSIONS["always"]), ("build", _EXCLUSIONS["second_build"])):
        failing = run_dbt(loaded, [command, "--quiet", "--select", *names(exclusions)])
        assert {failure.split(":")[0] for failure in failing.failures} == set(names(exclusions))
        for one in exclusions:
            said = next(failure for failure in failing.failures if failure.startswith(names([one])[0]))
            assert one["error"] in said, said


def test_publishes_from_snowflake(pipeline, loaded, tmp_path):
    result = pipeline.run()
    assert result.success
    manifest = pipeline.latest()
    tables = {table["name"]: table for table in manifest["tables"]}
    with connect() as connection:
        cursor = connection.cursor()
        for model in published_models(prepare_manifest(loaded)):
            assert cursor.execute(f"select count(*) from {model.relation}").fetchone() == (tables[model.name]["rows"],)
    fact = tables["fct_flights"]
    assert (fact["rows"], fact["index"]) == (6099, [["flight_id"]])
    (tmp_path / "fact.parquet").write_bytes(pipeline.lake.read(fact["key"]))
    described = duckdb.sql(f"describe from '{tmp_path}/fact.parquet'").fetchall()
    assert [{"name": name, "type": type} for name, type, *_ in described] == fact["columns"]
    assert {"name": "sched_dep_at", "type": "TIMESTAMP"} in fact["columns"]
    # the models are in Snowflake only
    assert pipeline.query("select count(*) from duckdb_tables() where schema_name = 'marts'") == [(0,)]


def test_the_pipeline_brings_what_changed_to_snowflake(pipeline, snowflake):
    with connect() as connection:
        connection.cursor().execute(f"create database if not exists {connection.database}")
    assert pipeline.run().success
    with connect() as connection:
        cursor = connection.cursor()
        assert (
            cursor.execute("select count(*), min(time_hour) from raw.flights").fetchone()
            == pipeline.query("select count(*), min(time_hour) from raw.flights")[0]
        )
        # a copy that was killed on its way
        cursor.execute("update raw._stack_loads set fingerprint = '' where name = 'planes'")
        cursor.execute("truncate table raw.planes")
    tables = source_tables(snowflake.warehouse, sources_of(prepare_manifest(snowflake)))
    assert [table.name for table in copy_tables(snowflake.warehouse, tables)] == ["planes"]
    assert copy_tables(snowflake.warehouse, tables) == []
    with connect() as connection:
        assert connection.cursor().execute("select count(*) from raw.planes").fetchone() == (3322,)


def test_a_table_that_is_not_the_stacks_is_left_alone(loaded):
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute("delete from raw._stack_loads where name = 'airlines'")
    tables = source_tables(loaded.warehouse, [("raw", "airlines")])
    with pytest.raises(UserError, match=r"a table raw\.airlines that the stack didn't load, so it is left alone"):
        copy_tables(loaded.warehouse, tables)


def test_every_type_is_copied(snowflake):
    snowflake.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(snowflake.warehouse)) as connection:
        connection.execute(
            """create schema raw; create table raw.kinds as select 'x' as "order", 1::hugeint as big, 1.25::decimal(9, 2) as money,
            true as yes, date '2024-02-29' as day, timestamp '2024-02-29 12:00:00' as moment, {'a': [1]} as nested,
            null::bigint as none, timestamptz '2024-02-29 12:00:00+01' as zoned, 0.5 as real"""
        )
    with connect() as session:
        session.cursor().execute(f"create database if not exists {session.database}")
        copy_tables(snowflake.warehouse, source_tables(snowflake.warehouse, [("raw", "kinds")]))
        row = (
            session.cursor()
            .execute('select "ORDER", big, money, yes, day, moment, nested, none, zoned, real from raw.kinds')
            .fetchone()
        )
    noon, eleven = datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 11)
    assert row == ("x", 1, Decimal("1.25"), True, date(2024, 2, 29), noon, '{"a":[1]}', None, eleven, Decimal("0.5"))


def test_an_empty_table_and_every_type_are_exported(snowflake, tmp_path):
    from stack_pipeline.transformation.dbt import PublishedModel

    values = (
        "1::number(38,0) as whole, 1.25::number(10,2) as exact, 1.5::float as real, 'é' as word, true as yes,"
        " '2024-02-29'::date as day, '2024-02-29 12:00:00.123456'::timestamp_ntz as at"
    )
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"create database if not exists {connection.database}")
        cursor.execute(f"create schema {connection.database}.s")
        cursor.execute(f"create table {connection.database}.s.one as select {values}")
        cursor.execute(f"create table {connection.database}.s.none as select {values} from (select 1) where 1 = 0")
        database = connection.database
    models = [PublishedModel(name, f"{database}.s.{name}", []) for name in ("one", "none")]
    list(export_snowflake(models, tmp_path))
    for model in models:
        types = [row[:2] for row in duckdb.sql(f"describe from '{tmp_path}/{model.name}.parquet'").fetchall()]
        assert types == [
            ("whole", "BIGINT"), ("exact", "DECIMAL(10,2)"), ("real", "DOUBLE"), ("word", "VARCHAR"), ("yes", "BOOLEAN"),
            ("day", "DATE"), ("at", "TIMESTAMP"),
        ]  # fmt: skip
    assert duckdb.sql(f"select word, exact::double from '{tmp_path}/one.parquet'").fetchall() == [("é", 1.25)]
    assert duckdb.sql(f"select count(*) from '{tmp_path}/none.parquet'").fetchone() == (0,)


class Refusal(http.server.BaseHTTPRequestHandler):
    """Snowflake's answer to a wrong password."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = {"data": {}, "code": "390100", "message": "Incorrect username or password was specified.", "success": False}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_wrong_password_is_one_clear_message(snowflake, monkeypatch, capfd):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SNOWFLAKE_PORT", str(server.server_port))
        with pytest.raises(UserError) as error:
            run_dbt(snowflake, ["build"])
        server.shutdown()
    assert "account fakesnow can't be opened" in error.value.message
    assert "Incorrect username or password" in error.value.message
    assert "SNOWFLAKE_PASSWORD" in error.value.remedy
    assert "\n" not in error.value.message and "Traceback" not in "".join(capfd.readouterr())


def test_an_account_that_does_not_answer_is_said_soon(snowflake, monkeypatch):
    monkeypatch.setenv("SNOWFLAKE_PORT", str(free_port()))
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"account fakesnow can't be opened: .*\n.*SNOWFLAKE_ACCOUNT"):
        run_dbt(snowflake, ["debug"])
    assert time.monotonic() - begun < 20


def test_missing_variables_are_named(snowflake, monkeypatch):
    for name in ("ACCOUNT", "PASSWORD"):
        monkeypatch.delenv(f"SNOWFLAKE_{name}")
    with pytest.raises(UserError, match="needs SNOWFLAKE_ACCOUNT, SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY_PATH"):
        run_dbt(snowflake, ["build"])


def test_the_password_may_be_in_a_file(snowflake, tmp_path, monkeypatch):
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "")
    monkeypatch.setenv("SNOWFLAKE_PASSWORD_FILE", str(tmp_path / "password"))
    (tmp_path / "password").write_text("secret\n")
    assert run_dbt(snowflake, ["debug"]).success


def test_a_key_may_come_as_text_and_is_kept_to_ourselves(monkeypatch):
    monkeypatch.delenv("SNOWFLAKE_PRIVATE_KEY_PATH", raising=False)
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    prepare_credentials()
    file = Path(os.environ.pop("SNOWFLAKE_PRIVATE_KEY_PATH"))
    assert file.read_text() == os.environ["SNOWFLAKE_PRIVATE_KEY"]
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()


def test_the_catalogue_has_snowflakes_tables_and_where_their_columns_come_from(graph, loaded, tmp_path):
    import datahub.metadata.schema_classes as c
    from datahub.emitter.mce_builder import make_dataset_urn, make_schema_field_urn
    from datahub.sdk import DataHubClient
    from stack_pipeline.catalogue.assets import describe
    from stack_pipeline.catalogue.program import tell

    run = run_dbt(loaded, ["build", "--quiet", "--exclude", "resource_type:test", *names(_EXCLUSIONS["always"])])
    assert run.success, run.failures
    with connect() as connection:
        database = connection.database.lower()
    (tmp_path / "scratch").mkdir()
    tell("stack_pipeline.catalogue.emit", {**describe(loaded), "scratch": str(tmp_path / "scratch")}, 300)

    fact = make_dataset_urn("snowflake", f"{database}.marts.fct_flights")
    fields = {field.fieldPath: field.nativeDataType for field in graph.get_schema_metadata(fact).fields}
    assert fields["dep_delay_min"].startswith("NUMBER(") and fields["flight_id"].startswith("TEXT")
    # as it was loaded, before it was copied, and where from
    raw, file = make_dataset_urn("duckdb", "warehouse.raw.flights"), make_dataset_urn("file", "flights.csv")
    copy = make_dataset_urn("snowflake", f"{database}.raw.flights")
    assert graph.get_aspect(copy, c.UpstreamLineageClass).upstreams[0].dataset == raw
    columns = DataHubClient(graph=graph).lineage.get_lineage(
        source_urn=file, source_column="dep_delay", direction="downstream", max_hops=10
    )
    reached = {one.urn for one in columns}
    assert make_schema_field_urn(fact, "dep_delay_min") in reached
    assert make_schema_field_urn(fact, "carrier") not in reached
