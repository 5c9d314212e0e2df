"""Who has the token comes in; to everybody else nothing of Streamlit's is served: no page, file, download or socket."""

from __future__ import annotations

import hashlib
import hmac
from html import escape
from urllib.parse import parse_qsl, quote, urlencode

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

# Tells nothing but that it is up: a load balancer has no token.
HEALTH = "/_stcore/health"
# Seconds that a browser is known.
KNOWN_FOR = 30 * 24 * 3600

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}


class Gate:
    """ASGI middleware. A browser shows the token once, as `?token=` or in the form of the page that it gets instead, and has a
    signed cookie from then on. That is this host's: a page of another name that leads here (DNS rebinding) has none.

    :param token: the secret
    :param command: what prints it, for the page that asks for it
    """

    def __init__(self, app: ASGIApp, token: str, command: str) -> None:
        self._app = app
        self._token = token
        self._command = command
        self._signer = URLSafeTimedSerializer(token, salt="explorer")
        # Cookies know no ports: each stack on this machine has one of its own.
        self._cookie = f"explorer-{hashlib.sha256(token.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        if self._is_known(asked.cookies.get(self._cookie, "")) and _is_own(asked):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Before it is accepted: the answer is 403.
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(asked, str(scope["method"]))(scope, receive, send)

    def _is_known(self, cookie: str) -> bool:
        try:
            self._signer.loads(cookie, max_age=KNOWN_FOR)
        except BadData:
            return False
        return True

    def _answer(self, asked: HTTPConnection, method: str) -> Response:
        shown = asked.query_params.get("token")
        if method != "GET" or shown is None or not hmac.compare_digest(shown.encode(), self._token.encode()):
            return HTMLResponse(self._page(wrong=shown is not None), 401, HEADERS)
        # The address without the token, on this host whatever the path.
        rest = urlencode([(key, value) for key, value in parse_qsl(asked.url.query) if key != "token"])
        answer = RedirectResponse("/" + quote(asked.url.path.lstrip("/")) + (f"?{rest}" if rest else ""), 303, HEADERS)
        answer.set_cookie(
            self._cookie,
            self._signer.dumps("known"),
            max_age=KNOWN_FOR,
            httponly=True,
            samesite="lax",
            secure=asked.url.scheme == "https",
        )
        return answer

    def _page(self, wrong: bool) -> str:
        return PAGE.format(problem="<p><strong>That isn't the token.</strong></p>" if wrong else "", command=escape(self._command))


def _is_own(asked: HTTPConnection) -> bool:
    """Whether a page of this server asks, if a page does. (Streamlit takes one of any port of this machine for its own.)"""
    origin = asked.headers.get("origin")
    return origin is None or origin.partition("://")[2] == asked.headers.get("host")


PAGE = """<!doctype html>
<html lang="en">
<title>Explorer</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36em; margin: 15vh auto 0; padding: 0 1em }}
input, button {{ font: inherit; padding: .3em .6em }} pre {{ background: #f2f2f2; padding: .6em; overflow: auto }}</style>
<h1>Explorer</h1>
{problem}
<form><label>Token <input name="token" type="password" autocomplete="off" required autofocus></label> <button>Open</button></form>
<p>For a stack on your own machine, this prints it:</p>
<pre>{command}</pre>
</html>
"""
