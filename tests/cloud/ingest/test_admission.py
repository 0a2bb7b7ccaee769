"""Bad input ends in a named refusal, and never spoils its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from cloud.ingest.admission import Admission, AdmissionSettings, InboundMessage
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason

NOW_MS = 1_626_768_000_000


@pytest.fixture
def receiver(small_district) -> Admission:
    return Admission(small_district, AdmissionSettings())


def payload(district, seq: int = 1, gateway: str = "gw-1", owner: str | None = None, time_ms: int = NOW_MS) -> bytes:
    channel = district.channels_by_gateway[owner or gateway][0].id
    readings = ReadingBatch.of([time_ms], [channel], [0.25], [1])
    return encode_batch(WireBatch(gateway, 7, seq, Lane.LIVE, readings))


def topic(district, gateway: str = "gw-1") -> str:
    return f"headwater/1/{district.district.id}/{gateway}/up/live"


def sort_out(receiver: Admission, *messages: InboundMessage):
    return receiver.sort_out(list(messages), NOW_MS)


def test_a_good_batch_is_an_entry(receiver, small_district):
    done = sort_out(receiver, InboundMessage(topic(small_district), payload(small_district)))
    assert not done.refusals
    assert [(e.gateway, e.spool, e.seq) for e in done.entries] == [("gw-1", 7, 1)]


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (lambda d: InboundMessage(topic(d), payload(d)[:-3]), RefusalReason.TRUNCATED),
        (lambda d: InboundMessage(topic(d), b""), None),
        (lambda d: InboundMessage(topic(d), b"\xff" * 200), None),
        (lambda d: InboundMessage(topic(d), payload(d, owner="gw-2")), RefusalReason.FOREIGN_CHANNEL),
        (lambda d: InboundMessage(topic(d, "gw-2"), payload(d)), RefusalReason.WRONG_GATEWAY),
        (lambda d: InboundMessage(topic(d), payload(d, time_ms=1000)), RefusalReason.TIME_PAST),
        (lambda d: InboundMessage(topic(d), payload(d, time_ms=4_070_908_800_000)), RefusalReason.TIME_FUTURE),
    ],
)
def test_a_bad_message_is_refused_by_name_and_its_neighbour_is_kept(receiver, small_district, bend, reason):
    good = InboundMessage(topic(small_district), payload(small_district, seq=2))
    done = sort_out(receiver, bend(small_district), good)
    assert [e.seq for e in done.entries] == [2]
    (refusal,) = done.refusals
    assert refusal.detail
    if reason is not None:
        assert refusal.reason is reason


def test_random_bytes_never_raise(receiver, small_district):
    chance = np.random.default_rng(5)
    whole = payload(small_district)
    for _ in range(500):
        bent = bytearray(whole)
        for _ in range(int(chance.integers(1, 6))):
            bent[int(chance.integers(len(bent)))] = int(chance.integers(256))
        done = sort_out(receiver, InboundMessage(topic(small_district), bytes(bent)))
        assert len(done.entries) + len(done.refusals) == 1
