"""The job `pipeline` from files to published snapshot, with real dlt, dbt, DuckDB and S3."""

import hashlib
import shutil

import duckdb
import pytest
from dagster import AssetKey
from stack_pipeline.common import NOTHING_NEW, OUTCOME_TAG
from stack_pipeline.errors import UserError
from stack_pipeline.publish.snapshot import publish_snapshot, roll_back
from stack_pipeline.resources.lake import Lake
from stack_pipeline.settings import packaged_flights
from stack_pipeline.transformation.dbt import PublishedModel

WEEK = 6099
"""Flights of the first week of 2013."""


def test_publishes_what_readers_expect(pipeline, lease_server, tmp_path):
    result = pipeline.run()
    assert result.success

    manifest = pipeline.latest()
    assert manifest["runId"] == result.run_id
    tables = {table["name"]: table["rows"] for table in manifest["tables"]}
    assert {name: rows for name, rows in tables.items() if not name.startswith("pipeline_")} == {
        "dim_airport": 1462, "dim_carrier": 16, "dim_plane": 3641, "dim_weather_hourly": 26115, "fct_flights": WEEK,
        "mart_delay_by_carrier": 15, "mart_delay_by_hour": 19, "mart_delay_by_route": 186, "mart_delay_by_weather": 3,
        # sources that never came
        "fct_purchases": 0, "mart_releases": 0, "mart_sales": 0,
    }  # fmt: skip
    fact = next(table for table in manifest["tables"] if table["name"] == "fct_flights")
    assert fact["index"] == [["flight_id"]]
    content = pipeline.lake.read(fact["key"])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (fact["bytes"], fact["sha256"])
    (tmp_path / "fact.parquet").write_bytes(content)
    described = duckdb.sql(f"describe from '{tmp_path}/fact.parquet'").fetchall()
    assert [{"name": name, "type": type} for name, type, *_ in described] == fact["columns"]
    assert pipeline.lake.read(f"published/{manifest['id']}/manifest.json") == pipeline.lake.read("published/latest.json")

    steps = [owner.split()[-1] for owner in lease_server.owners]
    assert sorted(steps[:-3]) == ["load_flights", "load_github", "load_inbox"]
    assert steps[-3:] == ["dbt_build", "great_expectations", "published_snapshot"]
    assert lease_server.holder("warehouse") is None

    checks = result.get_asset_check_evaluations()
    assert len(checks) > 40
    assert all(check.passed for check in checks)
    assert AssetKey(["fct_flights"]) in {check.asset_key for check in checks}


def test_second_run_finds_nothing_new(pipeline):
    pipeline.run()
    first = pipeline.latest()
    again = pipeline.run()
    assert again.success
    assert pipeline.instance.get_run_by_id(again.run_id).tags[OUTCOME_TAG] == NOTHING_NEW
    # sources were asked; nothing was built or published
    assert {event.asset_key.path[0] for event in again.get_asset_materialization_events()} == {"raw"}
    assert pipeline.latest() == first
    # a write to the warehouse by somebody else makes a run publish again
    with duckdb.connect(str(pipeline.settings.warehouse)) as connection:
        connection.execute("create table by_hand as select 1 as one")
    assert pipeline.run().success
    assert pipeline.latest()["id"] != first["id"]


