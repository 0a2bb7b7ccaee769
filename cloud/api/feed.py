"""The Atom feed of CAP messages, its index, and the messages that it links: `/v1/feed`.

Made once for all who ask while nothing changes; whoever asks again is told so (RFC 9110, 13: ETag, Last-Modified). The
ETag is weak: the heartbeat in the document goes on, and stands in a header of every answer, too.

It may be open to all, and whoever asks chooses its length and, without `feed.url`, its addresses. So each message is
made into an entry once, whatever forms of the feed are asked for, and few wait for a form that is not there.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.answering import RETRY_AFTER_S
from cloud.api.conditional import named
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.turns import Turns
from cloud.delivery.feed import Entry, render, shown
from cloud.delivery.heartbeat import heartbeat
from cloud.delivery.readable import in_languages
from cloud.warnings.model import Message
from contract.clock import from_ms, iso

ROUTES = ("/v1/feed", "/v1/feed/index", "/v1/feed/alerts/{name}")
_READ = 500  # messages that are looked at
_LIMIT = 100  # messages, of who names no number: the form that most ask for, and the only one that is kept
_KEPT = 8  # forms of the feed
_MOST_WAITING = 8  # for a form that is not there; the others keep their places among all who ask for anything
_ATOM, _CAP = "application/atom+xml", "application/cap+xml"


@dataclass(frozen=True, slots=True)
class Made:
    """A form of the feed as it was made: for which moment of the warnings, and which minute."""

    version: int
    number: int
    etag: str
    changed_ms: int
    plain: bytes
    packed: bytes | None  # None: of a form that is not kept


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the feed: for which moment of the warnings, and which minute."""

    version: int
    number: int
    messages: Sequence[Message]


class Feed:
    """base_url: as the caller wrote it, unless the settings say which. One thread at a time makes what is not there;
    `held` may be asked beside it."""

    def __init__(self, services: Services) -> None:
        self._services, self._settings = services, services.feed
        self._made: dict[tuple[str, bool], Made] = {}
        self._standing: Standing | None = None
        self._entries: dict[tuple[str, bool], Entry] = {}
        self._changed: dict[int, tuple[tuple[str, ...], int]] = {}  # by limit: which messages, and since when

    def held(self, base_url: str, inside: bool, limit: int) -> Made | None:
        """The document now, if it is made already. Reads no ledger."""
        made = self._made.get((self._settings.url or base_url, inside)) if limit == _LIMIT else None
        return made if made is not None and (made.version, made.number) == self._moment() else None

    def of(self, base_url: str, inside: bool, limit: int) -> Made:
        """The document now."""
        held = self.held(base_url, inside, limit)
        if held is not None:
            return held
        services, base = self._services, self._settings.url or base_url
        now_ms = services.clock.now_ms()
        beat = heartbeat(now_ms, services.as_of())
        standing = self._stands()
        found = standing.messages[:limit]
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
            made=self._entries,
        )
        ids = "\n".join((base, str(inside), *(m.id for m in found)))
        etag = f'W/"{hashlib.sha256(ids.encode()).hexdigest()[:32]}"'
        packed = gzip.compress(plain, 6, mtime=0) if limit == _LIMIT else None
        changed_ms = self._since(limit, found, now_ms)
        made = Made(standing.version, standing.number, etag, changed_ms, plain, packed)
        if limit == _LIMIT:
            self._made.pop((base, inside), None)
            if len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]  # the one that was made first
            self._made[base, inside] = made
        return made

    def alert(self, name: str) -> bytes | None:
        """A message that stands in the feed; None when none of that id does."""
        found = next((m for m in self._stands().messages if m.id == name), None)
        return None if found is None else in_languages(found.cap_xml, self._settings.languages)

    def _moment(self) -> tuple[int, int]:
        return self._services.warnings.version(), heartbeat(self._services.clock.now_ms(), None).number

    def _stands(self) -> Standing:
        """Newest first; read once for each moment of the warnings, and each minute."""
        moment = self._moment()  # before the look
        if self._standing is None or (self._standing.version, self._standing.number) != moment:
            s, now_ms = self._settings, self._services.clock.now_ms()
            read = self._services.warnings.messages(limit=_READ)
            found = shown(read, now_ms, round(s.keep_h * 3_600_000), s.wanted_statuses(), s.public)
            self._standing = Standing(*moment, found)
            stay = {m.id for m in found}
            self._entries = {key: entry for key, entry in self._entries.items() if key[0] in stay}
        return self._standing

    def _since(self, limit: int, found: Sequence[Message], now_ms: int) -> int:
        """When the first so many messages became these."""
        ids = tuple(m.id for m in found)
        known = self._changed.get(limit)
        if known is None or known[0] != ids:
            newest_ms = max((m.sent_ms for m in found), default=now_ms)
            self._changed[limit] = known = ids, newest_ms if known is None else now_ms
        return known[1]


class Room:
    """For one event loop. most: so many wait at once. Raises Problem(503) for who comes when it is full."""

    def __init__(self, most: int) -> None:
        self._most, self._there = most, 0

    def __enter__(self) -> None:
        if self._there >= self._most:
            later = {"Retry-After": str(RETRY_AFTER_S)}
            raise Problem(
                503, "Too much at once", f"the feed is being made for others: come again in {RETRY_AFTER_S} s", later
            )
        self._there += 1

    def __exit__(self, *_: object) -> None:
        self._there -= 1


def mount(app: FastAPI, services: Services) -> None:
    """The three routes, each for HEAD, too."""
    found, turns, room = Feed(services), Turns(1), Room(_MOST_WAITING)

    async def made_now(base: str, inside: bool, limit: int) -> Made:
        held = found.held(base, inside, limit)
        if held is not None:
            return held
        with room:
            return await turns.run(found.of, base, inside, limit)

    async def answer(request: Request, inside: bool, limit: int) -> Response:
        base = str(request.base_url).rstrip("/")
        made = await made_now(base, inside, limit)
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
        if made.packed is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(made.packed, media_type=_ATOM, headers={**headers, "Content-Encoding": "gzip"})
        return Response(made.plain, media_type=_ATOM, headers=headers)

    @app.head("/v1/feed", include_in_schema=False)
    @app.get("/v1/feed")
    async def feed(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = _LIMIT) -> Response:
        """Atom, a CAP message in every entry: what is in force, and what was sent in the last `feed.keep_h` hours."""
        return await answer(request, True, limit)

    @app.head("/v1/feed/index", include_in_schema=False)
    @app.get("/v1/feed/index")
    async def index(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = _LIMIT) -> Response:
        """The same without the messages, a link to each: as aggregators of CAP read it."""
        return await answer(request, False, limit)

    @app.head("/v1/feed/alerts/{name}", include_in_schema=False)
    @app.get("/v1/feed/alerts/{name}")
    async def alert(name: str) -> Response:
        """A CAP message that stands in the feed."""
        with room:
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
