"""DataHub's client, as the programs here use it."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datahub.emitter.mcp import MetadataChangeProposalWrapper


def server() -> dict[str, str]:
    """Address and token: DATAHUB_GMS_URL, DATAHUB_GMS_TOKEN."""
    return {"server": os.environ["DATAHUB_GMS_URL"], "token": os.environ["DATAHUB_GMS_TOKEN"]}


def send(proposals: Iterable["MetadataChangeProposalWrapper"]) -> int:
    """Sends them in batches, each aspect once: of those that replace each other, the last. Returns their number."""
    from datahub.emitter.rest_emitter import DatahubRestEmitter

    last: dict[Any, MetadataChangeProposalWrapper] = {}
    for one in proposals:
        # events of one entity are told apart by their time
        last[(one.entityUrn, one.aspectName, getattr(one.aspect, "timestampMillis", None))] = one
    if last:
        DatahubRestEmitter(server()["server"], token=server()["token"]).emit_mcps(list(last.values()))
    return len(last)


def run_program(work: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """A program's main: JSON from standard input to `work`, its answer as the last line. 1 and one line on standard error
    when it fails."""
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    os.environ["DATAHUB_TELEMETRY_ENABLED"] = "false"
    try:
        answer = work(json.load(sys.stdin))
    except Exception as error:
        print(f"catalogue: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0
