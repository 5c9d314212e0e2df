"""Prepares what others read of the dbt project: its manifest, and its docs. Ends at once when nothing changed.

python -m stack_pipeline.transformation.prepare
"""

import sys

from stack_pipeline import lease
from stack_pipeline.errors import UserError
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest, run_dbt


def main() -> int:
    """Parses, then makes the docs (under the warehouse's lease: dbt reads the columns from it). 1 and one line on failure."""
    try:
        settings = Settings.from_env()
        manifest = prepare_manifest(settings)
        documented = manifest.with_suffix(".documented")
        if documented.exists():
            print(f"nothing changed: {settings.dbt_target / 'index.html'}")
            return 0
        with lease.hold("warehouse", "dbt docs generate", tell=_print):
            run_dbt(settings, ["docs", "generate", "--quiet"])
        for stale in manifest.parent.glob("*.documented"):
            stale.unlink()
        documented.touch()
        print(f"docs: {settings.dbt_target / 'index.html'}")
    except UserError as error:
        _print(str(error))
        return 1
    return 0


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
