"""The spool when its disk is full, its file damaged, its run ended without a word."""

from __future__ import annotations

import subprocess
from contextlib import closing, suppress

import pytest

from contract.wire.batch import decode_batch
from contract.wire.envelope import Lane
from contract.wire.state import decode_state
from contract.wire.topics import TopicKind, parse_topic
from edge_agent.spool.file import SpoolFull, read_runs, read_totals
from edge_agent.timesync.timekeeping import Timekeeper
from edge_agent.uplink.outbox import OutboxSettings
from tests.edge_agent.support import (
    START_MS,
    Cloud,
    Database,
    at,
    commit,
    database_at,
    keys,
    readings,
    session_of,
    store_of,
)


def test_a_full_disk_is_said_and_nothing_of_the_commit_is_kept(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        commit(spool, readings(START_MS, 1), Lane.LIVE, {1: {"made": 1}})
        spool.fill_up()
        with pytest.raises(SpoolFull, match="make room"):
            commit(spool, readings(START_MS, 2000), Lane.LIVE, {1: {"made": 1}})
        assert spool.next_seq == 2
        spool.make_room()
        assert [s.seq for s in commit(spool, readings(START_MS, 1), Lane.LIVE, {1: {"made": 1}})] == [2]
    assert read_totals(tmp_path / "spool.sqlite")[1]["made"] == 2


def test_what_cannot_be_forgotten_now_is_forgotten_with_the_next_write(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        commit(spool, readings(START_MS, 1))
        spool.refuse_writes()  # every write fails now
        with pytest.raises(SpoolFull):
            spool.forget([1])
        assert spool.waiting() == []
        spool.refuse_writes(False)
        commit(spool, readings(START_MS, 1))
    with closing(database_at(tmp_path)) as again:
        assert [s.seq for s in again.waiting()] == [2]


def test_acknowledgements_and_links_do_not_fail_on_a_disk_that_takes_nothing(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool)
        session = session_of(store)
        store.add(readings(START_MS, 1), Lane.LIVE, {}, at(0.0, START_MS))
        cloud = Cloud()
        session.link_up(at(1.0))
        spool.refuse_writes()
        assert cloud.take(session, 1.0, START_MS) == 1
        session.link_down(at(1.5))
        session.link_up(at(2.0))
        store.add(readings(START_MS + 1, 1), Lane.LIVE, {}, at(2.0, START_MS + 1))
        assert "make room" in store.disk_trouble
        assert session.status(at(0.0, START_MS))["held_in_memory"] == 2
        spool.refuse_writes(False)
        store.add(readings(START_MS + 2, 1), Lane.LIVE, {}, at(3.0, START_MS + 2))
        assert not store.disk_trouble
        cloud.drain(session, 3.0, START_MS)
        assert len(cloud.readings()) == 6
        assert cloud.twice == 0


def test_memory_is_bounded_while_the_disk_is_full_and_counts_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr("edge_agent.spool.held.HELD_COMMITS_MAX", 200)
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool)
        session = session_of(store)
        spool.refuse_writes()
        n = 300
        for i in range(n):
            lane = Lane.ALARM if i == 7 else Lane.LIVE
            store.add(readings(START_MS + i, 1, 1), lane, {1: {"made": 1, "reported": 1}}, at(0.0, START_MS + i))
        status = session.status(at(0.0, START_MS))
        assert status["held_in_memory"] == 200
        assert status["lost_to_full_disk"] == 100
        spool.refuse_writes(False)
        store.add(readings(START_MS + n, 1, 1), Lane.LIVE, {1: {"made": 1, "reported": 1}}, at(0.0, START_MS + n))
        cloud = Cloud()
        cloud.drain(session, 1.0, START_MS, 1000)
    counts = read_totals(tmp_path / "spool.sqlite")[1]
    assert counts["reported"] == n + 1
    assert counts["dropped"] == 101
    got = cloud.readings()
    assert len(got) == n + 1 - 101
    assert START_MS + 7 in got.time_ms  # the alarm stayed


def test_a_file_that_is_no_spool_at_start_is_set_aside_and_named(tmp_path):
    (tmp_path / "spool.sqlite").write_bytes(b"not a database at all" * 500)
    with closing(database_at(tmp_path)) as spool:
        assert spool.set_aside is not None
        assert spool.set_aside.read_bytes().startswith(b"not a database")
        assert commit(spool, readings(START_MS, 1))


def test_a_file_damaged_while_running_is_set_aside_and_a_new_identity_begins(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool)
        session = session_of(store)
        for i in range(300):
            store.add(readings(START_MS + i, 40), Lane.LIVE, {}, at(0.0, START_MS + i))
        session.link_up(at(1.0))
        before = spool.id
        spool.sql("pragma wal_checkpoint(truncate)")
        path = tmp_path / "spool.sqlite"
        spool.sql("pragma shrink_memory")
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\x55" * (len(raw) - 4096)
        path.write_bytes(raw)
        for i in range(3):
            list(session.due(at(40.0 + i)))
            store.add(readings(START_MS + 1000 + i, 40), Lane.LIVE, {}, at(40.0, START_MS + 1000 + i))
        assert spool.set_aside is not None
        assert spool.id != before
        assert session.connected
        cloud = Cloud()
        cloud.drain(session, 50.0, START_MS)
        assert {spool_id for spool_id, _ in cloud.batches} == {spool.id}
        assert len(cloud.readings()) == 3 * 80
        assert session.status(at(0.0, START_MS))["spool_set_aside"]


def test_an_older_spool_file_is_taken_over(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        commit(spool, readings(START_MS, 3), Lane.LIVE, {1: {"made": 3}})
        for name in ("bytes", "sent", "interval_ms", "boot", "offset_ms", "timed"):
            spool.sql(f"alter table batch drop column {name}")
        for name in ("thinned", "dropped"):
            spool.sql(f"alter table totals drop column {name}")
    with closing(database_at(tmp_path)) as again:
        (row,) = again.waiting()
        assert row.bytes == len(again.payload(1) or b"") == again.bytes_waiting > 0
        assert row.stamp.timed


def test_what_a_run_that_died_while_linked_had_counts_as_sent(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        commit(spool, readings(START_MS, 1))
        spool.mark_linked()
        commit(spool, readings(START_MS, 1))
    with closing(database_at(tmp_path)) as again:
        commit(again, readings(START_MS, 1))
        assert [r.sent for r in again.waiting()] == [True, True, False]
        again.mark_linked()
        again.mark_unlinked([3])
        assert [r.sent for r in again.waiting()] == [True, True, True]
    assert len(read_runs(tmp_path / "spool.sqlite")) == 2


def test_the_floor_is_the_lowest_that_waits(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        assert spool.floor() == 1
        for i in range(4):
            commit(spool, readings(START_MS + i, 1))
        spool.forget([1, 2, 4])
        assert spool.floor() == 3
        spool.forget([3])
        assert spool.floor() == 5


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 14 MB, where we may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("needs root to mount a tmpfs; the same is tested with max_page_count")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_fills_and_empties(small_disk):
    spool = Database(small_disk / "spool.sqlite", "gw", START_MS)
    with closing(spool):
        spool.skip_sync()
        store = store_of(spool, reserve_bytes=5 * 1024**2)
        session = session_of(store)
        utc_ms = START_MS
        everything = []
        counters = {c: {"reported": 20} for c in range(1, 51)}
        for i in range(900):
            batch = readings(utc_ms, 20, 50, 1000)
            utc_ms += 20_000
            everything.append(batch)
            lane = Lane.ALARM if i % 100 == 50 else Lane.LIVE
            store.add(batch, lane, counters, at(i / 4, utc_ms))
        told = session.status(at(0.0, utc_ms))
        assert told["thinned"] > 0
        assert told["dropped"] == 0
        ballast = small_disk / "other"
        with suppress(OSError), ballast.open("wb") as f:  # somebody else takes all that is left
            while True:
                f.write(b"x" * 4096)
        for _ in range(50):
            store.add(readings(utc_ms, 20, 50, 1000), Lane.LIVE, {}, at(300.0, utc_ms))
            utc_ms += 20_000
        ballast.unlink(missing_ok=True)
        store.add(readings(utc_ms, 1, 50), Lane.LIVE, {}, at(301.0, utc_ms))
        assert not store.disk_trouble
        assert session.status(at(301.0, utc_ms))["held_in_memory"] == 0
        cloud = Cloud()
        cloud.drain(session, 400.0, utc_ms, 3000)
        assert session.empty
        alarms = [keys(b) for b in everything[50::100]]
        stored = set(keys(cloud.readings()))
        assert all(stored.issuperset(a) for a in alarms)


def test_the_bytes_of_the_day_are_remembered_over_a_restart(tmp_path):
    settings = OutboxSettings(bytes_per_day=10_000)
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool)
        session = session_of(store, settings)
        store.add(readings(START_MS, 20), Lane.LIVE, {}, at(0.0, START_MS))
        session.link_up(at(1.0))
        assert Cloud().take(session, 1.0, START_MS) == 1
        session.link_down(at(1.5))
        used = session.status(at(0.0, START_MS))["bytes_today"]
    with closing(database_at(tmp_path)) as spool:
        assert session_of(store_of(spool), settings).status(at(0.0))["bytes_today"] == used > 400


def test_the_state_says_what_waits_in_which_lane(tmp_path):
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool, Timekeeper("b", START_MS, 0))
        session = session_of(store)
        store.add(readings(START_MS, 2), Lane.ALARM, {}, at(0.0))
        store.add(readings(START_MS, 2), Lane.LIVE, {}, at(0.0))
        published = session.link_up(at(60.0, START_MS + 60_000))
        topics = [parse_topic(p.topic) for p in published]
        assert [t.kind for t in topics if t] == [TopicKind.BIRTH, TopicKind.ONLINE, TopicKind.STATE]
        state = decode_state(published[2].payload)
        assert state.lanes[Lane.ALARM].batches == state.lanes[Lane.HISTORY].batches == 1
        assert state.lanes[Lane.HISTORY].oldest_age_s == 60
        assert (state.floor, state.asked_ms, state.spool) == (1, 60_000, spool.id)
        list(session.due(at(61.0, START_MS + 61_000)))
        later = [p for p in session.due(at(91.0, START_MS + 91_000)) if p.topic.endswith("/state")]
        assert [decode_state(p.payload).asked_ms for p in later] == [91_000]


def test_what_was_sent_while_the_disk_took_no_mark_of_it_is_not_merged_later(tmp_path):
    """The link went down while the disk was full: that batches may have left is known in memory alone."""
    with closing(database_at(tmp_path)) as spool:
        store = store_of(spool)
        session = session_of(store, OutboxSettings(window=400))
        for i in range(300):
            store.add(readings(START_MS + i, 1), Lane.ALARM, {}, at(0.0))
        session.link_up(at(1.0))
        sent = [p for p in session.due(at(1.0)) if p.topic.endswith("/alarm")]
        spool.refuse_writes()
        session.link_down(at(2.0))
        spool.refuse_writes(False)
        for i in range(300):
            store.add(readings(START_MS + 1000 + i, 1), Lane.ALARM, {}, at(100.0, START_MS + 100_000))
        waiting = {row.seq for row in spool.waiting()}
    assert {decode_batch(p.payload).seq for p in sent} <= waiting
    assert len(sent) >= 44
