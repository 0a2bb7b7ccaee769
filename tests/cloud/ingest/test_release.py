"""A batch is released while the committing thread takes others: everything is in the log once."""

from __future__ import annotations

import hashlib
import threading

import pytest

from cloud.ingest.admission import Admission, InboundMessage, Refusal
from cloud.ingest.ingest import Ingest
from cloud.ingest.quarantine import Quarantine
from cloud.log.base import START, BatchLog, Entry, EntryKind, NewEntry
from cloud.log.decision import Decision, DecisionError, DecisionKind, decode_decision, encode_decision, known_by
from cloud.log.open import open_log
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane, RefusalReason

NOW_MS = 1_800_000_000_000
TOPIC = "headwater/1/small/gw-1/up/live"


def payload(seq: int, time_ms: int = NOW_MS, channel: int = 101) -> bytes:
    return encode_batch(WireBatch("gw-1", 7, seq, Lane.LIVE, ReadingBatch.of([time_ms], [channel], [0.25], [1])))


@pytest.fixture
def parts(small_district, tmp_path):
    log, quarantine = open_log(tmp_path), Quarantine(tmp_path / "quarantine.sqlite")
    yield Ingest(Admission(small_district), log, quarantine, "small", list(small_district.gateways)), log, quarantine
    quarantine.close()
    log.close()


def keep(quarantine: Quarantine, seq: int, **bend: int) -> None:
    refusal = Refusal(TOPIC, "gw-1", 7, seq, RefusalReason.FOREIGN_CHANNEL, "then", payload(seq, **bend))
    quarantine.keep([refusal], NOW_MS)


def batches(log: BatchLog) -> list[Entry]:
    return [e for e in log.read(START, 1000) if e.kind is EntryKind.BATCH]


def test_a_release_is_a_decision_in_the_log_before_the_batch(parts):
    ingest, log, quarantine = parts
    keep(quarantine, 1)
    assert ingest.release(1, NOW_MS, "person:ann") == ""
    decided, stored = log.read(START, 10)
    assert (decided.kind, stored.kind) == (EntryKind.DECISION, EntryKind.BATCH)
    decision = decode_decision(decided.payload)
    assert (decision.kind, decision.who, decision.at_ms) == (DecisionKind.RELEASE, "person:ann", NOW_MS)
    assert decision.target == "gw-1/0000000000000007/1"
    assert decision.detail == {"quarantine": 1, "refused": "foreign_channel"}
    assert (stored.gateway, stored.spool, stored.seq, stored.payload) == ("gw-1", 7, 1, payload(1))


def test_a_gateway_cannot_use_up_the_identity_of_a_release_in_advance(parts):
    """Earlier releases stored a batch under the spool's complement, which a gateway could name."""
    ingest, log, quarantine = parts
    forged = encode_batch(
        WireBatch("gw-1", 7 ^ (2**64 - 1), 1, Lane.LIVE, ReadingBatch.of([NOW_MS], [101], [9.0], [1]))
    )
    assert ingest.take([InboundMessage(TOPIC, forged)], NOW_MS)
    keep(quarantine, 1)
    assert ingest.release(1, NOW_MS, "person:ann") == ""
    assert [e.payload for e in batches(log)] == [forged, payload(1)]
    assert quarantine.count() == 0


def test_what_an_earlier_release_of_headwater_stored_is_not_stored_again(parts):
    """It logged the batch under the spool's complement, and a crash came before the mark in quarantine."""
    ingest, log, quarantine = parts
    keep(quarantine, 1)
    log.append([NewEntry("gw-1", 7 ^ (2**64 - 1), 1, Lane.LIVE, NOW_MS, NOW_MS, payload(1))], NOW_MS)
    assert ingest.release(1, NOW_MS, "person:ann") == ""
    assert len(log.read(START, 10)) == 1
    assert quarantine.count() == 0


