"""HEAD, ETag and 304 for every operation that answers GET (RFC 9110, 9.3.2, 8.8.3 and 13): one ASGI layer around all.

An answer that is whole has an ETag made of its bytes, so that who asks again and again is sent what changed and no
more. Answers that go out as they are made have one only where their operation knows what they depend on. Nothing is
said here of caches: what is asked for with a key stays `no-store`, and programs keep the ETag beside what they made
of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_BYTES = 1 << 20  # of an answer that gets an ETag here; of a larger one the sum would cost more than is spared
_IN_A_THREAD = 1 << 16
_OF_304 = ("cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary")
_OURS = ("/v1/", "/sensorthings/")


class Conditional:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            await self._app({**scope, "method": "GET"}, receive, answer)
        except Exception:
            if not answer.enough:
                raise


class _Enough(OSError):
    """The rest is not wanted: as if the peer had gone, which ends an answer that goes out as it is made."""


class _Answer:
    """`send` of one request. enough: all that is wanted has gone out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send, self._head = send, scope["method"] == "HEAD"
        self._asked = Headers(scope=scope).get("if-none-match", "")
        self._ours = scope["path"].startswith(_OURS)
        self._start: Message | None = None
        self.enough = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            start = await self._tagged(start, body, more)
            await self._send(start)
            if self._head or start["status"] == 304:
                await self._send({"type": "http.response.body", "body": b""})
                self.enough = True
        if not self.enough:
            await self._send(message)
        elif more:
            raise _Enough

    async def _tagged(self, start: Message, body: Any, more: bool) -> Message:
        """With an ETag where there can be one; of status 304 where the caller has just that."""
        raw: MutableMapping[str, Any] = {**start, "headers": list(start.get("headers", ()))}
        headers = MutableHeaders(raw=raw["headers"])
        if start["status"] != 200:
            return start
        if self._ours and "etag" not in headers and not more and len(body) <= _MOST_BYTES:
            found = await asyncio.to_thread(_digest, body) if len(body) > _IN_A_THREAD else _digest(body)
            headers["ETag"] = f'W/"{found}"'
        if "etag" in headers and named(self._asked, headers["etag"]):
            kept = [(name, value) for name, value in headers.raw if name.decode("latin-1") in _OF_304]
            return {**raw, "status": 304, "headers": kept}
        return {**raw, "headers": headers.raw}


def named(if_none_match: str, etag: str) -> bool:
    """Whether the header names that ETag, weakly compared (RFC 9110, 13.1.2). Ours hold no comma."""
    opaque = etag.removeprefix("W/")
    tags = [tag.strip() for tag in if_none_match.split(",")]
    return tags == ["*"] or opaque in (tag.removeprefix("W/") for tag in tags)


def _digest(body: Any) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
