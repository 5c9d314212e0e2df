"""Whether the catalogue knows all of it already: to find lineage in each model's SQL takes a quarter of a minute of processor."""

import hashlib
import importlib.metadata
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from stack_pipeline.catalogue.columns import read_manifest
from stack_pipeline.catalogue.program import not_told

SOURCE = "urn:li:dataHubIngestionSource:stack-pipeline"
"""The entity that keeps the fingerprint of what was told last, in the catalogue: a new one is told anew."""

_OF_A_RUN = {"generated_at", "created_at", "invocation_id", "invocation_started_at", "run_started_at"}
"""Fields of dbt's manifest that differ between any two of the same project."""


def fingerprint_of(asked: dict[str, Any]) -> str:
    """SHA-256 (hexadecimal) of all that emit.py tells: what it is asked, dbt's manifest, the client, and the code here."""
    said = {
        "asked": asked,
        "manifest": _without(read_manifest(Path(asked["target"]))),
        "client": importlib.metadata.version("acryl-datahub"),
        "code": {path.name: path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in _OF_A_RUN}
    return [_without(one) for one in value] if isinstance(value, list) else value


def last_told(timeout: float = 10) -> str | None:
    """The fingerprint of what the catalogue was told last, None when it was told nothing yet. Raises NotToldError when it
    doesn't answer within so many seconds, or refuses."""
    address = f"{os.environ['DATAHUB_GMS_URL'].rstrip('/')}/aspects/{urllib.parse.quote(SOURCE, safe='')}"
    request = urllib.request.Request(
        f"{address}?aspect=dataHubIngestionSourceInfo&version=0",
        headers={"Authorization": f"Bearer {os.environ['DATAHUB_GMS_TOKEN']}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            (info,) = json.load(answer)["aspect"].values()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise not_told(str(error)) from error
    except OSError as error:
        raise not_told(str(error)) from error
    except (ValueError, KeyError) as error:
        raise not_told("what answers there isn't DataHub") from error
    return (info["config"].get("extraArgs") or {}).get("fingerprint")
