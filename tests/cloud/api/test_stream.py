"""Server-sent events: what is in force, what comes, heartbeats, and going on after a break."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from cloud.api.stream import RETRY_MS, Stream
from cloud.api.turns import Turns
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.reader import LedgerReader
from tests.cloud.delivery.played import START_MS, PlayedClock, message, put


class City:
    """A ledger that messages come into, and what a stream asks of the services."""

    def __init__(self, ledger: Engine) -> None:
        self.ledger, self.clock, self.changes = ledger, PlayedClock(), 0
        reader = LedgerReader(ledger, lambda: self.changes, lambda: None)
        self.services = SimpleNamespace(warnings=reader, clock=self.clock, as_of=lambda: START_MS)

    def tell(self, *messages) -> None:
        put(self.ledger, *messages)
        with self.ledger.begin() as db:
            db.execute(update(t.messages).where(t.messages.c.expires_ms.is_(None)).values(expires_ms=START_MS + 10**6))
        self.changes += 1

    def stream(self, last_id: str = "", life_s: float = 60.0) -> AsyncIterator[bytes]:
        return Stream(self.services, Turns(1), life_s, look_s=0.001).events(last_id)


@pytest.fixture
def city(tmp_path) -> City:
    return City(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))


async def events(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, str, dict]]:
    """(id, kind, data) of so many; comments and the rest left out."""
    out = []
    while len(out) < count:
        lines = dict(line.split(": ", 1) for line in (await anext(stream)).decode().splitlines() if ": " in line)
        if "event" in lines:
            out.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
    return out


async def test_first_comes_what_is_in_force_then_what_is_new(city: City) -> None:
    city.tell(message(1, "a"), message(2, "b"), message(3, "a", "Update"), message(4, "b", "Cancel"))
    stream = city.stream()
    (first, kind, said), (nothing, beat, now) = await events(stream, 2)
    assert (first, kind, said["type"], said["id"]) == ("m3", "warning", "warning", "m3")
    assert (nothing, beat, now["warnings_as_of"]) == ("", "heartbeat", "2021-07-20T08:00:00Z")
    city.tell(message(5, "c"))
    assert [e[0] for e in await events(stream, 1)] == ["m5"]
    city.clock.move(60)
    [(_, beat, later)] = await events(stream, 1)
    assert (beat, later["number"]) == ("heartbeat", now["number"] + 1)


async def test_who_comes_again_gets_all_that_followed_in_order_and_once(city: City) -> None:
    city.tell(*(message(n, f"i{n % 3}", "Alert" if n < 3 else "Update") for n in range(1, 60)))
    told = [e[0] for e in await events(city.stream("m7"), 53) if e[1] == "warning"]
    assert told == [f"m{n}" for n in range(8, 60)]


async def test_an_unknown_place_to_go_on_from_is_none(city: City) -> None:
    city.tell(message(1, "a"))
    assert [e[0] for e in await events(city.stream("gone"), 1)] == ["m1"]


async def test_the_heartbeat_goes_on_while_the_ledger_is_out_of_reach(city: City) -> None:
    def fail(*_):
        raise OperationalError("x", {}, Exception("locked"))

    whole = city.services.warnings
    city.services.warnings = SimpleNamespace(version=whole.version, standing=fail, since=fail, number_of=fail)
    stream = city.stream()
    assert [e[1] for e in await events(stream, 1)] == ["heartbeat"]
    city.tell(message(1, "a"))
    city.services.warnings = whole
    assert [e[0] for e in await events(stream, 1)] == ["m1"]


async def test_a_stream_ends_so_that_the_caller_is_asked_again_who_he_is(city: City) -> None:
    all_of_it = [e async for e in city.stream(life_s=0.02)]
    assert all_of_it[0] == b"retry: %d\n\n" % RETRY_MS
