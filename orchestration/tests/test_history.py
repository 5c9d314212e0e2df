"""What a snapshot tells about the pipeline: its runs, their steps, the results of the checks."""

import duckdb


def published(pipeline, tmp_path, name: str, query: str) -> list[tuple]:
    """What readers get: the query over the table of the newest snapshot, as `t`."""
    entry = next(table for table in pipeline.latest()["tables"] if table["name"] == name)
    (tmp_path / "table.parquet").write_bytes(pipeline.lake.read(entry["key"]))
    return duckdb.sql(f"with t as (from '{tmp_path}/table.parquet') {query}").fetchall()


def test_a_snapshot_tells_of_the_runs_that_led_to_it(pipeline, flights, tmp_path):
    first = pipeline.run()
    snapshot = pipeline.latest()
    runs = "select run_id, job, started_by, status, failed_step, snapshot, rows, ended_at > started_at from t order by started_at"
    assert published(pipeline, tmp_path, "pipeline_runs", runs) == [
        (first.run_id, "pipeline", "hand", "publishing", None, None, None, True)
    ]
    steps = "select step, status, note from t where run_id = '{}' order by number"
    told = published(pipeline, tmp_path, "pipeline_steps", steps.format(first.run_id))
    assert {step for step, status, _ in told if status == "succeeded"} == {
        "load_flights", "load_inbox", "load_github", "dbt_build", "great_expectations",
    }  # fmt: skip
    assert told[-1] == ("published_snapshot", "running", None)
    assert next(note for step, _, note in told if step == "great_expectations").endswith("expectations, none failed")

    # what publishes nothing is told of by the next snapshot
    idle = pipeline.run()
    assert pipeline.latest() == snapshot
    content = (flights / "airlines.csv").read_text()
    (flights / "airlines.csv").write_text(content + "UA,United twice\n")
    failed = pipeline.run()
    assert not failed.success
    assert pipeline.latest() == snapshot
    (flights / "airlines.csv").write_text(content)
    last = pipeline.run()
    rows = sum(table["rows"] for table in snapshot["tables"])
    assert published(pipeline, tmp_path, "pipeline_runs", runs) == [
        (first.run_id, "pipeline", "hand", "succeeded", None, snapshot["id"], rows, True),
        (idle.run_id, "pipeline", "hand", "nothing new", None, None, None, True),
        (failed.run_id, "pipeline", "hand", "failed", "dbt_build", None, None, True),
        (last.run_id, "pipeline", "hand", "publishing", None, None, None, True),
    ]
    assert ("dbt_build", "failed", None) in published(pipeline, tmp_path, "pipeline_steps", steps.format(failed.run_id))


def test_a_snapshot_tells_what_was_checked(pipeline, flights, tmp_path):
    checked = "select table_name, expectation, column_name, severity, passed, observed, checked_rows, bad_rows from t"
    first = pipeline.run()
    results = published(pipeline, tmp_path, "pipeline_quality", checked)
    assert ("raw.flights", "month values must be at least 1 and at most 12.", "month", "critical",
            True, None, 6099, 0) in results  # fmt: skip
    rows = [one for one in results if one[0] == "marts.fct_flights" and one[2] is None]
    assert (
        "marts.fct_flights",
        "A flight that was cancelled has no arrival delay.",
        None,
        "critical",
        True,
        "0 rows",
        None,
        0,
    ) in rows
    assert [row for row in rows if row[5] == "6,099"]
    assert published(pipeline, tmp_path, "pipeline_quality", "select distinct run_id from t") == [(first.run_id,)]

    # a failure publishes no marts; the inbox's next file brings the result to the readers
    file = flights / "weather.csv"
    lines = file.read_text().splitlines(keepends=True)
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:5], "999", *cells[6:]])
    file.write_text("".join(lines))
    bad = pipeline.run()
    assert not bad.success
    pipeline.settings.inbox.mkdir()
    (pipeline.settings.inbox / "orders.csv").write_text("id\n1\n")
    assert pipeline.run(job="inbox").success
    failures = "select run_id, table_name, column_name, severity, bad_rows from t where not passed"
    assert published(pipeline, tmp_path, "pipeline_quality", failures) == [(bad.run_id, "raw.weather", "temp", "critical", 1)]
