"""Errors that a user can mend. Code raises them as plain exceptions; Dagster's steps turn them into one clear failure."""

import os
import shutil
from pathlib import Path


class UserError(Exception):
    """What failed and where (`message`), and what to do about it (`remedy`). Shown without a stack trace."""

    def __init__(self, message: str, remedy: str, **details: str) -> None:
        super().__init__(f"{message}\n→ {remedy}")
        self.message = message
        self.remedy = remedy
        self.details = details


OUT_OF_MEMORY = "Out of Memory Error"
_FULL = ("No space left on device", "disk is full", "Errno 28")


def machine_limit(said: str) -> UserError | None:
    """The error for the user when a tool said, in its own words, that disk or memory isn't enough; else None."""
    if OUT_OF_MEMORY in said:
        return UserError(
            f"The engine needs more memory than it may have (WAREHOUSE_MEMORY={os.environ.get('WAREHOUSE_MEMORY') or '1GB'}).",
            "Allow more: a line like WAREHOUSE_MEMORY=4GB in .env, make deploy-local, then run the pipeline again.",
        )
    if not any(words in said for words in _FULL):
        return None
    folder = Path(os.environ.get("WAREHOUSE_PATH", ".")).parent
    free = f" ({shutil.disk_usage(folder).free >> 20} MiB free)" if folder.exists() else ""
    return UserError(
        f"No space is left on the disk of {folder}{free}.",
        f"Free some (df -h {folder}), then run the pipeline again. Nothing was lost, and readers have the last snapshot.",
    )
