"""Releases of GitHub repositories: asks for what is new, and loads it with dlt."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from stack_pipeline.errors import UserError
from stack_pipeline.settings import quiet_telemetry
from stack_pipeline.warehouse import connect, dlt_destination, scratch, table_columns

API = "https://api.github.com"
TABLE = "github_releases"
PAGE = 100
LONGEST_WAIT = 30.0
"""Seconds to wait for GitHub's limit to end; when it lasts longer, the rest is left for the next run."""

_COLUMNS: dict[str, Any] = {
    "id": {"data_type": "bigint", "nullable": False, "primary_key": True},
    "repository": {"data_type": "text", "nullable": False},
    "tag_name": {"data_type": "text"},
    "name": {"data_type": "text"},
    "author": {"data_type": "text"},
    "draft": {"data_type": "bool"},
    "prerelease": {"data_type": "bool"},
    "created_at": {"data_type": "timestamp"},
    "published_at": {"data_type": "timestamp"},
    "html_url": {"data_type": "text"},
    "body": {"data_type": "text"},
    "downloads": {"data_type": "bigint"},
}

Release = dict[str, Any]


@dataclass(frozen=True)
class GitHub:
    """How to ask. api: address of the REST API. token: optional. etags: file of what GitHub said last, to be asked cheaply."""

    api: str
    token: str | None
    etags: Path

    @classmethod
    def from_env(cls, folder: Path, asker: str = "load") -> "GitHub":
        """Reads GITHUB_API (for GitHub Enterprise), and GITHUB_TOKEN or the file GITHUB_TOKEN_FILE.

        folder: where the answers' tags are kept, a file for each asker.
        """
        token = os.environ.get("GITHUB_TOKEN")
        file = os.environ.get("GITHUB_TOKEN_FILE")
        if not token and file and Path(file).exists():
            token = Path(file).read_text().strip()
        return cls(os.environ.get("GITHUB_API") or API, token or None, folder / f"github-{asker}.json")

    def remember(self, tags: dict[str, str]) -> None:
        """Keeps the answers' tags: an unchanged answer then costs nothing of GitHub's limit."""
        if tags != self.tags():
            self.etags.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.etags.with_suffix(".tmp")
            temporary.write_text(json.dumps(tags))
            temporary.replace(self.etags)

    def tags(self) -> dict[str, str]:
        try:
            return json.loads(self.etags.read_text())
        except (FileNotFoundError, ValueError):
            return {}


@dataclass
class Found:
    """What GitHub had.

    releases: new ones. problems: a line for each repository that couldn't be asked. tags: of the answers, kept once loaded.
    """

    releases: list[Release] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


def repositories(config: Path) -> list[str]:
    """`owner/name` of each repository in the file. Raises UserError when the file isn't as it should be."""
    try:
        names = (yaml.safe_load(config.read_text()) or {}).get("repositories") or []
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise UserError(f"{config} can't be read: {error}.", "Give it a list named `repositories`.") from error
    for name in names:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)):
            raise UserError(f"{config}: {name!r} is no repository.", "Write it as owner/name, e.g. duckdb/duckdb.")
    return names


def find_new(github: GitHub, names: list[str], known: dict[str, datetime], tell: Callable[[str], None] = lambda _: None) -> Found:
    """Asks each repository for releases published after those that are known (newest by repository). Opens no warehouse."""
    import requests
    from dlt.sources.helpers.requests import Client

    client = Client(request_timeout=10, request_max_attempts=3, request_backoff_factor=0.5, raise_for_status=False)
    found = Found(tags=github.tags())
    for position, name in enumerate(names):
        try:
            found.releases += _releases(client, github, name, known.get(name), found.tags)
        except _Limited as limit:
            rest = ", ".join(names[position:])
            found.problems.append(f"GitHub answers no more before {limit.until}: {rest} left for the next run. {limit.remedy}")
            break
        except (requests.RequestException, _Refused) as error:
            found.problems.append(f"{name}: {_plain(error)}")
            if isinstance(error, requests.ConnectionError):
                found.problems[-1] = f"{github.api} can't be reached ({_plain(error)}): what was loaded before stays."
                break
    for problem in found.problems:
        tell(problem)
    return found


