"""Prepares what others read of the dbt project: its manifest, and its docs. Ends at once when nothing changed.

python -m stack_pipeline.transformation.prepare
"""

import sys

from stack_pipeline.errors import UserError
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import prepare_manifest, run_dbt


def main() -> int:
    """Parses, then writes the docs as one page. Opens no warehouse, so it needs no lease. 1 and one line on failure."""
    try:
        settings = Settings.from_env()
        manifest = prepare_manifest(settings)
        page = settings.dbt_target / "static_index.html"
        documented = manifest.with_suffix(".documented")
        if documented.exists() and page.exists():
            print(f"nothing changed: {page}")
            return 0
        # without these two dbt opens the warehouse, and fails while a run holds it
        run_dbt(settings, ["docs", "generate", "--quiet", "--static", "--no-compile", "--empty-catalog"])
        for stale in manifest.parent.glob("*.documented"):
            stale.unlink()
        documented.touch()
        print(f"docs: {page}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
