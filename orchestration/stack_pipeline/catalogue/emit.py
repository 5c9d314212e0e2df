"""Tells the catalogue what a run has built: a program of its own, since DataHub's client takes ten seconds to import.

Reads JSON from standard input: {"target": folder of dbt's artefacts, "columns": as in columns.py, "platform": "duckdb" or
"snowflake", "scratch": an empty folder}. The address and the token are DATAHUB_GMS_URL and DATAHUB_GMS_TOKEN. Prints, as its last
line, JSON: {"written": aspects that were sent}. Ends with 1 and one line on standard error when something failed.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any


def emit_dbt(asked: dict[str, Any]) -> int:
    """dbt's models, sources, tests, exposures and their lineage, by DataHub's own source. Returns the number of aspects."""
    from datahub.ingestion.run.pipeline import Pipeline

    from stack_pipeline.catalogue.columns import with_compiled, write_catalog

    target, scratch = Path(asked["target"]), Path(asked["scratch"])
    manifest, catalog = scratch / "manifest.json", scratch / "catalog.json"
    parsed = with_compiled(json.loads((target / "manifest.json").read_text()), target)
    manifest.write_text(json.dumps(parsed))
    write_catalog(parsed, asked["columns"], catalog)
    results = target / "run_results.json"
    source = {
        "manifest_path": str(manifest),
        "catalog_path": str(catalog),
        "run_results_paths": [str(results)] if results.exists() else [],
        "target_platform": asked["platform"],
        "include_column_lineage": True,
        "stateful_ingestion": {"enabled": True, "remove_stale_metadata": True},
    }
    server = {"server": os.environ["DATAHUB_GMS_URL"], "token": os.environ["DATAHUB_GMS_TOKEN"]}
    pipeline = Pipeline.create(
        {
            "pipeline_name": "dbt",
            "source": {"type": "dbt", "config": source},
            "sink": {"type": "datahub-rest", "config": server},
            "datahub_api": server,
            "reporting": [],
        },
        report_to=None,
    )
    pipeline.run()
    pipeline.raise_from_status(raise_warnings=False)
    return pipeline.sink.report.total_records_written


def main() -> int:
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.environ["DATAHUB_TELEMETRY_ENABLED"] = "false"
    asked = json.load(sys.stdin)
    try:
        written = emit_dbt(asked)
    except Exception as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"written": written}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