def test_changed_source_is_built_incrementally(pipeline, flights):
    pipeline.run()
    before = dict(pipeline.query("select flight_date, min(rowid) from marts.fct_flights group by all"))
    file = flights / "flights.csv"
    header, *lines = file.read_text().splitlines(keepends=True)
    # a correction of the first day, one flight less on the second, a new day
    lines[0] = lines[0].replace(",1545,", ",9999,")
    lines.pop(next(i for i, line in enumerate(lines) if line.startswith("2013,1,2,")))
    lines.append(lines[-1].replace("2013,1,7,", "2013,1,8,"))
    file.write_text("".join([header, *lines]))

    result = pipeline.run()
    assert result.success
    changed = {
        event.asset_key.path[-1]: event.materialization.metadata["changed"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[0] == "raw" and "changed" in event.materialization.metadata
    }
    assert changed == {"flights": True, "airlines": False, "airports": False, "planes": False, "weather": False}
    assert pipeline.query("select count(*) from marts.fct_flights") == [(WEEK,)]
    assert pipeline.query("select count(*) from marts.fct_flights where flight_number = 9999") == [(1,)]
    assert pipeline.query("select count(*) from marts.fct_flights where flight_date = '2013-01-08'") == [(1,)]
    after = dict(pipeline.query("select flight_date, min(rowid) from marts.fct_flights group by all"))
    assert sorted(day.day for day in after if before.get(day) != after[day]) == [1, 2, 8]
    incremental = pipeline.query("select * from marts.fct_flights order by flight_id")
    # the same sources into an empty warehouse
    pipeline.settings.warehouse.unlink()
    assert pipeline.run().success
    assert pipeline.query("select * from marts.fct_flights order by flight_id") == incremental


def test_keeps_three_snapshots(settings, lake):
    settings.warehouse.parent.mkdir()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create table marts as select 42 as answer")
    models = [PublishedModel("marts", "marts", [])]
    lake.write("published/20200101T000000Z-interrupted/marts.parquet", b"half", "application/octet-stream")
    ids = [publish_snapshot(settings.warehouse, models, lake, run).id for run in "abcd"]
    kept = {key.split("/")[1] for key in lake.keys("published/")}
    assert kept >= {ids[-1], "latest.json"}
    assert len(kept) == 4 and kept - {"latest.json"} <= set(ids)


def test_rolling_back_never_leads_to_what_was_rolled_back(settings, lake):
    settings.warehouse.parent.mkdir()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create table marts as select 42 as answer")

    def publish(run: str) -> str:
        return publish_snapshot(settings.warehouse, [PublishedModel("marts", "marts", [])], lake, run).id

    good, bad = publish("good"), publish("bad")
    assert roll_back(lake)["id"] == good
    with pytest.raises(UserError, match="no earlier snapshot"):
        roll_back(lake)
    later = publish("later")
    assert roll_back(lake)["id"] == good, (good, bad, later)


def damage_by_cutting(folder):
    file = folder / "flights.csv"
    file.write_bytes(file.read_bytes()[:-100_007])
    return file


def damage_by_cutting_the_last_field(folder):
    file = folder / "airlines.csv"
    file.write_bytes(file.read_bytes()[:-3])
    return file


def damage_an_archive(folder):
    (folder / "flights.csv").unlink()
    file = folder / "flights.csv.zip"
    content = bytearray((packaged_flights() / "flights.csv.zip").read_bytes())
    content[1_000_000:1_000_100] = bytes(100)
    file.write_bytes(content)
    return file


def damage_by_another_schema(folder):
    file = folder / "planes.csv"
    file.write_text(file.read_text().replace("tailnum", "tail", 1))
    return file


def damage_a_number(folder):
    file = folder / "weather.csv"
    file.write_text(file.read_text().replace(",39.02,", ",mild,", 1))
    return file


def damage_by_emptying(folder):
    file = folder / "airports.csv"
    file.write_bytes(b"")
    return file


def damage_parquet(folder):
    (folder / "flights.csv").unlink()
    file = folder / "flights.parquet"
    duckdb.execute(f"copy (from read_csv('{folder}/airlines.csv')) to '{file}'")
    file.write_bytes(file.read_bytes()[:-20])
    return file


DAMAGES = [
    damage_by_cutting,
    damage_by_cutting_the_last_field,
    damage_an_archive,
    damage_by_another_schema,
    damage_a_number,
    damage_by_emptying,
    damage_parquet,
]


def test_damaged_file_fails_and_changes_nothing(pipeline, flights, small_flights):
    pipeline.run()
    published = pipeline.latest()
    for damage in DAMAGES:
        shutil.rmtree(flights)
        shutil.copytree(small_flights, flights)
        file = damage(flights)
        result = pipeline.run()
        assert not result.success
        message = pipeline.failure(result, "load_flights")
        assert str(file) in message and "Replace it" in message, message
        assert pipeline.latest() == published
        assert pipeline.query("select count(*) from raw.flights") == [(WEEK,)]
    shutil.rmtree(flights)
    shutil.copytree(small_flights, flights)
    assert pipeline.run().success


def test_missing_file_says_where_to_put_it(pipeline, flights):
    (flights / "weather.csv").unlink()
    result = pipeline.run()
    assert not result.success
    assert "weather" in pipeline.failure(result, "load_flights")
    assert pipeline.latest() is None


def test_failing_dbt_test_publishes_nothing(pipeline, flights):
    pipeline.run()
    published = pipeline.latest()
    file = flights / "airlines.csv"
    file.write_text(file.read_text() + "UA,United twice\n")
    result = pipeline.run()
    assert not result.success
    assert "unique_stg_airlines_carrier" in pipeline.failure(result, "dbt_build")
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == [
        "unique_stg_airlines_carrier"
    ]
    assert not [event for event in result.all_events if event.step_key == "published_snapshot" and event.is_step_success]
    assert pipeline.latest() == published


def test_unreachable_lake_is_said_clearly(s3):
    with pytest.raises(UserError, match=r"(?s)http://127.0.0.1:9.*make status"):
        Lake("http://127.0.0.1:9", "lake").read("published/latest.json")


@pytest.mark.parametrize("flights", [packaged_flights()], ids=["whole-year"])
def test_the_demo_has_every_flight(pipeline):
    assert pipeline.run().success
    assert pipeline.query("select count(*) from marts.fct_flights") == [(336776,)]
