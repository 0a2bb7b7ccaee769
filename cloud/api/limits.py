"""What a caller may ask of the API and the page, and the headers on every answer: one ASGI layer around both.

Every refusal is a problem document (RFC 9457). It stands outside the application, so that it costs little to refuse and
that the application's own errors carry the headers, too. What comes before a request
is whole: `cloud.api.http_protocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import MutableMapping
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.answering import RETRY_AFTER_S, Answer, Streams
from cloud.api.conditional import Conditional
from cloud.api.packing import Packing
from cloud.api.ports import TurnedAway
from cloud.api.problems import answer
from cloud.api.settings import HttpSettings
from cloud.api.under_way import UnderWay

log = logging.getLogger(__name__)

_DISCARD, _DISCARD_S = 8, 2.0  # how much of a body that is too large is read, and for how long
_CSP = "; ".join(
    (
        "default-src 'none'",
        *(
            f"{what} 'self'"
            for what in ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action")
        ),
        *(f"{what} 'none'" for what in ("base-uri", "frame-ancestors")),
    )
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _CSP,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BY_ACCESS = (401, 403, 429)  # nothing else inside answers with these
_HSTS = "max-age=31536000"  # RFC 6797; only over TLS, where alone it is heard


class _Refused(Exception):
    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


def wrap(
    app: ASGIApp, settings: HttpSettings, turned_away: TurnedAway | None = None, open_to_all: bool = False
) -> ASGIApp:
    """`app` with limits and headers, HEAD and ETags, packed for who takes that; with CORS for the origins that are
    configured, for reading alone. open_to_all: `access.mode: open`, which needs no key."""
    app = Conditional(app)
    if settings.cors_origins:
        origins = list(settings.cors_origins)
        app = CORSMiddleware(app, allow_origins=origins, allow_methods=["GET"], allow_headers=["Authorization"])
    return Packing(Limits(app, settings, turned_away or TurnedAway(), open_to_all))


class Limits:
    """Counts what is turned away, here and by the access layer inside."""

    def __init__(
        self, app: ASGIApp, settings: HttpSettings, turned_away: TurnedAway, open_to_all: bool = False
    ) -> None:
        self._app, self._settings = app, settings
        self._hosts, self._open_to_all = frozenset(name.lower() for name in settings.hosts), open_to_all
        self._slots = asyncio.Semaphore(settings.max_requests)
        self._waiting = 0
        self._turned_away = turned_away
        self._streams = Streams(max(settings.max_connections * 7 // 10, 1))  # less than those kept for a proxy leave
        self._under_way = UnderWay(settings.max_answers_mb << 20, settings.max_answers_mb_each << 20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = Answer(scope, send, self._under_way, self._dress, self._streams)
        scope.setdefault("state", {})["under_way"] = self._under_way
        try:
            self._look_at(scope)
            body = await self._body(scope, receive)
            try:
                await self._work(scope, _given(body, receive), answered)
            except Exception:
                if not answered.turned_away:
                    raise
            if answered.turned_away:
                self._turned_away.add("limits", answered.status)
            elif answered.status in _BY_ACCESS:
                self._turned_away.add("access", answered.status)
        except _Refused as refused:
            self._turned_away.add("limits", refused.status)
            if not answered.status:
                problem = answer(refused.status, refused.title, refused.detail)
                if refused.status == 503:
                    problem.headers["Retry-After"] = str(RETRY_AFTER_S)
                if refused.status in (408, 413):  # what is left of the request is not read
                    problem.headers["Connection"] = "close"
                await problem(scope, receive, answered)
        finally:
            answered.ended()

    def _look_at(self, scope: Scope) -> None:
        s = self._settings
        length = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if length > s.max_url_bytes:
            raise _Refused(
                414, "The URL is too long", f"{length} bytes, at most {s.max_url_bytes}: ask for less at once"
            )
        host = Headers(scope=scope).get("host", "").lower()
        if self._hosts and host not in self._hosts and _without_port(host) not in self._hosts:
            raise _Refused(421, "Not the host that was asked for", "call the server by a name that http.hosts lists")
        if self._open_to_all and not self._hosts and not _of_this_machine(_without_port(host)):
            said = "access mode: open answers to localhost and to addresses: list other names in http.hosts"
            raise _Refused(421, "Not the host that was asked for", said)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """All of it, before any work is begun: a body that drips holds no thread and no slot."""
        limit = self._settings.max_body_bytes
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return b""
        too_large = _Refused(413, "The body is too large", f"at most {limit} bytes: send less at once")
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > 15 or int(declared) > limit:
            if "expect" not in headers:
                await _discard(receive, limit * _DISCARD)
            raise too_large
        found = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Refused(400, "The body broke off", "the connection was closed; send it again")
                    found += message.get("body", b"")
                    if len(found) > limit:
                        await _discard(receive, limit * _DISCARD)
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(found)
        except TimeoutError as error:
            what = f"not whole after {self._settings.body_timeout_s:g} s: send it again"
            raise _Refused(408, "The body took too long", what) from error

    async def _work(self, scope: Scope, receive: Receive, send: Answer) -> None:
        s = self._settings
        if scope["path"] == "/healthz":  # a watchdog must not take a busy server for a dead one
            await self._app(scope, receive, send)
            return
        busy = _Refused(503, "Too much at once", f"the server is busy; come again in {RETRY_AFTER_S} s")
        if self._slots.locked() and self._waiting >= s.max_waiting:
            raise busy
        self._waiting += 1
        try:
            async with asyncio.timeout(s.wait_s):  # not wait_for: in Python 3.11 it can swallow a cancellation
                await self._slots.acquire()
        except TimeoutError as error:
            raise busy from error
        finally:
            self._waiting -= 1
        try:
            async with contextlib.AsyncExitStack() as slot:
                slot.callback(self._slots.release)
                async with asyncio.timeout(s.answer_timeout_s) as timer:

                    async def begins() -> None:
                        """However slowly it is read, it keeps nobody else from being answered."""
                        timer.reschedule(None)
                        await slot.aclose()

                    send.when_it_begins(begins)
                    try:
                        await self._app(scope, receive, send)
                    finally:
                        send.when_it_begins(None)
        except TimeoutError as error:
            log.warning("no whole answer to %s within %g s", scope["path"], s.answer_timeout_s)
            raise _Refused(503, "No answer in time", "ask for less, or come again when the server is calm") from error

    def _dress(self, scope: Scope, message: MutableMapping[str, object]) -> None:
        message.setdefault("headers", [])
        headers, path = MutableHeaders(raw=list(message["headers"])), str(scope["path"])  # type: ignore[call-overload]
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if self._settings.cors_origins and "access-control-allow-origin" in headers:
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        ours = path == "/" or path.startswith("/static/")
        headers.setdefault("Cache-Control", "no-cache" if ours else "no-store")
        if scope.get("scheme") == "https":
            headers.setdefault("Strict-Transport-Security", _HSTS)
        message["headers"] = headers.raw


def _without_port(host: str) -> str:
    """Of a Host header (RFC 9110, 7.2) the name; the whole of it where what follows is no port, for the feed writes it
    into addresses."""
    name, _, port = host.rpartition(":")
    return name if port.isascii() and port.isdigit() and len(port) <= 5 else host


def _of_this_machine(name: str) -> bool:
    """A page elsewhere can make its own name lead to this machine (DNS rebinding), and its scripts would then pass for
    ours. It cannot do so with these."""
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return name == "localhost"
    return True


async def _discard(receive: Receive, at_most_bytes: int) -> None:
    """Some of what is left: a connection closed on unread bytes is reset, and takes the answer with it."""
    left = at_most_bytes
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def _given(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands over the body that is already there, and then what comes after."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again
