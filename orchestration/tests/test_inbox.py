"""The inbox: from a dropped file to rows, quarantine and messages, in a real warehouse."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context
from dagster._core.test_utils import create_run_for_test
from stack_pipeline.automation import TRIES, define_inbox_sensor
from stack_pipeline.inbox import load
from stack_pipeline.inbox.files import find_files, identifier
from stack_pipeline.inbox.load import LoadedFile, load_inbox, problems
from stack_pipeline.warehouse import connect


class Inbox:
    """An inbox and its warehouse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inbox"
        self.warehouse = folder / "warehouse" / "warehouse.duckdb"

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self) -> dict[str, LoadedFile]:
        done, _ = load_inbox(self.warehouse, self.folder)
        return {one.file: one for one in done}

    def query(self, sql: str) -> list[tuple]:
        with connect(self.warehouse, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def quarantine(self) -> list[tuple]:
        return self.query("select file, line, column_name, content from quarantine.inbox_rows order by all")


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_reads_every_format(inbox):
    inbox.put("orders.csv", "Order ID,amount,day\n1,2.5,2024-01-01\n2,3,2024-01-02\n")
    inbox.put("german.csv", 'Name;Ort\n"Müller; Söhne";Köln\n')
    inbox.put("tabs.tsv.gz", gzip.compress(b"a\tb\n1\tx\n"))
    inbox.put("events.jsonl", "".join(f'{{"t": "2024-01-01T1{n}:00:00", "who": {{"id": {n}}}}}\n' for n in (7, 8)))
    inbox.put("list.json", '[{"a": 1}, {"a": 2.5}]')
    inbox.folder.joinpath("days").mkdir()
    duckdb.sql(f"copy (select 1::tinyint as n, [1, 2] as list) to '{inbox.folder}/days/one.parquet'")
    loaded = inbox.load()
    assert {name: (one.table, one.rows, one.problem) for name, one in loaded.items()} == {
        "orders.csv": ("orders", 2, None),
        "german.csv": ("german", 1, None),
        "tabs.tsv.gz": ("tabs", 1, None),
        "events.jsonl": ("events", 2, None),
        "list.json": ("list", 2, None),
        "days/one.parquet": ("days", 1, None),
    }
    assert inbox.query("select order_id, amount, day::varchar from inbox.orders order by all") == [
        (1, 2.5, "2024-01-01"),
        (2, 3.0, "2024-01-02"),
    ]
    assert inbox.query("select name, ort from inbox.german") == [("Müller; Söhne", "Köln")]
    assert inbox.query("select a, b from inbox.tabs") == [(1, "x")]
    assert inbox.query("select typeof(t), who->>'id' from inbox.events order by 2") == [("TIMESTAMP", "7"), ("TIMESTAMP", "8")]
    assert inbox.query("select a from inbox.list order by a") == [(1.0,), (2.5,)]
    assert inbox.query("select n, list from inbox.days") == [(1, "[1,2]")]


def test_loads_each_content_once(inbox):
    inbox.put("orders/a.csv", "id\n1\n")
    assert inbox.load()["orders/a.csv"].rows == 1
    assert inbox.load() == {}
    inbox.put("orders/b.csv", "id\n2\n")
    assert list(inbox.load()) == ["orders/b.csv"]
    # the same content under another name, and the same name with other content
    inbox.put("orders/copy of a.csv", "id\n1\n")
    assert inbox.load()["orders/copy of a.csv"].notes == ["the same content as orders/a.csv, so not loaded twice"]
    inbox.put("orders/a.csv", "id\n10\n11\n")
    inbox.load()
    assert inbox.query("select id from inbox.orders order by id") == [(2,), (10,), (11,)]


def test_two_files_of_one_name_share_a_table(inbox):
    inbox.put("orders.csv", "id\n1\n")
    inbox.put("orders.jsonl", '{"id": 2}\n')
    inbox.put("orders/orders.csv", "id\n3\n")
    inbox.load()
    assert inbox.query("select _file, id from inbox.orders order by id") == [
        ("orders.csv", 1),
        ("orders.jsonl", 2),
        ("orders/orders.csv", 3),
    ]


def test_bad_rows_go_to_quarantine_and_the_others_in(inbox):
    inbox.put("orders.csv", "id,name\n1,a\n2,b,one too many\n3\n4,d\n")
    inbox.put("events.jsonl", '{"a": 1}\nno json\n[1]\n{"a": 2}\n')
    assert {name: (one.rows, one.quarantined) for name, one in inbox.load().items()} == {
        "orders.csv": (2, 2),
        "events.jsonl": (2, 2),
    }
    assert inbox.quarantine() == [
        ("events.jsonl", 2, None, "no json"),
        ("events.jsonl", 3, None, "[1]"),
        ("orders.csv", 3, None, "2,b,one too many"),
        ("orders.csv", 4, "name", "3"),
    ]
    reasons = [
        reason for (reason,) in inbox.query("select reason from quarantine.inbox_rows where file = 'orders.csv' order by line")
    ]
    assert reasons == ["Expected Number of Columns: 2 Found: 3", "Expected Number of Columns: 2 Found: 1"]
    # corrected, nothing stays in quarantine
    inbox.put("orders.csv", "id,name\n1,a\n2,b\n3,c\n4,d\n")
    inbox.load()
    assert [file for file, *_ in inbox.quarantine()] == ["events.jsonl"] * 2
    assert inbox.query("select count(*) from inbox.orders") == [(4,)]


def test_a_table_evolves(inbox):
    inbox.put("orders/1.csv", "id,amount,day\n1,2,2024-01-01\n")
    inbox.put("orders/2.csv", "id,amount,discount\n2,2.5,ten\n")
    inbox.put("orders/3.csv", "id,amount,day\n3,abc,2024-01-03\n4,1,2024-01-04 10:30:00\n")
    loaded = inbox.load()
    assert loaded["orders/2.csv"].notes == [
        "column amount is DOUBLE now, it was BIGINT",
        "new column discount (VARCHAR)",
        "no column day: null for these rows",
    ]
    assert inbox.query("select id, amount, day::varchar, discount from inbox.orders order by id") == [
        (1, 2.0, "2024-01-01 00:00:00", None),
        (2, 2.5, None, "ten"),
        (4, 1.0, "2024-01-04 10:30:00", None),
    ]
    # what doesn't fit the column's type is kept aside, not turned into null
    assert ("orders/3.csv", 2, "amount", "3,abc,2024-01-03") in inbox.quarantine()


def test_numbers_are_never_rounded(inbox):
    # beyond the sample that DuckDB guesses types from, and into a table that has whole numbers
    inbox.put("late.csv", "n\n" + "".join(f"{i}\n" for i in range(50_000)) + "0.25\n")
    inbox.put("orders/1.csv", "n\n1\n")
    inbox.load()
    assert inbox.query("select n from inbox.late order by n limit 2") == [(0.0,), (0.25,)]
    inbox.put("orders/2.csv", "n\n2.5\nx\n")
    inbox.put("orders/3.jsonl", '{"n": "3.5"}\n{"n": "4"}\n')
    inbox.load()
    assert inbox.query("select n from inbox.orders order by n") == [(1.0,), (2.5,), (3.5,), (4.0,)]
    inbox.put("whole/1.csv", "n\n1\n")
    inbox.put("whole/2.jsonl", '{"n": "3.5"}\n{"n": "4"}\n')
    inbox.load()
    assert inbox.query("select n from inbox.whole order by n") == [(1,), (4,)]
    assert inbox.quarantine()[-1] == ("whole/2.jsonl", None, None, '{"n":"3.5"}')


def test_a_type_guessed_too_narrow_is_widened_and_a_few_odd_cells_are_kept_aside(inbox):
    good = "".join(f"{i}\n" for i in range(30_000))
    inbox.put("text.csv", "code\n" + good + "A1\n" * 1_000)
    inbox.put("typo.csv", "code\n" + good + "A1\n")
    inbox.load()
    assert inbox.query("select typeof(code), count(*) from inbox.text group by all") == [("VARCHAR", 31_000)]
    assert inbox.query("select typeof(code), count(*) from inbox.typo group by all") == [("BIGINT", 30_000)]
    assert inbox.quarantine() == [("typo.csv", 30_002, "code", "A1")]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("empty.csv", b"", "The file empty.csv of the inbox can't be loaded: it is empty."),
        ("header.csv", b"a,b\n", "The file header.csv of the inbox can't be loaded: it has no rows."),
        (
            "latin.csv",
            "id,name\n1,é\n".encode("latin-1"),
            "it isn't UTF-8 (line 2).\n→ Convert it: iconv -f WINDOWS-1252 -t UTF-8 ",
        ),
        ("wide.csv", "id,name\n1,é\n".encode("utf-16"), "it is UTF-16 (line 1).\n→ Convert it: iconv -f UTF-16"),
        ("cut.csv.gz", gzip.compress(b"id\n" + b"1\n" * 5_000)[:-20], "its archive is damaged or cut off"),
        ("long.csv", b"id,name\n1," + b"x" * (3 << 20) + b"\n2,b\n", "line 2 is longer than 1 MiB"),
        ("cut.parquet", b"PAR1 nothing more", "can't be read as parquet"),
        ("bad.json", b'[{"a": 1}, {"a"', "can't be read as json"),
        ("text.jsonl", b"one\ntwo\n", "no line of it is a JSON object"),
        ("report.xlsx", b"PK", "its name doesn't say its format.\n→ Name it .csv,"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why_and_stops_nobody(inbox, name, content, message):
    inbox.put(name, content)
    inbox.put("good.csv", "id\n1\n")
    loaded = inbox.load()
    assert message in loaded[name].problem
    assert loaded["good.csv"].rows == 1
    assert message in problems(inbox.warehouse)[name]
    assert inbox.query("select file, line, content from quarantine.inbox_rows") == [(name, None, None)]
    assert message in inbox.query("select reason from quarantine.inbox_rows")[0][0]
    assert inbox.load() == {}  # not tried again before it changes
    if name == "empty.csv":
        inbox.put(name, "id\n1\n")
        assert inbox.load()[name].rows == 1
        assert problems(inbox.warehouse) == {}
        assert inbox.query("select * from quarantine.inbox_rows") == []


def test_a_huge_line_costs_little_memory(inbox):
    path = inbox.put("huge.csv", "id,name\n1,")
    with path.open("ab") as file:
        file.truncate(1 << 30)  # a hole of 1 GB: one line of zeros
    program = (
        "import resource, sys; from pathlib import Path; from stack_pipeline.inbox.load import load_inbox;"
        "done, _ = load_inbox(Path(sys.argv[1]), Path(sys.argv[2])); print(done[0].problem);"
        # not ru_maxrss: on Linux a process has that of its parent before exec
        "status = Path('/proc/self/status'); print(status.read_text().split('VmHWM:')[1].split()[0]"
        " if status.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(inbox.warehouse), str(inbox.folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert "line 2 is longer than 1 MiB" in output[0]
    assert int(output[-1]) < 400_000  # KiB


def test_a_file_that_grows_while_it_is_read_is_left_for_later(inbox, monkeypatch):
    path = inbox.put("growing.csv", "id\n" + "1\n" * 100_000)
    real = load.open_reader

    def while_writing(file, connection):
        with path.open("a") as more:
            more.write("2\n")
        return real(file, connection)

    monkeypatch.setattr(load, "open_reader", while_writing)
    done, waiting = load_inbox(inbox.warehouse, inbox.folder)
    assert (done, waiting) == ([], ["growing.csv"])
    monkeypatch.undo()
    assert inbox.load()["growing.csv"].rows == 100_001


def test_a_kill_leaves_all_of_a_file_or_nothing(inbox):
    """The process dies at many moments; the load after it ends with each row once."""
    for number in range(3):
        inbox.put(f"big/{number}.csv", "id,name\n" + "".join(f"{i},name {number}\n" for i in range(200_000)))
    program = (
        "import sys; from pathlib import Path; from stack_pipeline.inbox.load import load_inbox; print('go', flush=True);"
        "load_inbox(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    for delay in (0.02, 0.1, 0.2, 0.3, 0.5):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(inbox.warehouse), str(inbox.folder)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.PIPE,
        )
        assert child.stdout
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if inbox.warehouse.exists() and inbox.query("select 1 from duckdb_tables() where schema_name = 'inbox'"):
            assert all(count == 200_000 for (count,) in inbox.query("select count(*) from inbox.big group by _file"))
    inbox.load()
    assert inbox.query("select count(*), count(distinct (_file, id)) from inbox.big") == [(600_000, 600_000)]


def test_files_that_are_not_meant_are_left_out(inbox):
    for name in (".hidden.csv", "~$open.csv", "half.csv.part", "README.md", ".folder/x.csv"):
        inbox.put(name, "id\n1\n")
    assert find_files(inbox.folder) == []


@pytest.mark.parametrize(
    "text, name",
    [("Order ID", "order_id"), ("orderId", "order_id"), ("2024 sales", "_2024_sales"), ("Größe", "größe"), ("!!", "column")],
)
def test_identifiers(text, name):
    assert identifier(text) == name


def test_the_job_publishes_new_files_and_leaves_the_marts_alone(pipeline, settings):
    """Even when the marts in the warehouse are unaudited."""
    assert pipeline.run().success
    first = pipeline.latest()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("update marts.dim_carrier set carrier_name = 'unaudited'")
    settings.inbox.mkdir()
    (settings.inbox / "orders.csv").write_text("id\n1\nx,y\n")
    assert pipeline.run(job="inbox").success
    second = pipeline.latest()
    tables = {table["name"]: table for table in second["tables"]}
    assert {name: tables[name]["rows"] for name in ("inbox_orders", "quarantine_inbox_rows")} == {
        "inbox_orders": 1,
        "quarantine_inbox_rows": 1,
    }
    carriers = next(table for table in first["tables"] if table["name"] == "dim_carrier")
    assert tables["dim_carrier"] == carriers
    # nothing new: no snapshot
    again = pipeline.run(job="inbox")
    assert again.success
    assert pipeline.latest() == second
    # a bad file is a warning of its own, not a failure
    (settings.inbox / "bad.csv").write_text("")
    assert pipeline.run(job="inbox").success
    # what snapshots share stays as long as one of them is kept
    for number in range(4):
        (settings.inbox / f"more{number}.csv").write_text("id\n1\n")
        assert pipeline.run(job="inbox").success
    assert pipeline.lake.read(carriers["key"]) is not None
    assert json.loads(pipeline.lake.read("published/latest.json"))["id"] != second["id"]


def test_the_job_takes_nothing_from_readers(pipeline):
    """Not even what this project doesn't know: the tables of another one, whose build hasn't succeeded yet."""
    assert pipeline.run().success
    latest = pipeline.latest()
    foreign = latest["tables"][0] | {"name": "of_another_project"}
    content = json.dumps(latest | {"tables": [*latest["tables"], foreign]})
    pipeline.lake.write("published/latest.json", content.encode(), "application/json")
    pipeline.settings.inbox.mkdir()
    (pipeline.settings.inbox / "more.csv").write_text("id\n1\n")
    assert pipeline.run(job="inbox").success
    names = {table["name"] for table in pipeline.latest()["tables"]}
    expected = {table["name"] for table in latest["tables"]} | {"of_another_project", "inbox_more", "quarantine_inbox_rows"}
    assert names == expected
    # a run of the whole project leaves it out
    assert pipeline.run(force=True).success
    assert "of_another_project" not in {table["name"] for table in pipeline.latest()["tables"]}


class Sensor:
    """The inbox's sensor, look by look."""

    def __init__(self, settings, instance) -> None:
        self.sensor, self.instance, self.cursor = define_inbox_sensor(settings), instance, None

    def look(self) -> list:
        with build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
            result = self.sensor(context)
        self.cursor = result.cursor
        return list(result.run_requests or [])


@pytest.fixture
def sensor(settings):
    settings.inbox.mkdir()
    with DagsterInstance.ephemeral() as instance:
        yield Sensor(settings, instance)


def test_a_growing_file_keeps_nobody_waiting(sensor, settings):
    growing, ready = settings.inbox / "growing.csv", settings.inbox / "ready.csv"
    growing.write_text("id\n")
    ready.write_text("id\n1\n")
    assert sensor.look() == []
    growing.write_text("id\n1\n")
    [request] = sensor.look()
    assert list(json.loads(request.run_key)) == ["ready.csv"]
    growing.write_text("id\n1\n2\n")
    assert sensor.look() == []
    [request] = sensor.look()
    assert list(json.loads(request.run_key)) == ["growing.csv"]
    assert sensor.look() == []


def test_a_run_that_was_killed_is_tried_again_but_not_for_ever(sensor, settings):
    (settings.inbox / "orders.csv").write_text("id\n1\n")
    assert sensor.look() == []
    requests = sensor.look()
    keys = []
    for _ in range(TRIES):
        [request] = requests
        keys.append(request.run_key)
        tags = {"dagster/run_key": request.run_key, **request.tags}
        create_run_for_test(sensor.instance, job_name="inbox", status=DagsterRunStatus.FAILURE, tags=tags)
        requests = sensor.look()
    assert requests == [] and len(set(keys)) == TRIES == 3
    (settings.inbox / "orders.csv").write_text("id\n1\n2\n")
    sensor.look()
    assert len(sensor.look()) == 1


def test_reading_waits_for_nobody(inbox):
    """Files may come while a load goes on."""
    inbox.put("a.csv", "id\n1\n")
    stop = threading.Event()

    def drop() -> None:
        number = 0
        while not stop.is_set():
            inbox.put(f"more/{number % 50}.csv", f"id\n{number}\n")
            number += 1

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        for _ in range(5):
            load_inbox(inbox.warehouse, inbox.folder)
    finally:
        stop.set()
        thread.join()
    inbox.load()
    assert inbox.query("select count(*) from inbox.more") == [(len(list((inbox.folder / "more").iterdir())),)]
