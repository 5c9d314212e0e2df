"""Great Expectations' data docs: made readable without the internet, and put into the lake for Evidence to serve."""

import mimetypes
import re
from pathlib import Path

from stack_pipeline.resources.lake import Lake

PREFIX = "data-docs/"

LIBRARIES = "/data-docs-libraries"
"""Where Evidence serves the pages' style sheets and scripts, in `css/` and `js/`."""

SERVED = {
    "css": {"all.min.css", "bootstrap-datepicker.min.css", "bootstrap-table.min.css", "bootstrap.min.css"},
    "js": {"bootstrap-datepicker.min.js", "bootstrap-table.min.js", "bootstrap.min.js", "jquery-3.7.1.min.js", "popper.min.js"},
}
"""The files that there are: apps/evidence/src/data-docs.ts has the same. What else the pages ask for is left out."""

_LIBRARY = re.compile(
    r"""<(?P<tag>link|script)\b[^>]*?(?:src|href)=["']https://[^"']+/(?P<name>[^"'/]+)["'][^>]*>(?:\s*</script>)?"""
)
_LOGO = re.compile(r"https://great-expectations-web-assets\.s3[\w.-]*\.amazonaws\.com/[\w.-]+\.png(\?[^\"')]*)?")


def publish_docs(folder: Path, lake: Lake) -> int:
    """Replaces the docs in the lake by those of the folder. Returns the number of files; the old ones go last."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    before = set(lake.keys(PREFIX))
    keys = set()
    for path in files:
        key = f"{PREFIX}{path.relative_to(folder).as_posix()}"
        if key in before and key.startswith(f"{PREFIX}static/"):  # fonts and pictures: always the same
            keys.add(key)
            continue
        content = path.read_bytes()
        if path.suffix == ".html":
            content = offline(content.decode()).encode()
        lake.write(key, content, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        keys.add(key)
    lake.delete(sorted(before - keys))
    return len(files)


def offline(page: str) -> str:
    """The page with its libraries and logo from our own server; it asks nobody else for anything."""
    page = _LIBRARY.sub(_library, page)
    return _LOGO.sub("/data-docs/static/images/logo-long.png", page)


def _library(match: re.Match[str]) -> str:
    kind = "css" if match["tag"] == "link" else "js"
    if match["name"] not in SERVED[kind]:
        return ""
    address = f"{LIBRARIES}/{kind}/{match['name']}"
    return f'<link rel="stylesheet" href="{address}">' if kind == "css" else f'<script src="{address}"></script>'
