"""GitHub's releases against a server that answers as GitHub's REST API does: pages, tags, limits, errors."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from conftest import free_port
from stack_pipeline.errors import UserError
from stack_pipeline.ingestion import github as module
from stack_pipeline.ingestion.github import GitHub, find_new, known_releases, load_releases, repositories
from stack_pipeline.warehouse import connect


class Api:
    """Repositories with releases. trouble: answers to give first, as (status, headers)."""

    def __init__(self) -> None:
        self.releases: dict[str, list[int]] = {}
        self.trouble: list[tuple[int, dict[str, str]]] = []
        self.requests: list[tuple[str, int]] = []
        self.tokens: list[str | None] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlparse(request.path)
        _, _, owner, name, _ = url.path.split("/")
        query = parse_qs(url.query)
        page, size = int(query.get("page", ["1"])[0]), int(query["per_page"][0])
        self.tokens.append(request.headers.get("authorization"))
        ids = self.releases.get(f"{owner}/{name}")
        tag = f'W/"{ids}"'
        if self.trouble:
            status, headers = self.trouble.pop(0)
            body: object = {"message": "something is wrong"}
        elif ids is None:
            status, headers, body = 404, {}, {"message": "Not Found"}
        elif request.headers.get("if-none-match") == tag:
            status, headers, body = 304, {}, None
        else:
            ids = sorted(ids, reverse=True)
            last = page * size >= len(ids)
            link = {} if last else {"link": f'<{self.url}{url.path}?per_page={size}&page={page + 1}>; rel="next"'}
            status, headers = 200, {"etag": tag, **link}
            body = [release(id) for id in ids[(page - 1) * size : page * size]]
        self.requests.append((f"{owner}/{name}?{page}", status))
        content = b"" if body is None else json.dumps(body).encode()
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


def release(id: int) -> dict:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + id * 60))
    return {
        "id": id, "tag_name": f"v{id}", "name": f"Release {id}", "author": {"login": "ann"}, "draft": False,
        "prerelease": id % 2 == 0,
        "created_at": at, "published_at": at, "html_url": f"https://example.org/{id}", "body": "notes",
        "assets": [{"download_count": 3}, {"download_count": 4}],
    }  # fmt: skip


@pytest.fixture
def api():
    api = Api()
    yield api
    api.server.shutdown()


class Loader:
    def __init__(self, api: Api, folder: Path) -> None:
        self.github = GitHub(api.url, None, folder / "tags.json")
        self.warehouse = folder / "warehouse.duckdb"

    def load(self, *names: str) -> module.Found:
        found = find_new(self.github, list(names), known_releases(self.warehouse))
        load_releases(self.warehouse, self.github, found)
        return found

    def ids(self) -> list[int]:
        with connect(self.warehouse, read_only=True) as connection:
            return [id for (id,) in connection.execute("select id from raw.github_releases order by id").fetchall()]


@pytest.fixture
def loader(api, tmp_path):
    return Loader(api, tmp_path)


def test_loads_all_pages_then_only_what_is_new(api, loader):
    api.releases = {"a/one": list(range(1, 251)), "a/two": [1000]}
    assert len(loader.load("a/one", "a/two").releases) == 251
    assert loader.ids() == [*range(1, 251), 1000]
    with connect(loader.warehouse, read_only=True) as connection:
        row = connection.execute(
            "select repository, tag_name, author, prerelease, downloads, epoch(published_at) from raw.github_releases where id = 7"
        ).fetchone()
    assert row == ("a/one", "v7", "ann", False, 7, 1_700_000_420)
    # nothing new: GitHub says so for free
    api.requests.clear()
    assert loader.load("a/one", "a/two").releases == []
    assert api.requests == [("a/one?1", 304), ("a/two?1", 304)]
    # a new one: one page is enough
    api.releases["a/one"].append(251)
    api.requests.clear()
    assert [one["id"] for one in loader.load("a/one", "a/two").releases] == [251]
    assert api.requests == [("a/one?1", 200), ("a/two?1", 304)]
    assert loader.ids() == [*range(1, 252), 1000]


def test_a_token_is_used(api, loader, tmp_path, monkeypatch):
    api.releases = {"a/one": [1]}
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("GITHUB_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("GITHUB_API", api.url)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    loader.github = GitHub.from_env(tmp_path)
    loader.load("a/one")
    assert api.tokens == ["Bearer secret"]


@pytest.mark.parametrize("status", [429, 403])
def test_waits_for_a_limit_that_ends_soon(api, loader, status):
    api.releases = {"a/one": [1]}
    api.trouble = [(status, {"retry-after": "1"})]
    assert loader.load("a/one").problems == []
    assert loader.ids() == [1]


def test_leaves_the_rest_when_the_limit_lasts(api, loader):
    api.releases = {"a/one": [1], "a/two": [2]}
    api.trouble = [(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3000)})]
    found = loader.load("a/one", "a/two")
    assert len(found.problems) == 1
    assert found.problems[0].startswith("GitHub answers no more before ")
    assert "a/one, a/two left for the next run. A token raises the limit" in found.problems[0]
    assert loader.load("a/one", "a/two").problems == []
    assert loader.ids() == [1, 2]


def test_a_server_that_fails_for_a_moment_is_asked_again(api, loader):
    api.releases = {"a/one": [1]}
    api.trouble = [(500, {}), (502, {})]
    assert loader.load("a/one").problems == []
    assert loader.ids() == [1]


def test_a_repository_that_fails_stops_no_other(api, loader):
    api.releases = {"a/one": [1]}
    assert loader.load("a/none", "a/one").problems == [
        "a/none: GitHub answered 404: there is no such repository, or the token may not see it"
    ]
    assert loader.ids() == [1]
    api.trouble = [(500, {})] * 5
    assert loader.load("a/none").problems == ["a/none: GitHub answered 500: something is wrong"]


def test_no_network_is_a_problem_and_no_failure(loader):
    loader.github = GitHub(f"http://127.0.0.1:{free_port()}", None, loader.github.etags)
    found = loader.load("a/one", "a/two")
    assert found.problems == [f"{loader.github.api} can't be reached (Connection refused): what was loaded before stays."]


@pytest.mark.parametrize(
    "content, message",
    [("repositories: [nonsense]", "'nonsense' is no repository"), ("repositories: [", "can't be read"), ("- a", "can't be read")],
)
def test_a_config_that_is_wrong_says_what(tmp_path, content, message):
    file = tmp_path / "github.yml"
    file.write_text(content)
    with pytest.raises(UserError, match=message):
        repositories(file)
