"""What the models do over time: incremental facts, the history of names, sources that never came."""

import shutil
from pathlib import Path

import duckdb
import pytest
from dagster import AssetKey
from samples import RELEASES, load_releases, load_shop
from stack_pipeline.ingestion.flights_files import find_sources
from stack_pipeline.ingestion.load import load_flights
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import run_dbt

FACT = "+fct_flights"


class Warehouse:
    """A test's warehouse with the raw flights in it, and dbt on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def build(self, *arguments: str) -> None:
        """Builds and tests what is selected; tests that also need others are left out."""
        options = ["--quiet", "--no-write-json", "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]
        run = run_dbt(self.settings, ["build", *options, *arguments])
        assert run.success, run.failures

    def refuse(self, *arguments: str) -> str:
        run = run_dbt(self.settings, ["run", "--quiet", *arguments])
        assert not run.success
        return "\n".join(run.failures)

    def sql(self, statements: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            return connection.execute(statements).fetchall()

    def rows(self, table: str, key: str) -> list[tuple]:
        return self.sql(f"select * from {table} order by {key}")

    def written(self, table: str, group: str) -> dict:
        """The place of each group's first row: it changes when the row is written again."""
        return dict(self.sql(f"select {group}, min(rowid) from {table} group by all"))


@pytest.fixture(scope="module")
def raw_flights(small_flights, tmp_path_factory) -> Path:
    """A DuckDB file with the raw tables; a copy takes milliseconds, a load seconds."""
    file = tmp_path_factory.mktemp("raw") / "warehouse.duckdb"
    load_flights(file, find_sources(small_flights))
    return file


@pytest.fixture
def warehouse(settings, raw_flights) -> Warehouse:
    settings.warehouse.parent.mkdir(exist_ok=True)
    shutil.copy(raw_flights, settings.warehouse)
    return Warehouse(settings)


def changed(before: dict, after: dict) -> list:
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def test_flights_arrive_late_are_corrected_and_are_added(warehouse):
    days = "raw.flights where day = 5 or (day = 3 and carrier = 'HA')"
    warehouse.sql(f"create table later as from {days}; delete from {days}")
    warehouse.build("--select", FACT)
    first = warehouse.written("marts.fct_flights", "day(flight_date)")

    warehouse.build("--select", FACT)
    assert warehouse.written("marts.fct_flights", "day(flight_date)") == first, "nothing is new, nothing is written"

    # the fifth is new; of the third a row arrives late; on the second an airport was wrong
    warehouse.sql("insert into raw.flights from later; update raw.flights set dest = 'ORD' where day = 2 and flight = 1141")
    warehouse.build("--select", FACT)
    assert changed(first, warehouse.written("marts.fct_flights", "day(flight_date)")) == [2, 3, 5]
    assert warehouse.sql("select count(*) from marts.fct_flights") == [(6099,)]

    # the fourth leaves the source, whole
    warehouse.sql("delete from raw.flights where day = 4")
    warehouse.build("--select", FACT)
    assert warehouse.sql("select count(*) from marts.fct_flights where day(flight_date) = 4") == [(0,)]

    incremental = warehouse.rows("marts.fct_flights", "flight_id")
    warehouse.build("--select", FACT, "--full-refresh")
    assert warehouse.rows("marts.fct_flights", "flight_id") == incremental


def test_another_schema_of_the_fact_needs_a_full_refresh(warehouse, tmp_path, monkeypatch):
    warehouse.build("--select", FACT)
    project = Path(shutil.copytree(warehouse.settings.dbt_project, tmp_path / "transformation"))
    monkeypatch.setenv("DBT_PROJECT_DIR", str(project))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    changing = Warehouse(Settings.from_env())
    fact = project / "models" / "core" / "fct_flights.sql"
    fact.write_text(fact.read_text().replace("'is_diverted',", "'is_diverted', 'carrier_dest',"))
    staging = project / "models" / "staging" / "stg_flights.sql"
    staging.write_text(staging.read_text().replace("    tailnum,\n", "    tailnum,\n    carrier || dest as carrier_dest,\n"))
    changing.build("--select", "stg_flights")
    assert "full_refresh" in changing.refuse("--select", "fct_flights").replace("-", "_")
    changing.build("--select", "fct_flights", "--full-refresh")
    assert changing.sql("select count(carrier_dest) from marts.fct_flights") == [(6099,)]
    purchases = project / "models" / "core" / "fct_purchases.sql"
    load_shop(changing.settings.warehouse)
    changing.build("--select", "+fct_purchases")
    purchases.write_text(
        purchases.read_text().replace("    purchases.updated_at\nfrom", "    1 as channel, purchases.updated_at\nfrom")
    )
    changing.sql("update raw_airbyte.purchases set updated_at = '2024-05-01' where id = 4")
    changing.build("--select", "fct_purchases")
    # the new column is there, and has a value in rows written since
    assert changing.sql("select purchase_id, channel from marts.fct_purchases order by 1") == [
        (1, None),
        (2, None),
        (3, None),
        (4, 1),
    ]


