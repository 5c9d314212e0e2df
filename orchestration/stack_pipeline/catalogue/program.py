"""Starts the programs that talk to the catalogue: Dagster's own processes keep what they import, and DataHub's client is large."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any


class NotToldError(Exception):
    """The catalogue wasn't told: it doesn't answer, or refuses. One sentence for the user."""


def tell(module: str, asked: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Runs `python -m <module>` with `asked` as JSON on standard input and returns the JSON of its last line.

    timeout: seconds, after which it is killed. Raises NotToldError when it ends with an error or not in time.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise not_told(f"it took longer than {timeout:g} s") from None
    if done.returncode != 0:
        problem = done.stderr.strip().splitlines()[-1:] or [f"it ended with status {done.returncode}"]
        raise not_told(problem[0])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def check_answers(timeout: float = 3) -> None:
    """Raises NotToldError when nothing answers at DATAHUB_GMS_URL within so many seconds."""
    try:
        with urllib.request.urlopen(f"{os.environ['DATAHUB_GMS_URL'].rstrip('/')}/config", timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise not_told(str(error)) from error
    except OSError as error:
        raise not_told(str(error)) from error


def not_told(why: str) -> NotToldError:
    """The error with its reason."""
    return NotToldError(f"The catalogue at {os.environ['DATAHUB_GMS_URL']} wasn't told: {why}")
