"""What the public may read, and what consumers of warnings get: no names of people, no reasons, nothing of maintenance.

Words that stand nowhere else are planted where people and devices write, and looked for in all that goes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from cloud.access import keys, people
from cloud.access.access import Access
from cloud.access.rate import Rate
from cloud.access.scopes import Role, Scope
from cloud.access.settings import AccessSettings
from cloud.api.app import create_app
from cloud.app.cloud import Cloud
from cloud.delivery.base import body_of
from cloud.delivery.feed import shown
from cloud.delivery.readable import infos
from cloud.delivery.settings import FeedSettings
from cloud.delivery.sinks.registry import KINDS
from cloud.delivery.wants import Kind
from cloud.ingest.admission import InboundMessage
from cloud.log.decision import Decision, DecisionKind, entry_of
from cloud.warnings.model import Message
from tests.cloud.api.asking import Http
from tests.cloud.delivery.played import PlayedClock
from tests.fuzz import api, shells

WORD = "7f3kx"  # in everything that is planted
NAME, NOTE, KEY, PAYLOAD = f"ann {WORD}", f"a parked car {WORD}", f"desk {WORD}", f"noise {WORD}".encode()
LATER_MS = 620_000
PUBLIC = {"/", "/healthz", "/readyz", "/v1/session", "/v1/feed", "/v1/feed/index", "/v1/feed/alerts/{name}"}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A flood that somebody acknowledged, ended and muted with words of their own; a key, a person, a refused batch."""
    found = api.settled(tmp_path, "required")
    keys.create(found.ledger, KEY, [Scope.READ], Rate(1e6, 1e6), 0, "cli")
    people.add(found.ledger, NAME.replace(" ", "."), Role.DUTY_OFFICER, f"pass phrase {WORD}", 0, "cli")
    now_ms = shells.NOW_MS + LATER_MS
    [incident] = found.services.warnings.incidents()
    channel = found.config.catalogue.channels_by_gateway["gw-1"][0].id
    said = [
        (DecisionKind.ACKNOWLEDGE, incident.id, {"note": NOTE}),
        (DecisionKind.MUTE, f"channel/{channel}", {"until_ms": now_ms + 3_600_000, "note": NOTE}),
        (DecisionKind.END, incident.id, {"reason": "false", "note": NOTE}),
    ]
    decisions = [Decision(f"d{n}", kind, f"person:{NAME}", now_ms, *rest) for n, (kind, *rest) in enumerate(said)]
    found.log.append([entry_of(d) for d in decisions], now_ms)
    found.ingest.take([InboundMessage("headwater/1/small/gw-1/up/live", PAYLOAD)], now_ms)
    for runner in found.runners:
        while runner._step():
            pass
    yield found
    found.ledger.dispose()
    found.log.close()


def messages(cloud: Cloud) -> list[Message]:
    return list(cloud.services.warnings.messages())


def test_somebody_inside_reads_what_was_planted(cloud: Cloud) -> None:
    """Else the others would prove nothing."""
    [incident] = cloud.services.warnings.incidents()
    assert incident.closed_ms is not None
    inside = json.dumps([str(incident), [str(e) for e in cloud.log.tail(10)]])
    assert WORD in inside


def test_who_has_no_key_reads_the_feed_and_nothing_of_ours(cloud: Cloud) -> None:
    feed = FeedSettings(public=True, url="https://warn.example", keep_h=720)
    services = replace(cloud.services, feed=feed, clock=PlayedClock(shells.NOW_MS + LATER_MS))
    app = create_app(services, Access(cloud.ledger, AccessSettings.model_validate({"mode": "required"})))
    asked, found = Http(app), {}
    for route in app.routes:
        if isinstance(route, APIRoute) and "GET" in route.methods:
            path = route.path.replace("{name}", messages(cloud)[0].id).replace("{number}", "1")
            answer = asked.get(path)
            assert WORD not in answer.text, path
            if answer.status_code not in (401, 403):
                found[route.path] = answer
    assert set(found) | {"/"} == PUBLIC
    assert len(found["/v1/feed"].text) > 500
    assert found["/v1/feed/alerts/{name}"].status_code == 200
    for word in ("person:", "maintenance", "channel/"):
        assert word not in found["/v1/feed"].text


def test_no_consumer_of_warnings_gets_more_than_the_message(cloud: Cloud) -> None:
    told = messages(cloud)
    assert len(told) > 1
    for message in told:
        body = json.dumps(body_of(message), ensure_ascii=False)
        texts = [str(info) for info in infos(message.cap_xml)]
        assert WORD not in body + "".join(texts)
        assert "evidence" not in body_of(message)
    assert shown(told, shells.NOW_MS + LATER_MS, 10**9, (), True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_maintenance_goes_to_who_asks_for_it_alone(kind: type) -> None:
    assert Kind.MAINTENANCE.value not in kind.model_fields["kinds"].get_default(call_default_factory=True)
