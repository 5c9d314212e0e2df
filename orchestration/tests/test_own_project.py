"""A dbt project of the user's own: no flights, another profile, no tags; from its seeds to the published marts."""

import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from dagster import AssetKey
from stack_pipeline.common import NOTHING_NEW, OUTCOME_TAG
from stack_pipeline.errors import UserError
from stack_pipeline.settings import REPOSITORY, Settings
from stack_pipeline.transformation import prepare
from stack_pipeline.transformation.profile import profiles_file

SHOP = Path(__file__).parent / "projects" / "shop"


@pytest.fixture
def shop(settings, tmp_path, monkeypatch):
    """The settings of a stack that was started with DBT_PROJECT=<a copy of the shop>."""
    project = Path(shutil.copytree(SHOP, tmp_path / "shop"))
    monkeypatch.setenv("DBT_PROJECT", str(project))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    settings.warehouse.parent.mkdir()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create schema helpdesk; create table helpdesk.tickets as select 3 as customer, 'broken' as subject")
    return Settings.from_env()


def test_pipeline_publishes_its_tables(pipeline, shop):
    result = pipeline.run()
    assert result.success
    tables = {table["name"]: table["rows"] for table in pipeline.latest()["tables"]}
    assert tables.pop("pipeline_quality") > 0  # of the sources
    assert tables == {"customers": 3, "orders": 3, "pipeline_runs": 1, "pipeline_steps": 6}
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks} >= {"unique_customers_customer_id", "unique_stg_orders_order_id"}
    assert all(check.passed for check in checks)
    rows = pipeline.query("select customer_name, orders, spent, tickets from marts.customers order by 1")
    assert rows == [("Ann", 2, 20.0, 0), ("Ben", 1, 4.5, 0), ("Cem", 0, 0.0, 1)]
    assert not list((shop.dbt_project).glob("target*")) and not (shop.dbt_project / "logs").exists()
    again = pipeline.run()
    assert pipeline.instance.get_run_by_id(again.run_id).tags[OUTCOME_TAG] == NOTHING_NEW
    # its data fails its test: nothing is published
    before = pipeline.latest()
    seed = shop.dbt_project / "seeds" / "raw_customers.csv"
    seed.write_text(seed.read_text() + "3,Dan\n")
    failed = pipeline.run()
    assert "unique_customers_customer_id" in pipeline.failure(failed, "dbt_build")
    assert pipeline.latest() == before


def test_its_sources_are_part_of_the_graph(shop):
    from stack_pipeline.definitions import define

    graph = define(shop).resolve_asset_graph()
    assert AssetKey(["helpdesk", "tickets"]) in graph.get(AssetKey(["customers"])).parent_keys
    assert graph.get(AssetKey(["published_snapshot"])).parent_keys == {
        AssetKey(["customers"]), AssetKey(["orders"]), AssetKey(["raw", "inbox"]),
    }  # fmt: skip


def test_gets_the_stacks_targets_under_its_profiles_name(shop):
    profile = yaml.safe_load(profiles_file(shop).read_text())
    assert list(profile) == ["shop_of_a_client"]
    assert set(profile["shop_of_a_client"]["outputs"]) == {"duckdb_local", "snowflake_prod"}
    assert not profiles_file(shop).is_relative_to(shop.dbt_project)


def test_keeps_a_profile_that_has_the_stacks_target(shop):
    own = shop.dbt_project / "profiles.yml"
    # made for elsewhere: it has no target of the stack's
    own.write_text("shop_of_a_client: {target: dev, outputs: {dev: {type: duckdb, path: dev.duckdb}}}")
    assert "duckdb_local" in profiles_file(shop).read_text()
    text = "shop_of_a_client: {outputs: {duckdb_local: {type: duckdb, path: \"{{ env_var('WAREHOUSE_PATH') }}\", schema: client}}}"
    own.write_text(text)
    assert profiles_file(shop).read_text() == text
    assert prepare.main() == 0
    assert '"client"' in next((shop.dbt_target / "parsed").glob("*.json")).read_text()


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda project: shutil.rmtree(project), "no dbt_project.yml"),
        (lambda project: (project / "dbt_project.yml").write_text("a: ["), "isn't YAML"),
        (lambda project: (project / "dbt_project.yml").write_text("version: 1"), "names no profile"),
    ],
)
def test_a_folder_that_is_no_project_is_said_clearly(shop, edit, message, capsys):
    edit(shop.dbt_project)
    with pytest.raises(UserError, match=message):
        profiles_file(shop)
    assert prepare.main() == 1
    assert str(shop.dbt_project) in capsys.readouterr().err


def test_the_stacks_own_project_keeps_its_profile(settings):
    assert profiles_file(settings) == REPOSITORY / "transformation" / "profiles.yml"
