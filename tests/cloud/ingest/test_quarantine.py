"""Refused batches: kept with their bytes, once; let in when the cause is mended, once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.ingest import quarantine as q
from cloud.ingest.admission import Admission, InboundMessage, Refusal
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine, Quota
from cloud.ingest.release import Released, release
from cloud.log.base import EntryKind
from cloud.log.open import open_log
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from contract.wire import wire_pb2 as pb
from contract.wire.ack import decode_ack
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason

NOW_MS = 1_626_768_000_000
TOPIC = "headwater/1/small/gw-1/up/live"


def message(channel: int, seq: int = 1, spool: int = 2**64 - 1) -> InboundMessage:
    readings = ReadingBatch.of([NOW_MS], [channel], [0.25], [1])
    return InboundMessage(TOPIC, encode_batch(WireBatch("gw-1", spool, seq, Lane.LIVE, readings)))


def noise(n: int) -> Refusal:
    return Refusal(TOPIC, "gw-1", 0, 0, RefusalReason.TRUNCATED, "no batch", n.to_bytes(4, "big"))


@pytest.fixture
def kept(tmp_path: Path) -> Quarantine:
    return Quarantine(tmp_path / "deep" / "quarantine.sqlite")


def test_what_is_kept_comes_back_to_the_byte_and_once(
    kept: Quarantine, small_district: Catalogue, tmp_path: Path
) -> None:
    foreign = message(201)
    refusals = Admission(small_district).sort_out([foreign], NOW_MS).refusals
    kept.keep(refusals, NOW_MS)
    kept.keep(refusals, NOW_MS + 1)
    kept.close()
    (found,) = Quarantine(tmp_path / "deep" / "quarantine.sqlite").waiting()
    assert (found.topic, found.payload, found.received_ms) == (foreign.topic, foreign.payload, NOW_MS)
    assert (found.gateway, found.spool, found.seq, found.reason) == (
        "gw-1",
        2**64 - 1,
        1,
        RefusalReason.FOREIGN_CHANNEL,
    )


def test_noise_is_kept_up_to_a_bound_and_readings_without_one(
    kept: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(q, "_NOISE_KEPT", 5)
    real = [replace(noise(n), seq=n, payload=b"r%d" % n) for n in range(1, 21)]
    kept.keep([*real, *(noise(n) for n in range(50))], NOW_MS)
    kept.keep([noise(99)], NOW_MS)
    waiting = kept.waiting()
    assert [k.payload for k in waiting if k.seq == 0] == [n.to_bytes(4, "big") for n in (46, 47, 48, 49, 99)]
    assert sum(k.seq > 0 for k in waiting) == 20
    assert kept.count() == 25


def of(gateway: str, seq: int, size: int = 1) -> Refusal:
    payload = f"{gateway} {seq} ".encode().ljust(size, b".")
    topic = f"headwater/1/small/{gateway}/up/live"
    return Refusal(topic, gateway, 7, seq, RefusalReason.FOREIGN_CHANNEL, "then", payload)


def test_what_waits_is_listed_newest_first_page_by_page_without_its_bytes(kept: Quarantine) -> None:
    kept.keep([of("gw-1", seq, 100 + seq) for seq in range(1, 8)], NOW_MS)
    kept.released([6], NOW_MS)
    first = kept.listed(3)
    assert [(k.id, k.seq, k.size) for k in first] == [(7, 7, 107), (5, 5, 105), (4, 4, 104)]
    assert [k.id for k in kept.listed(3, before=first[-1].id)] == [3, 2, 1]
    assert kept.listed(3, before=1) == []
    assert (kept.waits(5), kept.waits(6), kept.waits(8)) == (True, False, False)
    assert kept.numbers() == [1, 2, 3, 4, 5, 7]


@pytest.mark.parametrize("quota", [Quota(batches=20), Quota(bytes=20 * 1000)])
def test_a_gateway_has_a_quota_of_its_own_and_what_is_let_go_is_counted(tmp_path: Path, quota: Quota) -> None:
    path = tmp_path / "quarantine.sqlite"
    kept = Quarantine(path, quota, gateways={"gw-1", "gw-2"})
    kept.keep([of("gw-2", seq, 1000) for seq in range(1, 6)], NOW_MS)
    for seq in range(1, 101):
        kept.keep([of("gw-1", seq, 1000)], NOW_MS)
    held = [k.seq for k in kept.listed(1000) if k.gateway == "gw-1"]
    assert 18 <= len(held) <= 20
    assert held == list(range(100, 100 - len(held), -1))
    assert [k.seq for k in kept.listed(1000) if k.gateway == "gw-2"] == [5, 4, 3, 2, 1]
    assert kept.let_go() == {"gw-1": 100 - len(held)}
    kept.close()
    again = Quarantine(path, quota, gateways={"gw-1", "gw-2"})
    assert again.let_go() == {"gw-1": 100 - len(held)}
    again.keep([of("gw-1", 101 + n, 1000) for n in range(3)], NOW_MS)
    assert len([k for k in again.listed(1000) if k.gateway == "gw-1"]) <= 20


def test_names_that_the_district_does_not_have_share_one_quota(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "q.sqlite", Quota(batches=20), gateways={"gw-1"})
    kept.keep([of(f"gw-x{n}", n) for n in range(1, 101)], NOW_MS)
    assert len(kept.listed(1000)) == 19
    assert kept.let_go() == {"": 81}


def test_what_was_released_goes_before_what_waits(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "q.sqlite", Quota(batches=20))
    kept.keep([of("gw-1", seq) for seq in range(1, 21)], NOW_MS)
    kept.released(range(11, 21), NOW_MS)
    kept.keep([of("gw-1", 21)], NOW_MS)
    assert [k.seq for k in kept.listed(1000)] == [21, *range(10, 0, -1)]
    assert kept.let_go() == {"gw-1": 0}


def test_a_batch_larger_than_the_quota_is_kept_alone(tmp_path: Path) -> None:
    kept = Quarantine(tmp_path / "q.sqlite", Quota(bytes=100))
    kept.keep([of("gw-1", 1), of("gw-1", 2, 500)], NOW_MS)
    assert [k.seq for k in kept.listed()] == [2]


def test_what_comes_costs_no_more_where_much_is_kept(kept: Quarantine) -> None:
    """Counted in thousands of the database's own steps: others' alarms wait in the thread that keeps."""
    steps = 0

    def one_more() -> int:
        nonlocal steps
        steps += 1
        return 0

    def batches(first: int, count: int, gateway: str = "gw-1") -> list[Refusal]:
        seqs = range(first, first + count)
        return [Refusal(TOPIC, gateway, 7, n, RefusalReason.TIME_PAST, "", f"{gateway} {n}".encode()) for n in seqs]

    kept.keep(batches(1, 5000), NOW_MS)
    kept._db.set_progress_handler(one_more, 1000)
    for refusals in (batches(5001, 1), batches(1, 1, "gw-2"), [noise(1)]):
        kept.keep(refusals, NOW_MS)
    assert steps <= 3
    assert kept.count() == 5003
    assert kept.listed(1)[0].seq == 0


def test_a_failure_in_the_middle_keeps_nothing_and_the_next_call_works(kept: Quarantine) -> None:
    with pytest.raises((sqlite3.Error, OverflowError)):
        kept.keep([noise(1), replace(noise(2), seq=2**64)], NOW_MS)
    assert kept.count() == 0
    kept.keep([noise(3)], NOW_MS)
    assert kept.count() == 1


def test_a_forged_sequence_is_refused_and_stops_nobody(
    kept: Quarantine, small_district: Catalogue, tmp_path: Path
) -> None:
    forged = pb.Batch.FromString(message(101).payload)
    forged.seq = 2**64 - 1
    found = Admission(small_district).sort_out(
        [InboundMessage(TOPIC, forged.SerializeToString()), message(101)], NOW_MS
    )
    kept.keep(found.refusals, NOW_MS)
    assert open_log(tmp_path).append(found.entries, NOW_MS) == [True]
    assert kept.count() == 1


def test_a_batch_by_two_lanes_is_kept_aside_once_and_not_if_it_is_stored(
    kept: Quarantine, small_district: Catalogue, tmp_path: Path
) -> None:
    ingest = Ingest(Admission(small_district), open_log(tmp_path), kept, small_district.district.id, ["gw-1"])
    stored, foreign = message(101, 1), message(201, 2)
    history = InboundMessage(TOPIC.replace("live", "history"), foreign.payload)
    ingest.take([stored], NOW_MS)
    clock_in_the_past_ms = NOW_MS - 86_400_000
    acks = ingest.take([stored, foreign, history], clock_in_the_past_ms)
    assert [(k.seq, k.topic) for k in kept.waiting()] == [(2, TOPIC)]
    ingest.take(
        [history, InboundMessage(TOPIC, b"no batch")], clock_in_the_past_ms
    )  # in a group of its own, with noise
    assert [k.seq for k in kept.waiting()] == [2, 0]
    assert decode_ack(acks[0].payload).prefix == 2


def test_release_lets_in_what_now_passes_and_only_once(
    kept: Quarantine, small_district: Catalogue, tmp_path: Path
) -> None:
    log = open_log(tmp_path)
    before, mended = Admission(small_district), Admission(owning(small_district))
    kept.keep(before.sort_out([message(201, 1), message(999, 2)], NOW_MS).refusals, NOW_MS)
    assert release(kept, before, log, NOW_MS + 1) == Released(0, 2)
    assert release(kept, mended, log, NOW_MS + 2) == Released(1, 1)
    assert release(kept, mended, log, NOW_MS + 3) == Released(0, 1)
    entries = [e for e in log.read(0, 100) if e.kind is EntryKind.BATCH]
    assert [(e.gateway, e.seq, e.payload) for e in entries] == [("gw-1", 1, message(201, 1).payload)]
    assert [k.seq for k in kept.waiting()] == [2]


def test_a_crash_between_storing_and_noting_stores_nothing_twice(
    kept: Quarantine, small_district: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, mended = open_log(tmp_path), Admission(owning(small_district))
    # Its own spool has counted the sequence as seen since it was refused.
    log.append([], NOW_MS, [("gw-1", 7, 1)])
    kept.keep(Admission(small_district).sort_out([message(201, 1, spool=7)], NOW_MS).refusals, NOW_MS)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(Quarantine, "released", crash)
        with pytest.raises(KeyboardInterrupt):
            release(kept, mended, log, NOW_MS + 1)
    release(kept, mended, log, NOW_MS + 2)
    assert sum(e.kind is EntryKind.BATCH for e in log.read(0, 100)) == 1
    assert kept.count() == 0


def owning(district: Catalogue) -> Catalogue:
    """The catalogue mended: channel 201 is gateway 1's."""
    return replace(district, channels={**district.channels, 201: replace(district.channels[201], gateway="gw-1")})
