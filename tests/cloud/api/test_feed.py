"""The feed as aggregators ask for it: again and again, packed, by its index, and in public."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import feedparser
import pytest
from lxml import etree

from cloud.access.access import Access
from cloud.access.settings import AccessSettings
from cloud.api.app import create_app
from cloud.api.feed import Room, _takes_gzip
from cloud.api.problems import Problem
from cloud.app.cloud import Cloud
from cloud.delivery import feed as delivered
from cloud.delivery.feed import OURS, shown
from cloud.delivery.settings import FeedSettings
from cloud.warnings.model import Message, MsgType
from contract.catalogue.rules import Level
from tests.cloud.api.asking import Http
from tests.cloud.delivery.played import PlayedClock
from tests.fuzz.api import settled

HOUR_MS = 3_600_000
NOW_MS = 1_626_768_600_000


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    found = settled(tmp_path)
    yield found
    found.ledger.dispose()
    found.log.close()


def http(cloud: Cloud, feed: FeedSettings | None = None, mode: str | None = None) -> Http:
    services = replace(
        cloud.services, feed=feed or cloud.services.feed, as_of=lambda: 1_626_768_000_000, clock=PlayedClock(NOW_MS)
    )
    settings = cloud.config.file.access if mode is None else AccessSettings.model_validate({"mode": mode})
    return Http(create_app(services, Access(cloud.ledger, settings)))


def test_titles_are_read_by_people_and_links_lead_to_the_messages(cloud: Cloud) -> None:
    asked = http(cloud, FeedSettings(keep_h=720, languages=("en",)))
    index = asked.get("/v1/feed/index")
    found = feedparser.parse(index.content)
    assert not found.bozo, found.get("bozo_exception")
    assert len(found.entries) == len(cloud.services.warnings.messages()) > 0
    for entry in found.entries:
        assert "waterlogging" in entry.title
        assert "content" not in entry
        [link] = [a for a in entry.links if a.rel == "alternate"]
        text = asked.get(link.href.removeprefix("http://test"))
        assert text.headers["content-type"] == "application/cap+xml"
        assert f"urn:cap:{etree.fromstring(text.content).findtext('{*}identifier')}" == entry.id
    whole = feedparser.parse(asked.get("/v1/feed").content)
    assert [e.id for e in whole.entries] == [e.id for e in found.entries]
    assert asked.get("/v1/feed/alerts/nothing").status_code == 404


def test_who_asks_again_is_told_that_nothing_is_new(cloud: Cloud) -> None:
    asked = http(cloud)
    first = asked.get("/v1/feed")
    assert first.headers["etag"].startswith('W/"')
    for headers in (
        {"if-none-match": first.headers["etag"]},
        {"if-none-match": f'"other", {first.headers["etag"]}'},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = asked.get("/v1/feed", headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert again.headers["headwater-warnings-as-of"] == "2021-07-20T08:00:00Z"
    for headers in ({"if-none-match": '"other"'}, {"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
        assert asked.get("/v1/feed", headers=headers).status_code == 200
    assert asked.get("/v1/feed/index").headers["etag"] != first.headers["etag"]


def test_however_many_forms_are_asked_for_each_message_is_made_once(cloud: Cloud, monkeypatch) -> None:
    """Whoever may ask, and in public that is anybody, chooses a number and a host: 240 ms of the processor for each
    pair, with 500 messages."""
    made, read = [], []
    monkeypatch.setattr(delivered, "_entry", lambda m, *a, make=delivered._entry: made.append(m.id) or make(m, *a))
    reader = cloud.services.warnings
    messages = reader.messages
    monkeypatch.setattr(reader, "messages", lambda **named: read.append(1) or messages(**named))
    asked = http(cloud, FeedSettings(keep_h=720))
    count = len(messages())
    for n in range(1, 30):
        for path in ("/v1/feed", "/v1/feed/index"):
            answer = asked.get(path, params={"limit": n}, headers={"host": f"h-{n}&amp;"})
            found = feedparser.parse(answer.content)
            assert not found.bozo
            assert len(found.entries) == min(n, count)
            assert {link.href.partition("/v1/")[0] for e in found.entries for link in e.links} == {f"http://h-{n}&amp;"}
        asked.get("/v1/feed/alerts/none")
    assert (sorted(made), len(read)) == (sorted(2 * [m.id for m in messages()]), 1)


def test_forms_are_bounded_and_keep_their_etag(cloud: Cloud) -> None:
    asked = http(cloud)
    etag, changed = (asked.get("/v1/feed?limit=7").headers[name] for name in ("etag", "last-modified"))
    for n in range(30):
        asked.get("/v1/feed", headers={"host": f"h{n}"})
    again = asked.get("/v1/feed?limit=7", headers={"if-none-match": etag})
    assert (again.status_code, again.headers["last-modified"]) == (304, changed)


async def test_few_wait_for_a_form_that_is_not_there() -> None:
    room = Room(2)
    with room, room:
        with pytest.raises(Problem) as caught, room:
            pass
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})
    with room:
        pass


def test_the_heartbeat_stands_in_it(cloud: Cloud) -> None:
    beat = etree.fromstring(http(cloud).get("/v1/feed/index").content).find(f"{{{OURS}}}heartbeat")
    assert beat.get("warnings_as_of") == "2021-07-20T08:00:00Z"
    assert int(beat.get("number")) == NOW_MS // 60_000


def test_head_and_gzip(cloud: Cloud) -> None:
    asked = http(cloud)
    head = asked.request("HEAD", "/v1/feed")
    assert (head.status_code, head.headers["etag"]) == (200, asked.get("/v1/feed").headers["etag"])
    plain = asked.get("/v1/feed", headers={"accept-encoding": "identity"})
    packed = asked.get("/v1/feed", headers={"accept-encoding": "gzip"})
    assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    body = packed.content if packed.content.startswith(b"<?xml") else gzip.decompress(packed.content)
    assert body == plain.content


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("*", True), ("br", False), ("", False)],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert _takes_gzip(accepted) is takes


def test_in_public_it_is_open_and_nothing_else_is(cloud: Cloud) -> None:
    public = http(cloud, FeedSettings(public=True, url="https://warn.example", keep_h=720), "required")
    for path in ("/v1/feed", "/v1/feed/index"):
        answer = public.get(path)
        assert answer.status_code == 200
        assert b"http://test" not in answer.content
        assert b"https://warn.example/v1/feed" in answer.content
    assert public.get("/v1/feed/alerts/nothing").status_code == 404
    for path in ("/v1/warnings", "/v1/stream", "/v1/stations", "/metrics"):
        assert public.get(path).status_code == 401
    assert http(cloud, mode="required").get("/v1/feed").status_code == 401


def message(number: int, incident: str, hours: float, kind: str = "Alert", **more) -> Message:
    level = more.pop("level", Level.RED)
    sent_ms = round(hours * HOUR_MS)
    expires_ms = sent_ms + HOUR_MS
    return Message(f"m{number}", incident, sent_ms, MsgType(kind), level, (), b"<a/>", expires_ms=expires_ms, **more)


def test_what_is_neither_in_force_nor_new_leaves_it() -> None:
    now_ms = 100 * HOUR_MS
    newest_first = [
        message(9, "d", 99.9, level=None),
        message(8, "c", 99.9, status="Exercise"),
        message(7, "b", 99.5, "Update"),
        message(6, "b", 98.0),  # not in force any more, and new
        message(5, "a", 90.0, "Cancel"),
        message(4, "a", 60.0),
    ]
    assert [m.id for m in shown(newest_first, now_ms, 24 * HOUR_MS, (), False)] == ["m9", "m8", "m7", "m6", "m5"]
    assert [m.id for m in shown(newest_first, now_ms, HOUR_MS // 4, (), False)] == ["m9", "m8", "m7"]
    assert [m.id for m in shown(newest_first, now_ms, 24 * HOUR_MS, ("Actual",), True)] == ["m7", "m6", "m5"]