class _Refused(Exception):
    """GitHub's answer is no list of releases."""


class _Limited(Exception):
    """GitHub's limit is used up."""

    def __init__(self, reset: float, token: bool) -> None:
        self.until = time.strftime("%H:%M", time.localtime(reset))
        self.remedy = "" if token else "A token raises the limit: see orchestration/github.yml."


def _releases(client: Any, github: GitHub, name: str, newest: datetime | None, tags: dict[str, str]) -> list[Release]:
    releases: list[Release] = []
    tag = None
    url: str | None = f"{github.api}/repos/{name}/releases?per_page={PAGE}"
    first = True
    while url:
        headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        if github.token:
            headers["authorization"] = f"Bearer {github.token}"
        if first and newest and name in tags:
            headers["if-none-match"] = tags[name]
        answer = _ask(client, url, headers, bool(github.token))
        if answer.status_code == 304:
            return []
        tag = answer.headers.get("etag") if first else tag
        first = False
        page = [_row(name, one) for one in answer.json() if not one["draft"]]
        fresh = [one for one in page if newest is None or datetime.fromisoformat(one["published_at"]) > newest]
        releases += fresh
        # newest first: a page with a known one is the last that matters
        url = answer.links.get("next", {}).get("url") if len(fresh) == len(page) else None
    if tag:
        tags[name] = tag
    return releases


def _ask(client: Any, url: str, headers: dict[str, str], token: bool) -> Any:
    while True:
        answer = client.get(url, headers=headers)
        if answer.status_code in (200, 304):
            return answer
        remaining, reset = answer.headers.get("x-ratelimit-remaining"), answer.headers.get("x-ratelimit-reset")
        after = answer.headers.get("retry-after")
        if answer.status_code in (403, 429) and (remaining == "0" or after):
            until = time.time() + float(after) if after else float(reset or time.time() + 3600)
            if until - time.time() > LONGEST_WAIT:
                raise _Limited(until, token)
            time.sleep(max(0.0, until - time.time()) + 0.1)
            continue
        raise _Refused(_reason(answer))


def _reason(answer: Any) -> str:
    try:
        said = answer.json().get("message", "")
    except ValueError:
        said = ""
    hint = {
        401: "the token isn't valid",
        404: "there is no such repository, or the token may not see it",
    }.get(answer.status_code, said or answer.reason)
    return f"GitHub answered {answer.status_code}: {hint}"


def _row(name: str, release: dict[str, Any]) -> Release:
    row = {column: release.get(column) for column in _COLUMNS if column in release}
    return {
        **row,
        "repository": name,
        "author": (release.get("author") or {}).get("login"),
        "downloads": sum(asset["download_count"] for asset in release.get("assets") or []),
    }


def _plain(error: Exception) -> str:
    reason = re.search(r"(Name or service not known|Temporary failure in name resolution|Connection refused|timed out)", str(error))
    return reason.group(1) if reason else str(error)


def known_releases(warehouse: Path) -> dict[str, datetime]:
    """When the newest release that is loaded was published, by repository; the caller holds the warehouse's lease."""
    if not warehouse.exists():
        return {}
    with connect(warehouse, read_only=True) as connection:
        if not table_columns(connection, "raw", TABLE):
            return {}
        connection.execute("set timezone = 'UTC'")
        return dict(connection.execute(f"select repository, max(published_at) from raw.{TABLE} group by all").fetchall())


def load_releases(warehouse: Path, github: GitHub, found: Found) -> None:
    """Merges the new releases into raw.github_releases by their id; the caller holds the warehouse's lease."""
    import dlt

    quiet_telemetry()

    @dlt.resource(name=TABLE, write_disposition="merge", columns=_COLUMNS, primary_key="id")
    def releases() -> Iterator[Release]:
        yield from found.releases

    if found.releases:
        with scratch(warehouse, "github") as folder:
            os.environ["DLT_DATA_DIR"] = f"{folder}/dlt"
            pipeline = dlt.pipeline(
                "github",
                destination=dlt_destination(warehouse),
                dataset_name="raw",
                pipelines_dir=f"{folder}/pipelines",
            )
            pipeline.run(releases())
    github.remember(found.tags)
