"""One body of tests for every engine of the batch log and what it has seen."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path

import pytest

from cloud.log.base import START, BatchLog, EntryKind, NewEntry
from cloud.log.decision import Decision, DecisionKind, decode_decision, entry_of
from cloud.log.open import ENGINES, open_log
from contract.wire.envelope import Lane

NOW_MS = 1_800_000_000_000


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
        assert log.seen.acknowledged("gw-1", 7) == (prefix, sorted(s for s in seen if s > prefix))
    assert opened().seen.acknowledged("gw-1", 7) == log.seen.acknowledged("gw-1", 7)
    assert [log.seen.was_seen(("gw-1", 7, s)) for s in range(1, 400)] == [s in seen for s in range(1, 400)]


def test_a_floor_settles_what_is_below_it(opened):
    log = opened()
    log.append([batch(s) for s in (1, 5, 9)], NOW_MS)
    log.seen.settled("gw-1", 7, 5)
    assert log.seen.acknowledged("gw-1", 7) == (5, [9])
    log.seen.settled("gw-1", 7, 2)
    log.seen.settled("gw-1", 8, 100)
    assert log.seen.acknowledged("gw-1", 7) == (5, [9])
    assert tuple(log.seen.acknowledged("gw-1", 8)) == (0, ())
    assert log.append([batch(3)], NOW_MS) == [False]
    assert opened().seen.acknowledged("gw-1", 7) == (5, [9])


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
    assert log.seen.acknowledged("gw-1", 7) == (1, [])
    assert log.append([batch(3), batch(2)], NOW_MS) == [True, True]
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
