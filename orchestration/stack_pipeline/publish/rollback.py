"""Puts the snapshot before the newest back, for the readers.

python -m stack_pipeline.publish.rollback
"""

import os
import sys

from stack_pipeline.errors import UserError
from stack_pipeline.lease import hold
from stack_pipeline.publish.snapshot import roll_back
from stack_pipeline.resources.lake import Lake


def main() -> int:
    """Prints the id of the snapshot that readers get now. 1 and one message when there is none before."""
    try:
        with hold("warehouse", "rollback", tell=lambda line: print(f"… {line}", file=sys.stderr, flush=True)):
            print(roll_back(Lake(os.environ["LAKE_S3_ENDPOINT"], os.environ["LAKE_BUCKET"]))["id"])
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
