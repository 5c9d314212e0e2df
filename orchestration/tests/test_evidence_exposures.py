"""The pages of apps/evidence are dbt's exposures, with what they query."""

import json
import re
from pathlib import Path

import sqlglot
from postgres import ROOT
from sqlglot import exp
from stack_pipeline.publish.landed import SCHEMAS
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest

SITE = ROOT / "apps" / "evidence" / "site"


def tables_of(source: str) -> set[str]:
    """Published tables that a source of the site (`flights.by_day`) is a query of."""
    query = (SITE / "sources" / Path(*source.split("."))).with_suffix(".sql").read_text()
    return {table.name for table in sqlglot.parse_one(query, dialect="duckdb").find_all(exp.Table) if table.name}


def published_name(node: dict) -> str:
    return f"{SCHEMAS[node['schema']]}_{node['name']}" if node["resource_type"] == "source" else node["name"]


def test_each_page_is_an_exposure_with_what_it_queries(settings: Settings) -> None:
    folders = {folder.name for folder in (SITE / "sources").iterdir() if any(folder.glob("*.sql"))}
    source = re.compile(rf"\b((?:{'|'.join(folders)})\.\w+)\b")
    pages = {}
    for page in (SITE / "pages").rglob("*.md"):
        path = page.relative_to(SITE / "pages").with_suffix("").as_posix()
        sources = set(source.findall(page.read_text()))
        pages["" if path == "index" else f"/{path}"] = set().union(*map(tables_of, sources))

    manifest = json.loads(prepare_manifest(settings).read_text())
    nodes = {**manifest["nodes"], **manifest["sources"]}
    exposures = {
        one["url"].removeprefix("http://evidence.localhost:8080"): {
            published_name(nodes[node]) for node in one["depends_on"]["nodes"]
        }
        for one in manifest["exposures"].values()
        if one["type"] == "dashboard"
    }
    assert exposures == pages
