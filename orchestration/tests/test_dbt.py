"""The dbt project by itself: its unit tests, its docs, its parsing."""

import json
import shutil
import subprocess
import sys

import pytest
from stack_pipeline.errors import UserError
from stack_pipeline.ingestion.flights_files import find_sources
from stack_pipeline.ingestion.load import load_flights
from stack_pipeline.settings import Settings
from stack_pipeline.transformation import prepare
from stack_pipeline.transformation.dbt import prepare_manifest, published_models, run_dbt


def test_unit_tests_and_docs(settings):
    load_flights(settings.warehouse, find_sources(settings.flights))
    assert run_dbt(settings, ["seed", "--quiet"]).success
    assert run_dbt(settings, ["run", "--quiet", "--empty"]).success
    units = run_dbt(settings, ["test", "--quiet", "--select", "test_type:unit"])
    assert units.success, units.failures
    assert run_dbt(settings, ["docs", "generate", "--quiet"]).success
    catalog = json.loads((settings.dbt_target / "catalog.json").read_text())
    assert "flight_id" in catalog["nodes"]["model.flights.fct_flights"]["columns"]


def test_docs_need_no_warehouse(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    settings.warehouse.parent.mkdir()
    holder = f"import duckdb; duckdb.connect('{settings.warehouse}').execute('create table t as select 1'); print(); input()"
    with subprocess.Popen([sys.executable, "-uc", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        assert prepare.main() == 0
        writer.kill()
    assert "fct_flights" in (tmp_path / "target" / "static_index.html").read_text()
    assert prepare.main() == 0
    assert "nothing changed" in capsys.readouterr().out


def test_every_model_is_described_and_tested(settings):
    manifest = json.loads(prepare_manifest(settings).read_text())
    models = {id: node for id, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    tested = {id for node in manifest["nodes"].values() if node["resource_type"] == "test" for id in node["depends_on"]["nodes"]}
    assert len(models) == 21
    assert not set(models) - tested
    assert not [id for id, node in models.items() if not node["description"]]


def test_parses_again_only_when_the_project_changed(settings, tmp_path, monkeypatch):
    shutil.copytree(settings.dbt_project, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path / "project"))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    changing = Settings.from_env()
    first = prepare_manifest(changing)
    assert prepare_manifest(changing) == first
    mart = tmp_path / "project" / "models" / "marts" / "mart_delay_by_hour.sql"
    mart.rename(mart.with_name("mart_delay_each_hour.sql"))
    models = mart.parents[1]
    for file in (mart.parent / "_marts.yml", models / "exposures.yml", models.with_name("tests") / "marts_count_every_flight.sql"):
        file.write_text(file.read_text().replace("mart_delay_by_hour", "mart_delay_each_hour"))
    second = prepare_manifest(changing)
    assert second != first and not first.exists()
    assert "mart_delay_each_hour" in [model.name for model in published_models(second)]
    mart.with_name("broken.sql").write_text("select * from {{ ref('nothing') }}")
    with pytest.raises(UserError, match="nothing"):
        prepare_manifest(changing)
