"""The door of the HTTP server: every request goes through here, and what is not opened is shut.

ASGI, outside FastAPI's routing: a route that is added later is guarded without a word of its own.
"""

from __future__ import annotations

import base64
import math
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from cloud.access import sessions
from cloud.access.access import Access, Refused
from cloud.access.scopes import READY, SAFE_METHODS, SESSION, Caller, required
from cloud.api import problems
from cloud.api.turns import Turns
from contract.catalogue.names import unfit

_AT_ONCE = 8  # threads that look for callers in the ledger, which may be slow
PAGE_HEADER = "x-headwater-page"


CHALLENGES = ("Bearer", 'Bearer, Basic realm="Headwater", charset="UTF-8"')


class Guard:
    """Puts the `Caller` at `request.state.caller`, or answers 401, 403, 429 or 503 itself."""

    def __init__(self, app: ASGIApp, access: Access, opened: frozenset[str] = frozenset()) -> None:
        """opened: routes that the configuration opens to all, for reading."""
        self._app, self._access, self._turns, self._opened = app, access, Turns(_AT_ONCE), opened

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there is no WebSocket route to guard
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            scope.setdefault("state", {})["caller"] = await self._admit(scope)
        except Refused as refused:
            await answer(refused, of_browser=_of_browser(Headers(scope=scope)))(scope, receive, send)
        except SQLAlchemyError:
            said = "the ledger does not answer, so nobody can be recognised: see the cloud's log"
            await problems.answer(503, "Ledger unavailable", said, {"Retry-After": "5"})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _admit(self, scope: AsgiScope) -> Caller:
        method, headers = scope["method"], Headers(scope=scope)
        client = scope.get("client")
        source = client[0] if client else "unknown"
        if unfit(scope["path"]) is not None:  # before anything else reads it: nobody means it, and logs would show it
            raise Refused(400, "The path cannot be read", "it holds control characters, which no path of ours has")
        route = taken(scope)
        needed = None if route in self._opened and method in SAFE_METHODS else required(method, route)
        if self._access.settings.mode == "open" and ("x-forwarded-for" in headers or "forwarded" in headers):
            said = "a proxy let this in, and access mode: open is for this machine alone: write mode: required"
            raise Refused(403, "Open to this machine only", said)
        key = key_of(headers)
        if method not in SAFE_METHODS and basic(headers):
            said = "as a password of HTTP Basic a key reads and changes nothing: send it as `Authorization: Bearer`"
            raise Refused(403, "This password only reads", said)
        if key is None and method not in SAFE_METHODS and not same_origin(headers, scope["scheme"]):
            raise Refused(
                403, "Cross-origin request refused", f"send a key, or the header {PAGE_HEADER}: 1 from our own origin"
            )
        if needed is None and route == READY:
            return await self._maybe(key, token_of(headers), source)
        if needed is None and method in SAFE_METHODS and route != SESSION:
            return Caller.nobody(source)  # health and static files must not wait for a database
        caller = await self._turns.run(self._access.caller, key, token_of(headers), source)
        self._access.check(caller, needed)
        return caller

    async def _maybe(self, key: str | None, token: str | None, source: str) -> Caller:
        """Nobody, where the others are refused: whether we are ready is for everybody, and why not for some."""
        if key is None and token is None and self._access.settings.mode != "open":
            return Caller.nobody(source)
        try:
            return await self._turns.run(self._access.caller, key, token, source)
        except (Refused, SQLAlchemyError):
            return Caller.nobody(source)


def taken(scope: AsgiScope) -> str | None:
    """The route that takes a request, as it was declared; None when none does. Asked of the routes themselves, so that
    what is guarded and what answers cannot differ.

    A path with a slash too many counts as the one without, which nothing answers either. An application without routes
    takes every path as it stands.
    """
    if "app" not in scope:
        return str(scope["path"])
    without = scope["path"].rstrip("/")
    for asked in (scope, {**scope, "path": without}) if without != scope["path"] and without else (scope,):
        other_method = None
        for route in scope["app"].routes:
            match, _ = route.matches(asked)
            if match is Match.FULL:
                return str(route.path)
            if match is Match.PARTIAL and other_method is None:
                other_method = str(route.path)
        if other_method is not None:
            return other_method
    return None


def key_of(headers: Headers) -> str | None:
    """The key that comes with a request: what stands behind `Bearer`, or the password of HTTP Basic (RFC 7617) with any
    user name, which is all that spreadsheets and map programs know. None: there is none."""
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if not basic(headers):
        return None
    try:
        _, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # and its kinds: no base64, no UTF-8
        return ""
    return password


def basic(headers: Headers) -> bool:
    """Browsers keep such a password and send it along with requests that other sites' pages make them send: so it may
    read, and no more."""
    return headers.get("authorization", "").partition(" ")[0].lower() == "basic"


def _of_browser(headers: Headers) -> bool:
    """It would ask its user for a password in a window of its own, over our page that asks already."""
    return any(name in headers for name in ("sec-fetch-mode", PAGE_HEADER, "cookie"))


def token_of(headers: Headers) -> str | None:
    """The session's cookie, or None."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(sessions.COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def same_origin(headers: Headers, scheme: str) -> bool:
    """Whether a browser can have sent this only from our own page (OWASP: verifying origin, custom headers).

    scheme: of the request. A page without TLS is anybody's who sits on the line, so it may not speak to one with TLS;
    the reverse is a proxy that does not say where TLS ended.
    """
    origin = headers.get("origin")
    if origin is None:
        return PAGE_HEADER in headers
    try:
        asked_from = urlsplit(origin)
    except ValueError:  # "http://[": no browser sends it
        return False
    if scheme == "https" and asked_from.scheme != "https":
        return False
    return asked_from.netloc != "" and asked_from.netloc == headers.get("host")


def answer(refused: Refused, of_browser: bool = False) -> Response:
    """of_browser: it is not told of Basic, see `_of_browser`."""
    headers = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = CHALLENGES[0] if of_browser else CHALLENGES[1]
    if refused.retry_after_s:
        headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    return problems.answer(refused.status, refused.title, refused.detail, headers)


def caller_of(request: Request) -> Caller:
    """Who asks, in a route."""
    found: Caller = request.state.caller
    return found
