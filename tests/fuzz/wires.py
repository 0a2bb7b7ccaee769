"""What comes over the link: batches at the receiver, acknowledgements at the sender."""

from __future__ import annotations

from functools import cache

from cloud.ingest.admission import Admission, InboundMessage
from contract.readings import ReadingBatch
from contract.wire import batch as wire
from contract.wire.ack import decode_ack
from contract.wire.envelope import Lane
from edge_agent.spool.database import SpoolDatabase
from edge_agent.spool.store import SpoolStore
from edge_agent.timesync.now import Now
from edge_agent.uplink.session import Session
from tests.fuzz.shells import NOW_MS, scratch, small


def columns_of_many(data: bytes) -> object:
    """As a view reads them, in one sweep: a length byte, so many bytes of one message, the rest is another."""
    cut = 1 + (data[0] if data else 0)
    return wire.columns([wire.parse_batch(data[1:cut]), wire.parse_batch(data[cut:])])


@cache
def _receiver() -> Admission:
    return Admission(small())


def receive(data: bytes) -> object:
    """First a length, then so many bytes of topic, then the payload; a good neighbour rides along and must be kept."""
    n = data[0] if data else 0
    hostile = InboundMessage(data[1 : 1 + n].decode(errors="replace"), data[1 + n :])
    good = InboundMessage(f"headwater/1/{small().district.id}/gw-1/up/live", _good_batch())
    done = _receiver().sort_out([hostile, good], NOW_MS)
    assert any(e.payload == good.payload for e in done.entries), "a hostile neighbour took a good batch with it"
    assert len(done.entries) + len(done.refusals) == 2
    _receiver().acks(done.entries, done.refusals, {})
    return done


_NOW = Now(NOW_MS, 0.0)


@cache
def _good_batch() -> bytes:
    channel = small().channels_by_gateway["gw-1"][0].id
    return wire.encode_batch(wire.WireBatch("gw-1", 7, 1, Lane.LIVE, ReadingBatch.of([NOW_MS], [channel], [0.25], [1])))


@cache
def _gateway() -> tuple[Session, SpoolStore, SpoolDatabase]:
    database = SpoolDatabase(scratch() / "sender.sqlite", "gw-1", NOW_MS)
    store = SpoolStore(database, _NOW)
    session = Session("small", "gw-1", store, _NOW)
    store.add(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.ALARM, {}, _NOW)
    session.link_up(_NOW)
    return session, store, database


def hear(data: bytes) -> object:
    """An acknowledgement. What names another spool, or nothing, must make no room."""
    session, store, database = _gateway()
    if session.empty:
        store.add(ReadingBatch.of([NOW_MS], [11], [0.25]), Lane.ALARM, {}, _NOW)
    waiting = [b.seq for b in database.waiting()]
    made_room = session.take_ack(data, _NOW)
    if made_room:
        assert decode_ack(data).spool == store.id, "an acknowledgement of another spool made room"
    else:
        assert [b.seq for b in database.waiting()] == waiting
    assert session.status(_NOW)["bad_acks"] >= 0
    return made_room