def test_while_the_log_is_read_for_a_spool_that_a_gateway_named_others_are_taken_in(parts, monkeypatch):
    """Of the complement of a quarantined batch's spool, any gateway may name its own."""
    ingest, log, quarantine = parts
    forged = WireBatch("gw-1", 7 ^ (2**64 - 1), 1, Lane.LIVE, ReadingBatch.of([NOW_MS], [101], [9.0], [1]))
    ingest.take([InboundMessage(TOPIC, encode_batch(forged))], NOW_MS)
    keep(quarantine, 1)
    read, took = log.read, []

    def slow(after: int, limit: int) -> list[Entry]:
        other = threading.Thread(target=lambda: took.extend(ingest.take([InboundMessage(TOPIC, payload(50))], NOW_MS)))
        other.start()
        other.join(20)
        assert not other.is_alive()
        return read(after, limit)

    monkeypatch.setattr(log, "read", slow)
    assert ingest.release(1, NOW_MS, "person:ann") == ""
    assert took


def test_an_identity_that_the_log_knows_already_is_no_release(parts):
    """Whoever used it up in advance: what the log did not take is not said to be released, and goes on waiting."""
    ingest, log, quarantine = parts
    keep(quarantine, 1)
    digest = hashlib.sha256(TOPIC.encode() + b"\0" + payload(1)).hexdigest()
    used = NewEntry(
        "gw-1", 9, 1, Lane.LIVE, NOW_MS, NOW_MS, payload(5), known_by=known_by(f"batch of release:{digest}")
    )
    log.append([used], NOW_MS)
    assert "goes on waiting" in ingest.release(1, NOW_MS, "person:ann")
    assert quarantine.numbers() == [1]
    assert payload(1) not in [e.payload for e in batches(log)]
    assert ingest.counters()["releases_refused"] == 1


@pytest.mark.parametrize("begins", ["release:", "batch of release:"])
def test_nobody_who_decides_can_name_the_identity_of_a_release(begins):
    with pytest.raises(DecisionError, match="may not begin with 'release:'"):
        encode_decision(Decision(f"{begins}00", DecisionKind.ACKNOWLEDGE, "person:otto", NOW_MS, "inc-1"))
    assert encode_decision(Decision(f"{begins}00", DecisionKind.RELEASE, "person:otto", NOW_MS, "gw-1/7/1"))


def test_released_once_while_others_come_in(parts):
    ingest, log, quarantine = parts
    for seq in range(1, 21):
        keep(quarantine, seq)
    answers: list[str | None] = []
    releasers = [
        threading.Thread(target=lambda: answers.extend(ingest.release(n, NOW_MS, "shell:test") for n in range(1, 21)))
        for _ in range(2)
    ]
    for t in releasers:
        t.start()
    for seq in range(21, 121):
        assert ingest.take([InboundMessage(TOPIC, payload(seq))], NOW_MS)
    for t in releasers:
        t.join()
    assert sorted(map(str, answers)) == [""] * 20 + ["None"] * 20
    entries = batches(log)
    assert len(entries) == 120
    assert sorted(e.seq for e in entries) == list(range(1, 121))
    assert quarantine.count() == 0
    assert ingest.counters()["batches_released"] == 20


def test_a_crash_between_log_and_quarantine_stores_nothing_twice(parts, monkeypatch):
    ingest, log, quarantine = parts
    keep(quarantine, 1)
    with monkeypatch.context() as patch:
        patch.setattr(quarantine, "released", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
        with pytest.raises(OSError, match="power cut"):
            ingest.release(1, NOW_MS, "shell:test")
    assert ingest.release(1, NOW_MS, "shell:test") == ""
    assert len(batches(log)) == 1


def test_what_is_still_bad_stays(parts):
    ingest, log, quarantine = parts
    keep(quarantine, 1, channel=201)
    assert ingest.release(1, NOW_MS, "shell:test").startswith("foreign_channel: ")
    assert ingest.release(2, NOW_MS, "shell:test") is None
    assert quarantine.count() == 1
    assert not log.read(0, 10)