def test_purchases_are_merged(warehouse):
    load_shop(warehouse.settings.warehouse)
    late = "raw_airbyte.purchases where id = 1"
    warehouse.sql(f"create table later as from {late}; delete from {late}")
    warehouse.build("--select", "+mart_sales")
    first = warehouse.written("marts.fct_purchases", "purchase_id")
    warehouse.build("--select", "+mart_sales")
    assert warehouse.written("marts.fct_purchases", "purchase_id") == first

    # the oldest arrives last; one that is still in the cart gets bought
    warehouse.sql("insert into raw_airbyte.purchases from later")
    warehouse.sql("update raw_airbyte.purchases set purchased_at = '2024-04-03', updated_at = '2024-04-03' where id = 4")
    warehouse.build("--select", "+mart_sales")
    second = warehouse.written("marts.fct_purchases", "purchase_id")
    assert (second[2], second[3]) == (first[2], first[3]) and 1 in second
    assert warehouse.sql("select purchased_at::date::varchar from marts.fct_purchases where purchase_id = 4") == [("2024-04-03",)]
    sales = warehouse.sql(
        "select make, month::varchar, orders, returns, revenue_usd, net_revenue_usd from marts.mart_sales order by 1"
    )
    assert sales == [("Mazda", "2024-03-01", 2, 1, 5738.0, 2869.0), ("Mercedes-Benz", "2024-04-01", 2, 0, 84795.0, 84795.0)]

    # and one leaves the source
    warehouse.sql("delete from raw_airbyte.purchases where id = 2")
    warehouse.build("--select", "+fct_purchases")
    assert 2 not in warehouse.written("marts.fct_purchases", "purchase_id")

    incremental = warehouse.rows("marts.fct_purchases", "purchase_id")
    warehouse.build("--select", "+fct_purchases", "--full-refresh")
    assert warehouse.rows("marts.fct_purchases", "purchase_id") == incremental


def test_carrier_names_have_a_history(warehouse):
    history = "select carrier, carrier_name, valid_to is null from history.carrier_history where carrier in ('US', 'VX', 'UA')"
    warehouse.build("--select", "+carrier_history")
    whole = warehouse.rows("history.carrier_history", "all")
    warehouse.build("--select", "+carrier_history")
    assert warehouse.rows("history.carrier_history", "all") == whole, "a rerun changes nothing"

    warehouse.sql("update raw.airlines set name = 'American' where carrier = 'US'; delete from raw.airlines where carrier = 'VX'")
    warehouse.build("--select", "+carrier_history")
    assert warehouse.sql(f"{history} order by carrier, valid_from") == [
        ("UA", "United Air Lines Inc.", True),
        ("US", "US Airways Inc.", False),
        ("US", "American", True),
        ("VX", "Virgin America", False),
    ]
    closed = "select a.valid_to = b.valid_from from history.carrier_history a join history.carrier_history b using (carrier)"
    assert warehouse.sql(f"{closed} where carrier = 'US' and a.valid_to is not null and b.valid_to is null") == [(True,)]
    whole = warehouse.rows("history.carrier_history", "all")
    warehouse.build("--select", "+carrier_history")
    assert warehouse.rows("history.carrier_history", "all") == whole


def test_sources_that_never_came_are_empty_and_come_later(warehouse):
    selected = ["--select", "+mart_releases", "+mart_sales", "stg_customers"]
    warehouse.build(*selected)
    before = warehouse.sql(
        "from duckdb_columns() select table_name, column_name, data_type where schema_name = 'marts' order by all"
    )
    assert warehouse.sql("select count(*) from marts.mart_releases") == [(0,)]

    load_releases(warehouse.settings.warehouse)
    load_shop(warehouse.settings.warehouse)
    warehouse.build(*selected)
    after = warehouse.sql(
        "from duckdb_columns() select table_name, column_name, data_type where schema_name = 'marts' order by all"
    )
    assert after == before, "empty models have the types of full ones"
    assert warehouse.sql("select sum(releases) from marts.mart_releases") == [(len(RELEASES),)]
    assert warehouse.sql("select median_days_between from marts.mart_releases order by 1") == [(6.75,), (None,)]
    assert warehouse.sql("select count(*) from staging.stg_customers") == [(3,)]


def test_dagster_has_the_sources_under_the_keys_of_what_loads_them(settings):
    from stack_pipeline.definitions import define

    graph = define(settings).resolve_asset_graph()
    for key, model in {
        ("raw", "github_releases"): "stg_github_releases",
        ("raw_airbyte", "users"): "stg_customers",
        ("raw_airbyte", "products"): "stg_products",
        ("raw_airbyte", "purchases"): "stg_purchases",
    }.items():
        assert AssetKey(list(key)) in graph.get(AssetKey(["staging", model])).parent_keys
    published = graph.get(AssetKey(["published_snapshot"])).parent_keys
    assert {AssetKey(["mart_releases"]), AssetKey(["mart_sales"]), AssetKey(["fct_purchases"])} <= published
