"""What the warehouse's raw tables are loaded from."""

from dataclasses import dataclass

from stack_pipeline.catalogue.columns import Columns
from stack_pipeline.errors import UserError
from stack_pipeline.inbox.load import SCHEMA as INBOX
from stack_pipeline.ingestion.airbyte import SCHEMA as AIRBYTE
from stack_pipeline.ingestion.tables import COLUMNS
from stack_pipeline.settings import Settings


@dataclass(frozen=True)
class Upstream:
    """Where a table's rows come from, each column from the one of the same name.

    table: `schema.table`. platform: as DataHub calls it. name: of the file, stream or address.
    """

    table: str
    platform: str
    name: str


def find_upstreams(settings: Settings, columns: Columns) -> list[Upstream]:
    """Of the tables that there are: the flights' files, Airbyte's streams, GitHub's releases, the inbox's files."""
    found = [Upstream(f"raw.{table}", "file", _file_name(settings, table)) for table in COLUMNS]
    found.append(Upstream("raw.github_releases", "github", "releases"))
    for table in columns:
        schema, name = table.split(".", 1)
        if schema == AIRBYTE and not name.startswith("_"):
            found.append(Upstream(table, "airbyte", name))
        elif schema == INBOX:
            found.append(Upstream(table, "file", f"inbox/{name}"))
    return [one for one in found if one.table in columns]


def _file_name(settings: Settings, table: str) -> str:
    """`flights.csv`, packed or not."""
    from stack_pipeline.ingestion.flights_files import find_file

    try:
        return find_file(settings.flights, table).name.removesuffix(".gz").removesuffix(".zip")
    except UserError:  # it was loaded once, and is gone now
        return f"{table}.csv"
