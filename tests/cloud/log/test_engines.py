"""One body of tests for every engine of the batch log and what it has seen."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path

import pytest

from cloud.log.base import START, BatchLog, EntryKind, LostBatches, NewEntry
from cloud.log.decision import Decision, DecisionKind, decode_decision, entry_of
from cloud.log.open import ENGINES, open_log
from cloud.log.origin import Origin, decode_origin, origin_entry
from cloud.views.decode import origins_of
from contract.wire.envelope import Lane

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture(params=sorted(ENGINES))
def opened(request, tmp_path: Path):
    """Opens the log of one folder, as often as it is called; all are closed at the end."""
    logs: list[BatchLog] = []

    def again() -> BatchLog:
        logs.append(open_log(tmp_path, request.param))
        return logs[-1]

    yield again
    for log in logs:
        log.close()


def batch(seq: int, spool: int = 7, gateway: str = "gw-1") -> NewEntry:
    return NewEntry(gateway, spool, seq, Lane.LIVE, NOW_MS, NOW_MS + 1, f"{gateway} {spool} {seq}".encode())


def test_what_is_appended_is_read_in_order_and_once(opened):
    log = opened()
    assert log.append([batch(1), batch(2)], NOW_MS) == [True, True]
    assert log.append([batch(2), batch(3), batch(3)], NOW_MS + 5) == [False, True, False]
    entries = log.read(START, 10)
    assert [(e.seq, e.append_ms, e.kind) for e in entries] == [
        (1, NOW_MS, EntryKind.BATCH),
        (2, NOW_MS, EntryKind.BATCH),
        (3, NOW_MS + 5, EntryKind.BATCH),
    ]
    assert log.read(entries[0].offset, 1) == [entries[1]]
    assert log.read(log.end(), 10) == []
    assert opened().read(START, 10) == entries


def test_its_time_never_falls(opened):
    log = opened()
    log.append([batch(1)], NOW_MS)
    log.tick(NOW_MS - 9000)
    log = opened()
    log.append([batch(2)], NOW_MS - 1)
    assert [e.append_ms for e in log.read(START, 10)] == [NOW_MS] * 3


def test_a_log_ahead_of_time_is_put_right_and_its_order_never_falls(opened):
    log = opened()
    log.append([batch(1)], NOW_MS)
    log.tick(NOW_MS + 8 * HOUR_MS)
    log.tick(NOW_MS + 1000)  # pinned
    assert log.now_ms() == NOW_MS + 8 * HOUR_MS
    log.put_right(NOW_MS + 2000, b"why")
    log.append([batch(2)], NOW_MS + 3000)
    log.tick(NOW_MS + 2500)
    for again in (log, opened()):
        entries = again.read(START, 10)
        assert [e.now_ms - NOW_MS for e in entries] == [0, 8 * HOUR_MS, 8 * HOUR_MS, 2000, 3000, 3000]
        assert [e.append_ms - NOW_MS for e in entries] == [0, *[8 * HOUR_MS] * 3, *[8 * HOUR_MS + 1000] * 2]
        assert again.now_ms() == NOW_MS + 3000
        assert again.tail(2) == entries[-2:]
        assert again.tail(99) == entries
        assert [(e.kind, e.payload) for e in again.notes(EntryKind.CLOCK)] == [(EntryKind.CLOCK, b"why")]
        assert again.read(entries[2].offset, 1) == [entries[3]]


def test_a_log_is_put_right_as_often_as_need_be(opened):
    log = opened()
    log.put_right(NOW_MS, b"first of all")
    log.tick(NOW_MS + HOUR_MS)
    log.put_right(NOW_MS, b"back")
    log.put_right(NOW_MS - HOUR_MS, b"and back")
    log.tick(NOW_MS)
    log.put_right(NOW_MS + 9 * HOUR_MS, b"forward: the order is time again")
    log.tick(NOW_MS + 9 * HOUR_MS + 1)
    entries = opened().read(START, 10)
    assert [e.now_ms - NOW_MS for e in entries] == [0, HOUR_MS, 0, -HOUR_MS, 0, 9 * HOUR_MS, 9 * HOUR_MS + 1]
    assert [e.ahead_ms // HOUR_MS for e in entries] == [0, 0, 1, 2, 2, 0, 0]
    assert [e.append_ms for e in entries] == sorted(e.append_ms for e in entries)


def test_large_entries_are_read_a_few_at_a_time_and_none_is_passed_over(opened):
    log = opened()
    large = [NewEntry("gw-1", 7, n, Lane.LIVE, NOW_MS, NOW_MS, bytes(250_000)) for n in range(1, 41)]
    log.append([*large, NewEntry("gw-1", 7, 41, Lane.LIVE, NOW_MS, NOW_MS, bytes(3_000_000)), batch(42)], NOW_MS)
    cursor, found = START, []
    while entries := log.read(cursor, 1000):
        assert len(entries) == 1 or sum(len(e.payload) for e in entries[:-1]) <= 1_000_000
        found += [e.seq for e in entries]
        cursor = entries[-1].offset
    assert found == list(range(1, 43))


def test_whether_a_batch_would_open_a_gap(opened):
    log = opened()
    assert (log.seen.gaps("gw-1", 7), log.seen.opens_gap(("gw-1", 7, 1))) == (None, False)
    log.append([batch(s) for s in (1, 2, 5, 9, 10)], NOW_MS)
    for again in (log, opened()):
        assert again.seen.gaps("gw-1", 7) == 2
        assert [again.seen.opens_gap(("gw-1", 7, n)) for n in (2, 3, 4, 6, 7, 8, 11, 12)] == [
            *[False] * 4,
            True,
            *[False] * 2,
            True,
        ]


def test_origins_are_notes_and_written_once_each(opened):
    log = opened()
    first, second = Origin("gw-1", True), Origin("gw-1", False)
    assert log.append([batch(1), origin_entry(first, 1, NOW_MS), batch(2)], NOW_MS) == [True] * 3
    assert log.append([origin_entry(first, 1, NOW_MS), origin_entry(second, 2, NOW_MS)], NOW_MS) == [False, True]
    found = opened().notes(EntryKind.ORIGIN)
    assert [decode_origin(e.payload) for e in found] == [first, second]
    assert [o for said in origins_of(log.read(START, 9)) for o in said] == [first, second]
    assert log.notes(EntryKind.CLOCK) == []


def test_how_far_behind_a_place_is(opened):
    log = opened()
    assert (log.end(), log.behind(START)) == (START, 0)
    log.append([batch(s) for s in (1, 2, 3)], NOW_MS)
    entries = log.read(START, 10)
    assert log.behind(entries[0].offset) == 2
    assert log.behind(log.end()) == 0
    assert log.wait(START, 0)
    assert not log.wait(log.end(), 0)


def test_waiting_ends_with_the_next_entry(opened):
    log = opened()
    threading.Timer(0.05, lambda: log.tick(NOW_MS)).start()
    assert log.wait(START, 30)


def test_what_is_seen_is_a_prefix_and_what_lies_above_it(opened):
    log = opened()
    rng = random.Random(4)
    seen: set[int] = set()
    for _ in range(200):
        seqs = [rng.randint(1, 300) for _ in range(rng.randint(1, 5))]
        aside = [("gw-1", 7, rng.randint(1, 300)) for _ in range(rng.randint(0, 2))]
        expected = []
        for s in seqs:
            expected.append(s not in seen)
            seen.add(s)
        assert log.append([batch(s) for s in seqs], NOW_MS, aside) == expected
        seen |= {s for _, _, s in aside}
        prefix = next(n for n in range(400) if n + 1 not in seen)
        assert log.seen.acknowledged("gw-1", 7) == (prefix, max(seen))
        assert [log.seen.was_seen(("gw-1", 7, n)) for n in range(1, 302)] == [n in seen for n in range(1, 302)]
        assert log.seen.gaps("gw-1", 7) == sum(n > prefix and n - 1 not in seen for n in seen)
    assert opened().seen.acknowledged("gw-1", 7) == log.seen.acknowledged("gw-1", 7)
    assert [log.seen.was_seen(("gw-1", 7, s)) for s in range(1, 400)] == [s in seen for s in range(1, 400)]


def test_the_place_of_a_time_leaves_no_entry_of_it_or_later_before_it(opened):
    log = opened()
    times = [0, 0, 5, 5, 5, 9, 20, 20, 31]
    for n, t in enumerate(times, 1):
        log.append([batch(n)], NOW_MS + t)
    log.trim(log.read(START, 3)[-1].offset)  # offsets begin later, then
    for t in range(-1, 33):
        later = [e.seq for e in log.read(log.place_at(NOW_MS + t), 100)]
        assert later == [n for n, own in enumerate(times, 1) if own >= t and n > 3]


def test_a_floor_settles_what_is_below_it(opened):
    log = opened()
    log.append([batch(s) for s in (1, 5, 9)], NOW_MS)
    log.seen.settled("gw-1", 7, 5)
    assert log.seen.acknowledged("gw-1", 7) == (5, 9)
    log.seen.settled("gw-1", 7, 2)
    log.seen.settled("gw-1", 8, 100)
    assert log.seen.acknowledged("gw-1", 7) == (5, 9)
    assert log.seen.acknowledged("gw-1", 8) == (0, 0)
    assert log.append([batch(3)], NOW_MS) == [False]
    assert opened().seen.acknowledged("gw-1", 7) == (5, 9)


def test_what_a_log_that_was_put_back_has_lost_is_named_by_gateway_and_sequence(opened):
    log = opened()
    log.append([batch(s) for s in (1, 2, 3, 6)], NOW_MS)
    log.seen.settled("gw-1", 7, 6)  # 4 and 5 were given up
    assert log.lost() == []
    log.put_back()
    log.append([batch(20), batch(14)], NOW_MS)  # newest first, before anything is said
    log = opened()
    log.seen.settled("gw-1", 7, 10)
    assert log.lost() == [LostBatches("gw-1", 7, 7, 9)]
    log.append([batch(s) for s in (10, 12, 25)], NOW_MS)
    log = opened()
    log.seen.settled("gw-1", 7, 26)  # what is above 20 was given after the gateway was heard
    lost = [LostBatches("gw-1", 7, *x) for x in ((7, 9), (11, 11), (13, 13), (15, 19))]
    assert log.lost() == opened().lost() == lost
    assert log.seen.acknowledged("gw-1", 7) == (25, 25)
    log.seen.settled("gw-2", 9, 3)  # was installed after the backup
    log.seen.settled("gw-3", 5, 1)
    log.append([batch(s, 5, "gw-3") for s in (1, 4)], NOW_MS)
    log.seen.settled("gw-3", 5, 4)
    assert log.lost() == [*lost, LostBatches("gw-2", 9, 1, 2)]
    log.put_back()
    log.seen.settled("gw-3", 5, 8)
    assert log.lost()[-1] == LostBatches("gw-3", 5, 5, 7)


def test_a_disk_that_refuses_what_is_lost_gets_it_with_the_next_word(opened, monkeypatch):
    log = opened()
    log.append([batch(1)], NOW_MS)
    log.put_back()
    with monkeypatch.context() as m:
        m.setattr(log, "_write_seen", _full)
        with pytest.raises(sqlite3.OperationalError):
            log.seen.settled("gw-1", 7, 4)
    assert (log.lost(), log.seen.acknowledged("gw-1", 7)) == ([], (1, 1))
    log.seen.settled("gw-1", 7, 6)
    assert log.lost() == [LostBatches("gw-1", 7, 2, 5)]


def _full(_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_decision_is_written_once_however_often_it_is_asked_for(opened):
    log = opened()
    decision = Decision("d-1", DecisionKind.RELEASE, "person:ann", NOW_MS, "x", {"refused": "time_past"})
    assert log.append([entry_of(decision)], NOW_MS) == [True]
    assert opened().append([entry_of(decision)], NOW_MS) == [False]
    (entry,) = log.read(START, 10)
    assert (entry.kind, entry.gateway) == (EntryKind.DECISION, "")
    assert decode_decision(entry.payload) == decision


def test_all_of_an_append_or_nothing(tmp_path):
    log = open_log(tmp_path)
    log.append([batch(1)], NOW_MS)
    bad = batch(2)._replace(payload=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        log.append([batch(3), bad], NOW_MS)
    assert log.seen.acknowledged("gw-1", 7) == (1, 1)
    assert log.append([batch(3), batch(2)], NOW_MS) == [True, True]
    log.close()


def test_a_log_of_an_earlier_release_is_read_and_put_right(tmp_path):
    log = open_log(tmp_path)
    log.append([batch(1)], NOW_MS)
    log.close()
    with sqlite3.connect(tmp_path / "log.sqlite") as db:
        db.execute("drop table note")
    log = open_log(tmp_path)
    log.put_right(NOW_MS - 1000, b"")
    assert [e.now_ms for e in log.read(START, 9)] == [NOW_MS, NOW_MS - 1000]
    log.close()


def test_what_the_disk_refuses_puts_nothing_right(tmp_path):
    log = open_log(tmp_path)
    log.tick(NOW_MS)
    with pytest.raises(sqlite3.IntegrityError):
        log.put_right(NOW_MS - 1000, None)  # type: ignore[arg-type]
    log.tick(NOW_MS - 500)
    assert [e.now_ms for e in log.read(START, 9)] == [NOW_MS, NOW_MS]
    log.close()


def test_the_index_of_earlier_releases_goes(tmp_path):
    log = open_log(tmp_path)
    log.append([batch(1)], NOW_MS)
    log.close()
    with sqlite3.connect(tmp_path / "log.sqlite") as db:
        db.execute("create index entry_time on entry (t_max) where kind = 0")
    open_log(tmp_path).close()
    with sqlite3.connect(tmp_path / "log.sqlite") as db:
        assert db.execute("select name from sqlite_master where type = 'index' and sql is not null").fetchall() == []


def test_what_was_appended_now_is_read_as_it_stands_on_the_disk(opened):
    """Views read it from memory, whatever it is, across the places where that begins and where it is let go."""
    log, rng = opened(), random.Random(3)
    for n in range(1, 400):
        size = rng.choice([1, 1, 2, 7, 130, 250])
        log.append([batch(1000 * n + k, gateway=f"gw-{k % 3}") for k in range(size)], NOW_MS + n)
        if n % 20 == 0:
            log.tick(NOW_MS + n)
        if n % 50 == 0:
            log.append([entry_of(Decision(f"d-{n}", DecisionKind.ACKNOWLEDGE, "person:ann", NOW_MS, "x"))], NOW_MS + n)
        if n % 90 == 0:
            log.append([origin_entry(Origin("gw-1", n % 180 == 0), n, NOW_MS + n)], NOW_MS + n)
        if n % 150 == 0:
            log.put_right(NOW_MS + n - 60_000, b"put right")
    whole, fresh = log.read(START, 10**6), opened()
    assert whole == fresh.read(START, 10**6)
    for e in [*rng.sample(whole, 300), *whole[-20:]]:
        limit = rng.choice([1, 3, 2000])
        assert log.read(e.offset, limit) == fresh.read(e.offset, limit)
    log.trim(whole[-5].offset)
    assert log.read(START, 10**6) == fresh.read(START, 10**6)
    assert len(log.read(START, 10**6)) < len(whole)


def test_what_another_process_appended_is_read(opened):
    """`headwater-cloud incident` appends what a person decided to the log of a cloud that runs."""
    log, other = opened(), opened()
    expected, seen, at = [], [], START
    for n in range(1, 40):
        which = (log, other)[n * n % 7 % 2]
        which.append([batch(n)], NOW_MS)
        expected.append(n)
        if n % 5 == 0:
            while found := log.read(at, 3):
                seen += [e.seq for e in found]
                at = found[-1].offset
            assert seen == expected


def test_what_was_imported_goes_with_batches_and_is_not_taken_a_second_time(opened):
    log = opened()
    table = [batch(s)._replace(kind=EntryKind.IMPORTED, known_by=("", 5, s)) for s in (1, 2)]
    assert log.append(table, NOW_MS) == [True, True]
    assert log.append([batch(1), batch(2)], NOW_MS) == [True, True]  # the gateway's own numbers are not used up
    kept = [(e.kind, e.seq) for e in opened().read(START, 10)]
    assert kept == [(kind, s) for kind in (EntryKind.IMPORTED, EntryKind.BATCH) for s in (1, 2)]
    assert log.trim(log.read(START, 10)[1].offset) == 2
    assert [e.kind for e in log.read(START, 10)] == [EntryKind.BATCH] * 2
    assert opened().append(table, NOW_MS) == [False, False]
