"""What the warehouse's tables are called in the catalogue."""

from dataclasses import dataclass
from typing import Any

from stack_pipeline.settings import Settings

ENV = "PROD"
"""DataHub's word for where data is; a stack has one."""


@dataclass(frozen=True)
class Engine:
    """Where tables lie. platform: as DataHub calls it. database: in lower case, as DataHub's own sources write names."""

    platform: str
    database: str

    def urn(self, table: str) -> str:
        """Of `schema.table`."""
        return dataset_urn(self.platform, f"{self.database}.{table}".lower())


def dataset_urn(platform: str, name: str) -> str:
    """DataHub's name of a table, file or stream; its client, which takes seconds to import, makes the same."""
    return f"urn:li:dataset:(urn:li:dataPlatform:{platform},{name},{ENV})"


def duckdb_file(settings: Settings) -> Engine:
    """Of what is loaded: the stack's DuckDB file, whatever dbt's target is."""
    return Engine("duckdb", settings.warehouse.stem.lower())


def dbt_engine(settings: Settings, manifest: dict[str, Any]) -> Engine:
    """Of what dbt builds and reads."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    database = next((node["database"] for node in nodes if node.get("database")), settings.warehouse.stem)
    return Engine("snowflake" if settings.on_snowflake else "duckdb", database.lower())
