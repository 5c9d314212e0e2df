"""Tells the catalogue what a run has built: a program of its own, since DataHub's client takes ten seconds to import.

Input: {"target": folder of dbt's artefacts, "engine": where dbt builds (naming.Engine), "columns": of that engine, as in
columns.py, "file", "in_file": the same of the stack's DuckDB file, "upstreams": as in upstreams.py, "scratch": an empty folder,
"fingerprint": of all this, as in told.py}.
Output: {"written": aspects that were sent}. client.py has the rest.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stack_pipeline.catalogue.client import run_program, send, server
from stack_pipeline.catalogue.columns import Columns, is_shown, read_manifest, relation, write_catalog
from stack_pipeline.catalogue.naming import ENV, Engine, dataset_urn
from stack_pipeline.catalogue.told import SOURCE


def emit(asked: dict[str, Any]) -> dict[str, Any]:
    """Sends all of it, and then that it has; where it breaks off, what was told before isn't known either."""
    manifest = read_manifest(Path(asked["target"]))
    send([_told("")])
    written = _emit_dbt(asked, manifest) + _emit_tables(asked, manifest)
    return {"written": written + send([_told(asked["fingerprint"])])}


def _emit_dbt(asked: dict[str, Any], manifest: dict[str, Any]) -> int:
    """dbt's models, sources, tests, exposures and their lineage, by DataHub's own source."""
    from datahub.ingestion.run.pipeline import Pipeline

    scratch = Path(asked["scratch"])
    manifest_path, catalog_path = scratch / "manifest.json", scratch / "catalog.json"
    manifest_path.write_text(json.dumps(manifest))
    write_catalog(manifest, asked["columns"], catalog_path)
    source = {
        "manifest_path": str(manifest_path),
        "catalog_path": str(catalog_path),
        # results of tests are told with their run, whether it has published or not (tell_runs.py)
        "run_results_paths": [],
        "target_platform": asked["engine"]["platform"],
        "env": ENV,
        "include_column_lineage": True,
        "convert_urns_to_lowercase": True,
        "stateful_ingestion": {"enabled": True, "remove_stale_metadata": True},
    }
    pipeline = Pipeline.create(
        {
            "pipeline_name": "dbt",
            "source": {"type": "dbt", "config": source},
            "sink": {"type": "datahub-rest", "config": server()},
            "datahub_api": server(),
        },
        report_to=None,
    )
    pipeline.run()
    pipeline.raise_from_status(raise_warnings=False)
    return pipeline.sink.report.total_records_written


def _emit_tables(asked: dict[str, Any], manifest: dict[str, Any]) -> int:
    """The tables' columns, which the dbt source tells only of its own side of each; what raw tables come from, column by column."""
    from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal

    engine, file = Engine(**asked["engine"]), Engine(**asked["file"])
    in_file: Columns = asked["in_file"]
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    views = {relation(node) for node in nodes if node["config"].get("materialized") == "view"}
    by_dbt = {relation(node) for node in nodes}
    proposals: list[Proposal] = []
    tables = {file.urn(table): (file, table, fields) for table, fields in in_file.items() if is_shown(table)}
    # in an account there is more than the stack's
    tables |= {engine.urn(table): (engine, table, fields) for table, fields in asked["columns"].items() if table in by_dbt}
    for urn, (where, table, fields) in tables.items():
        kind = "View" if where == engine and table in views else "Table"
        proposals += _described(urn, where.platform, table, kind, fields)
    for upstream in asked["upstreams"]:
        table = upstream["table"]
        # what the loader adds isn't in the source
        fields = {name: kind for name, kind in in_file[table].items() if not name.startswith("_")}
        source = dataset_urn(upstream["platform"], upstream["name"])
        kind = "File" if upstream["platform"] == "file" else "Stream"
        proposals += _described(source, upstream["platform"], upstream["name"], kind, fields)
        proposals.append(_copied(source, file.urn(table), fields))
    if engine.platform != file.platform:
        sources = {relation(node) for node in manifest["sources"].values()}
        proposals += [_copied(file.urn(table), engine.urn(table), in_file[table]) for table in sorted(sources & in_file.keys())]
    return send(proposals)


def _described(urn: str, platform: str, name: str, kind: str, fields: dict[str, str]) -> list[Any]:
    """A table's, file's or stream's name and columns."""
    import datahub.metadata.schema_classes as c
    from datahub.emitter.mce_builder import make_data_platform_urn
    from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
    from datahub.ingestion.source.sql.sql_types import resolve_sql_type

    typed = [
        c.SchemaFieldClass(
            fieldPath=field,
            nativeDataType=native,
            type=c.SchemaFieldDataTypeClass(type=resolve_sql_type(native.split("(")[0]) or c.NullTypeClass()),
        )
        for field, native in fields.items()
    ]
    schema = c.SchemaMetadataClass(
        schemaName=name,
        platform=make_data_platform_urn(platform),
        version=0,
        hash="",
        platformSchema=c.OtherSchemaClass(rawSchema=""),
        fields=typed,
    )
    aspects = [c.DatasetPropertiesClass(name=name), c.SubTypesClass(typeNames=[kind]), c.StatusClass(removed=False), schema]
    return [Proposal(entityUrn=urn, aspect=aspect) for aspect in aspects]


def _copied(up: str, down: str, fields: Iterable[str]) -> Any:
    """That each of the columns comes from the one of the same name."""
    import datahub.metadata.schema_classes as c
    from datahub.emitter.mce_builder import make_schema_field_urn
    from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal

    fine = [
        c.FineGrainedLineageClass(
            upstreamType="FIELD_SET",
            downstreamType="FIELD",
            upstreams=[make_schema_field_urn(up, field)],
            downstreams=[make_schema_field_urn(down, field)],
        )
        for field in fields
    ]
    return Proposal(
        entityUrn=down,
        aspect=c.UpstreamLineageClass(upstreams=[c.UpstreamClass(dataset=up, type="COPY")], fineGrainedLineages=fine),
    )


def _told(fingerprint: str) -> Any:
    """The source of all this, as DataHub keeps those that it has, with the fingerprint of what it has told."""
    import datahub.metadata.schema_classes as c
    from datahub._version import __version__
    from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal

    recipe = json.dumps({"source": {"type": "dbt"}})
    config = c.DataHubIngestionSourceConfigClass(recipe=recipe, version=__version__, extraArgs={"fingerprint": fingerprint})
    return Proposal(
        entityUrn=SOURCE, aspect=c.DataHubIngestionSourceInfoClass(name="The stack's pipeline", type="dbt", config=config)
    )


if __name__ == "__main__":
    sys.exit(run_program(emit))
