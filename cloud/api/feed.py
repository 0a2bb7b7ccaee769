"""The Atom feed of CAP messages, its index, and the messages that it links: `/v1/feed`.

Made once for all who ask while nothing changes; whoever asks again is told so (RFC 9110, 13: ETag, Last-Modified). The
ETag is weak: the heartbeat in the document goes on, and stands in a header of every answer, too.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.conditional import named
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.turns import Turns
from cloud.delivery.feed import render, shown
from cloud.delivery.heartbeat import heartbeat
from cloud.delivery.readable import in_languages
from cloud.warnings.model import Message
from contract.clock import from_ms, iso

ROUTES = ("/v1/feed", "/v1/feed/index", "/v1/feed/alerts/{name}")
_READ = 500  # messages that are looked at
_KEPT = 8  # forms of the feed
_ATOM, _CAP = "application/atom+xml", "application/cap+xml"


@dataclass(frozen=True, slots=True)
class Made:
    """A form of the feed as it was made: for which moment of the warnings, and which minute."""

    version: int
    number: int
    etag: str
    changed_ms: int
    plain: bytes
    packed: bytes


class Feed:
    """base_url: as the caller wrote it, unless the settings say which."""

    def __init__(self, services: Services) -> None:
        self._services, self._settings = services, services.feed
        self._made: dict[tuple[str, bool, int], Made] = {}

    def of(self, base_url: str, inside: bool, limit: int) -> Made:
        """The document now."""
        services, base = self._services, self._settings.url or base_url
        now_ms = services.clock.now_ms()
        beat = heartbeat(now_ms, services.as_of())
        version = services.warnings.version()  # before the look
        key = (base, inside, limit)
        made = self._made.get(key)
        if made is not None and (made.version, made.number) == (version, beat.number):
            return made
        found = self.shown(now_ms)[:limit]
        district = services.catalogue.district
        plain = render(
            found,
            title=f"{district.name}: waterlogging warnings",
            feed_id=f"urn:headwater:{district.id}:warnings",
            base_url=base,
            now_ms=now_ms,
            alert_url=lambda name: f"{base}/v1/feed/alerts/{name}",
            self_url=f"{base}/v1/feed" if inside else f"{base}/v1/feed/index",
            inside=inside,
            languages=self._settings.languages,
            beat=beat,
        )
        ids = "\n".join((base, str(inside), *(m.id for m in found)))
        etag = f'W/"{hashlib.sha256(ids.encode()).hexdigest()[:32]}"'
        changed_ms = made.changed_ms if made is not None and made.etag == etag else now_ms
        if found and made is None:
            changed_ms = max(m.sent_ms for m in found)
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made[key] = made = Made(version, beat.number, etag, changed_ms, plain, gzip.compress(plain, 6, mtime=0))
        return made

    def shown(self, now_ms: int) -> list[Message]:
        """Newest first, each in the languages of the settings."""
        s = self._settings
        messages = self._services.warnings.messages(limit=_READ)
        return shown(messages, now_ms, round(s.keep_h * 3_600_000), s.wanted_statuses(), s.public)

    def alert(self, name: str) -> bytes | None:
        """A message that stands in the feed; None when none of that id does."""
        found = next((m for m in self.shown(self._services.clock.now_ms()) if m.id == name), None)
        return None if found is None else in_languages(found.cap_xml, self._settings.languages)


def mount(app: FastAPI, services: Services) -> None:
    """The three routes, each for HEAD, too."""
    found, turns = Feed(services), Turns(1)

    async def answer(request: Request, inside: bool, limit: int) -> Response:
        base = str(request.base_url).rstrip("/")
        made = await turns.run(found.of, base, inside, limit)
        as_of = services.as_of()
        headers = {
            "ETag": made.etag,
            "Last-Modified": format_datetime(from_ms(made.changed_ms), usegmt=True),
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            "Headwater-Heartbeat": str(heartbeat(services.clock.now_ms(), None).number),
        }
        if as_of is not None:
            headers["Headwater-Warnings-As-Of"] = iso(as_of)
        if _has(request, made):
            return Response(status_code=304, headers=headers)
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(made.packed, media_type=_ATOM, headers={**headers, "Content-Encoding": "gzip"})
        return Response(made.plain, media_type=_ATOM, headers=headers)

    @app.head("/v1/feed", include_in_schema=False)
    @app.get("/v1/feed")
    async def feed(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Response:
        """Atom, a CAP message in every entry: what is in force, and what was sent in the last `feed.keep_h` hours."""
        return await answer(request, True, limit)

    @app.head("/v1/feed/index", include_in_schema=False)
    @app.get("/v1/feed/index")
    async def index(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Response:
        """The same without the messages, a link to each: as aggregators of CAP read it."""
        return await answer(request, False, limit)

    @app.head("/v1/feed/alerts/{name}", include_in_schema=False)
    @app.get("/v1/feed/alerts/{name}")
    async def alert(name: str) -> Response:
        """A CAP message that stands in the feed."""
        text = await turns.run(found.alert, name)
        if text is None:
            raise Problem(404, "No such alert", f"no message {name!r} stands in the feed: see /v1/feed/index")
        return Response(text, media_type=_CAP)


def _has(request: Request, made: Made) -> bool:
    """RFC 9110, 13.2.2: If-None-Match decides where there is one, else If-Modified-Since."""
    asked = request.headers.get("if-none-match")
    if asked is not None:
        return named(asked, made.etag)
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
        return since.timestamp() >= made.changed_ms // 1000
    except (ValueError, TypeError, OverflowError):
        return False


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110, 12.5.3."""
    for entry in accepted.lower().split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
