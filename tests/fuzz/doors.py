"""Who asks: the registry of identities, and the headers of a request."""

from __future__ import annotations

from starlette.datastructures import Headers

from cloud.api import guard
from cloud.identity import store
from tests.fuzz import shells


def registry(data: bytes) -> object:
    """What was taken, the receiver and the broker can ask."""
    folder = shells.scratch() / "identity"
    folder.mkdir(exist_ok=True)
    (folder / store.FILE).write_bytes(data)
    found = store.read(folder)
    return found.allowed(shells.NOW_MS), found.ends_ms(), found.revoked()


def door(data: bytes) -> object:
    """The headers by which a caller is known: Authorization on the first line, Cookie on the next, then Origin."""
    words = [*data.split(b"\n", 2), b"", b""][:3]
    headers = Headers(raw=list(zip((b"authorization", b"cookie", b"origin"), words, strict=True)))
    return guard.key_of(headers), guard.token_of(headers), guard.same_origin(headers, "https")
