"""Single days of the flights: files of their own, partitions, backfill."""

from datetime import date

import pytest
from stack_pipeline.ingestion.assets import DAYS, FLIGHT_DAYS

JANUARY_3 = "year = 2013 and month = 1 and day = 3"


def lines_of(flights, day):
    """The header and the flights of a day of January 2013."""
    header, *rows = (flights / "flights.csv").read_text().splitlines(keepends=True)
    return [header, *[row for row in rows if row.startswith(f"2013,1,{day},")]]


def write_day(flights, name, lines):
    (flights / "flights").mkdir(exist_ok=True)
    (flights / "flights" / name).write_text("".join(lines))


def partitions(pipeline):
    return sorted(pipeline.instance.get_materialized_partitions(DAYS))


def loaded(pipeline, result):
    records = pipeline.instance.fetch_materializations(DAYS, limit=1000).records
    return sorted(record.partition_key for record in records if record.run_id == result.run_id and record.partition_key)


def count(pipeline, where="true", table="raw.flights"):
    [(rows,)] = pipeline.query(f"select count(*) from {table} where {where}")
    return rows


def test_every_day_is_a_partition_and_a_new_days_file_adds_one(pipeline, flights):
    assert pipeline.run().success
    week = [date(2013, 1, day).isoformat() for day in range(1, 8)]
    assert partitions(pipeline) == week
    assert sorted(FLIGHT_DAYS.get_partition_keys(dynamic_partitions_store=pipeline.instance)) == week

    before = count(pipeline)
    new = [line.replace("2013,1,7,", "2013,1,8,") for line in lines_of(flights, 7)]
    write_day(flights, "2013-01-08.csv", new)
    assert pipeline.run().success
    assert partitions(pipeline) == [*week, "2013-01-08"]
    assert count(pipeline) == before + len(new) - 1
    assert count(pipeline, table="marts.fct_flights") == before + len(new) - 1
    # once
    again = pipeline.run()
    assert again.success and not loaded(pipeline, again)


def test_a_days_own_file_has_precedence_also_when_the_file_of_all_changes(pipeline, flights):
    write_day(flights, "2013-01-03.csv", lines_of(flights, 3)[:11])
    assert pipeline.run().success
    assert count(pipeline, JANUARY_3) == 10
    others = count(pipeline) - 10
    with (flights / "flights.csv").open("a") as file:
        file.write(lines_of(flights, 7)[1].replace(",UA,", ",ZZ,", 1).replace("2013,1,7", "2013,1,9"))
    assert pipeline.run().success
    assert (count(pipeline, JANUARY_3), count(pipeline)) == (10, others + 1 + 10)


def test_backfill_loads_days_again_and_publishes(pipeline, flights):
    assert pipeline.run().success
    before = count(pipeline)
    write_day(flights, "2013-01-03.csv", lines_of(flights, 3)[:11])
    first = pipeline.latest()
    result = pipeline.run(job="flight_days", partitions=("2013-01-02", "2013-01-04"))
    assert result.success
    assert count(pipeline) == before - (len(lines_of(flights, 3)) - 11)
    assert loaded(pipeline, result) == ["2013-01-02", "2013-01-03", "2013-01-04"]
    assert pipeline.latest()["id"] != first["id"]
    assert count(pipeline, table="marts.fct_flights") == count(pipeline)
    # by days instead of partitions, as `make pipeline DAYS=` has it
    result = pipeline.run(job="flight_days", ops={"load_flight_days": {"config": {"first": "2013-01-05"}}})
    assert result.success
    assert loaded(pipeline, result) == ["2013-01-05"]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ({"first": "2014-01-01"}, "No file has flights of 2014-01-01."),
        ({"first": "yesterday"}, "yesterday..yesterday names no days."),
        ({"first": "2013-01-03", "last": "2013-01-01"}, "2013-01-03..2013-01-01 ends before it begins."),
    ],
)
def test_days_that_cannot_be_loaded_are_said_clearly(pipeline, days, message):
    assert pipeline.run().success
    first, before = pipeline.latest(), count(pipeline)
    result = pipeline.run(job="flight_days", ops={"load_flight_days": {"config": days}})
    assert not result.success
    assert pipeline.failure(result, "load_flight_days").startswith(message)
    assert (pipeline.latest(), count(pipeline)) == (first, before)


@pytest.mark.parametrize(
    ("name", "day", "message"),
    [
        ("2013-01-04.csv", 3, "it has flights of another day: 2013-1-3"),
        ("january.csv", 3, "its name is no day, such as 2014-01-01.csv"),
    ],
)
def test_a_days_file_that_is_wrong_is_said_clearly(pipeline, flights, name, day, message):
    write_day(flights, name, lines_of(flights, day))
    result = pipeline.run()
    assert not result.success
    assert message in pipeline.failure(result, "load_flights")
    assert pipeline.latest() is None
