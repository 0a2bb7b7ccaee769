"""Answers packed with zstd or gzip for whoever takes that (RFC 9110, 8.4 and 12.5.3), piece by piece as they go out.

It stands outside the limits: what waits to be read is counted there as it was made, and a peer that reads slowly holds
up the packing, too.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyarrow as pa
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.drained import Drained

_LEAST_BYTES = 1024  # a smaller answer is one packet either way
_IN_A_THREAD = 1 << 13
_KINDS = (
    "text/",
    "application/json",
    "application/x-ndjson",
    "application/geo+json",
    "application/xml",
    "application/atom+xml",
    "application/cap+xml",
    "application/vnd.apache.arrow",
)
_NEVER = "text/event-stream"  # each event is to go out at once


class Packer(Protocol):
    """Of one answer."""

    def pack(self, piece: Any, last: bool) -> bytes:
        """What may go out by now."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._made = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)

    def pack(self, piece: Any, last: bool) -> bytes:
        return self._made.compress(piece) + (self._made.flush() if last else b"")


class _Zstd:
    """Arrow's, at its level 1: a window below the 8 MB that RFC 9659 allows."""

    def __init__(self) -> None:
        self._out = Drained()
        self._made = pa.CompressedOutputStream(pa.PythonFile(self._out, "w"), "zstd")

    def pack(self, piece: Any, last: bool) -> bytes:
        self._made.write(piece)
        if last:
            self._made.close()
        return self._out.taken()


# The better one first: it is taken where both are as welcome.
CODINGS: Mapping[str, Callable[[], Packer]] = {"zstd": _Zstd, "gzip": _Gzip}


class Packing:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(coding(Headers(scope=scope).get("accept-encoding", "")), send))


class _Answer:
    """`send` of one request."""

    def __init__(self, coding: str | None, send: Send) -> None:
        self._coding, self._send = coding, send
        self._packer: Packer | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._begun(message)
        elif self._packer is not None:
            piece, last = message.get("body", b""), not message.get("more_body", False)
            if len(piece) > _IN_A_THREAD:
                packed = await asyncio.to_thread(self._packer.pack, piece, last)
            else:
                packed = self._packer.pack(piece, last)
            if not packed and not last:
                return
            message = {**message, "body": packed}
        await self._send(message)

    def _begun(self, start: Message) -> Message:
        headers = MutableHeaders(raw=list(start.get("headers", ())))
        kind = headers.get("content-type", "").partition(";")[0]
        large = int(headers.get("content-length", _LEAST_BYTES)) >= _LEAST_BYTES
        if not kind.startswith(_KINDS) or kind == _NEVER or "content-encoding" in headers:
            return start
        headers.add_vary_header("Accept-Encoding")
        if self._coding is not None and large and start["status"] == 200:
            self._packer = CODINGS[self._coding]()
            headers["Content-Encoding"] = self._coding
            del headers["Content-Length"]
            if "etag" in headers and not headers["etag"].startswith("W/"):
                headers["ETag"] = f"W/{headers['etag']}"  # the bytes are others now
        return {**start, "headers": headers.raw}


def coding(accepted: str) -> str | None:
    """The one of ours that is most welcome by an Accept-Encoding; None: as it is."""
    weights: dict[str, float] = {}
    for entry in accepted.lower().split(","):
        name, _, rest = entry.partition(";")
        weights[name.strip()] = _weight(rest)
    every = weights.get("*", 0.0)
    found = max(CODINGS, key=lambda name: weights.get(name, every))
    return found if weights.get(found, every) > 0 else None


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
