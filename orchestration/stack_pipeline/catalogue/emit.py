"""Tells the catalogue what a run has built: a program of its own, since DataHub's client takes ten seconds to import.

Reads JSON from standard input: {"target": folder of dbt's artefacts, "columns": as in columns.py, "upstreams": as in upstreams.py,
"platform": "duckdb" or "snowflake", "scratch": an empty folder}. The address and the token are DATAHUB_GMS_URL and
DATAHUB_GMS_TOKEN. Prints, as its last line, JSON: {"written": aspects that were sent}. Ends with 1 and one line on standard error
when something failed.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

ENV = "PROD"
"""DataHub's word for where data is; a stack has one."""


def emit(asked: dict[str, Any]) -> int:
    """Sends all of it. Returns the number of aspects."""
    from stack_pipeline.catalogue.columns import with_compiled

    target = Path(asked["target"])
    manifest = with_compiled(json.loads((target / "manifest.json").read_text()), target)
    return _emit_dbt(asked, manifest) + _emit_tables(asked, manifest)


def _server() -> dict[str, str]:
    return {"server": os.environ["DATAHUB_GMS_URL"], "token": os.environ["DATAHUB_GMS_TOKEN"]}


def _emit_dbt(asked: dict[str, Any], manifest: dict[str, Any]) -> int:
    """dbt's models, sources, tests, exposures and their lineage, by DataHub's own source."""
    from datahub.ingestion.run.pipeline import Pipeline

    from stack_pipeline.catalogue.columns import write_catalog

    scratch, results = Path(asked["scratch"]), Path(asked["target"]) / "run_results.json"
    manifest_path, catalog_path = scratch / "manifest.json", scratch / "catalog.json"
    manifest_path.write_text(json.dumps(manifest))
    write_catalog(manifest, asked["columns"], catalog_path)
    source = {
        "manifest_path": str(manifest_path),
        "catalog_path": str(catalog_path),
        "run_results_paths": [str(results)] if results.exists() else [],
        "target_platform": asked["platform"],
        "env": ENV,
        "include_column_lineage": True,
        "convert_urns_to_lowercase": True,
        "stateful_ingestion": {"enabled": True, "remove_stale_metadata": True},
    }
    pipeline = Pipeline.create(
        {
            "pipeline_name": "dbt",
            "source": {"type": "dbt", "config": source},
            "sink": {"type": "datahub-rest", "config": _server()},
            "datahub_api": _server(),
        },
        report_to=None,
    )
    pipeline.run()
    pipeline.raise_from_status(raise_warnings=False)
    return pipeline.sink.report.total_records_written


def _emit_tables(asked: dict[str, Any], manifest: dict[str, Any]) -> int:
    """What raw tables come from, column by column; and the columns of tables that dbt doesn't know, such as the inbox's."""
    import datahub.metadata.schema_classes as c
    from datahub.emitter.mce_builder import make_data_platform_urn, make_dataset_urn, make_schema_field_urn
    from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
    from datahub.emitter.rest_emitter import DatahubRestEmitter
    from datahub.ingestion.source.sql.sql_types import resolve_sql_type

    from stack_pipeline.catalogue.columns import relation
    from stack_pipeline.inbox.load import SCHEMA as INBOX

    columns: dict[str, dict[str, str]] = asked["columns"]
    upstreams: list[dict[str, str]] = asked["upstreams"]
    known = [*manifest["nodes"].values(), *manifest["sources"].values()]
    database = next((node["database"] for node in known if node.get("database")), "warehouse")
    by_dbt = {relation(node) for node in known}

    def table_urn(table: str) -> str:
        return make_dataset_urn(asked["platform"], f"{database}.{table}".lower(), ENV)

    def described(urn: str, platform: str, name: str, kind: str, fields: dict[str, str]) -> list[Proposal]:
        typed = [
            c.SchemaFieldClass(
                fieldPath=field,
                nativeDataType=native,
                type=c.SchemaFieldDataTypeClass(type=resolve_sql_type(native, asked["platform"]) or c.NullTypeClass()),
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

    proposals: list[Proposal] = []
    for table, fields in columns.items():
        if table not in by_dbt and table.startswith(f"{INBOX}."):
            proposals += described(table_urn(table), asked["platform"], table, "Table", fields)
    for upstream in upstreams:
        table = upstream["table"]
        # what the loader adds isn't in the source
        fields = {name: kind for name, kind in columns[table].items() if not name.startswith("_")}
        up, down = make_dataset_urn(upstream["platform"], upstream["name"], ENV), table_urn(table)
        kind = "File" if upstream["platform"] == "file" else "Stream"
        proposals += described(up, upstream["platform"], upstream["name"], kind, fields)
        fine = [
            c.FineGrainedLineageClass(
                upstreamType="FIELD_SET",
                downstreamType="FIELD",
                upstreams=[make_schema_field_urn(up, field)],
                downstreams=[make_schema_field_urn(down, field)],
            )
            for field in fields
        ]
        lineage = c.UpstreamLineageClass(upstreams=[c.UpstreamClass(dataset=up, type="COPY")], fineGrainedLineages=fine)
        proposals.append(Proposal(entityUrn=down, aspect=lineage))
    emitter = DatahubRestEmitter(_server()["server"], token=_server()["token"])
    emitter.emit_mcps(proposals)
    return len(proposals)


def main() -> int:
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    os.environ["DATAHUB_TELEMETRY_ENABLED"] = "false"
    asked = json.load(sys.stdin)
    try:
        written = emit(asked)
    except Exception as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"written": written}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
