"""The spool when its disk is full, its file damaged, its run ended without a word."""

from __future__ import annotations

import subprocess
from contextlib import closing, suppress

import pytest

from contract.wire.envelope import Lane
from contract.wire.state import decode_state
from contract.wire.topics import TopicKind, parse_topic
from edge_agent.spool.store import Spool, SpoolFull, read_runs, read_totals
from edge_agent.uplink.outbox import OutboxSettings
from tests.edge_agent.support import START_MS, Cloud, full, keys, readings, roomy, sender_of, spool_at


def test_a_full_disk_is_said_and_nothing_of_the_commit_is_kept(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        spool.commit(readings(START_MS, 1), Lane.LIVE, {1: {"made": 1}}, START_MS)
        full(spool)
        with pytest.raises(SpoolFull, match="make room"):
            spool.commit(readings(START_MS, 2000), Lane.LIVE, {1: {"made": 1}}, START_MS)
        assert spool.next_seq == 2
        roomy(spool)
        assert [s.seq for s in spool.commit(readings(START_MS, 1), Lane.LIVE, {1: {"made": 1}}, START_MS)] == [2]
    assert read_totals(tmp_path / "spool.sqlite")[1]["made"] == 2


def test_what_cannot_be_forgotten_now_is_forgotten_with_the_next_write(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        spool.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)
        spool._db.execute("pragma query_only = 1")  # every write fails now
        with pytest.raises(SpoolFull):
            spool.forget([1])
        assert spool.waiting() == []
        spool._db.execute("pragma query_only = 0")
        spool.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)
    with closing(Spool(tmp_path / "spool.sqlite", "gw", START_MS)) as again:
        assert [s.seq for s in again.waiting()] == [2]


def test_acknowledgements_and_links_do_not_fail_on_a_disk_that_takes_nothing(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        sender.submit(readings(START_MS, 1), Lane.LIVE, {}, 0.0, START_MS)
        cloud = Cloud()
        sender.linked(1.0)
        spool._db.execute("pragma query_only = 1")
        assert cloud.take(sender, 1.0, START_MS) == 1
        sender.unlinked()
        sender.linked(2.0)
        sender.submit(readings(START_MS + 1, 1), Lane.LIVE, {}, 2.0, START_MS + 1)
        assert "make room" in sender.disk_trouble
        assert sender.status(START_MS)["held_in_memory"] == 2
        spool._db.execute("pragma query_only = 0")
        sender.submit(readings(START_MS + 2, 1), Lane.LIVE, {}, 3.0, START_MS + 2)
        assert not sender.disk_trouble
        cloud.drain(sender, 3.0, START_MS)
        assert len(cloud.readings()) == 6
        assert cloud.twice == 0


def test_memory_is_bounded_while_the_disk_is_full_and_counts_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr("edge_agent.spool.held.HELD_COMMITS_MAX", 200)
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        spool._db.execute("pragma query_only = 1")
        n = 300
        for i in range(n):
            lane = Lane.ALARM if i == 7 else Lane.LIVE
            sender.submit(readings(START_MS + i, 1, 1), lane, {1: {"made": 1, "reported": 1}}, 0.0, START_MS + i)
        status = sender.status(START_MS)
        assert status["held_in_memory"] == 200
        assert status["lost_to_full_disk"] == 100
        spool._db.execute("pragma query_only = 0")
        sender.submit(readings(START_MS + n, 1, 1), Lane.LIVE, {1: {"made": 1, "reported": 1}}, 0.0, START_MS + n)
        cloud = Cloud()
        cloud.drain(sender, 1.0, START_MS, 1000)
    counts = read_totals(tmp_path / "spool.sqlite")[1]
    assert counts["reported"] == n + 1
    assert counts["dropped"] == 101
    got = cloud.readings()
    assert len(got) == n + 1 - 101
    assert START_MS + 7 in got.time_ms  # the alarm stayed


def test_a_file_that_is_no_spool_at_start_is_set_aside_and_named(tmp_path):
    (tmp_path / "spool.sqlite").write_bytes(b"not a database at all" * 500)
    with closing(spool_at(tmp_path)) as spool:
        assert spool.set_aside is not None
        assert spool.set_aside.read_bytes().startswith(b"not a database")
        assert spool.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)


def test_a_file_damaged_while_running_is_set_aside_and_a_new_identity_begins(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        for i in range(300):
            sender.submit(readings(START_MS + i, 40), Lane.LIVE, {}, 0.0, START_MS + i)
        sender.linked(1.0)
        before = spool.id
        spool._db.execute("pragma wal_checkpoint(truncate)")
        path = tmp_path / "spool.sqlite"
        spool._db.execute("pragma shrink_memory")
        raw = bytearray(path.read_bytes())
        raw[4096:] = b"\x55" * (len(raw) - 4096)
        path.write_bytes(raw)
        for i in range(3):
            list(sender.due(40.0 + i, START_MS))
            sender.submit(readings(START_MS + 1000 + i, 40), Lane.LIVE, {}, 40.0, START_MS + 1000 + i)
        assert spool.set_aside is not None
        assert spool.id != before
        assert sender.connected
        cloud = Cloud()
        cloud.drain(sender, 50.0, START_MS)
        assert {spool_id for spool_id, _ in cloud.batches} == {spool.id}
        assert len(cloud.readings()) == 3 * 80
        assert sender.status(START_MS)["spool_set_aside"]


def test_an_older_spool_file_is_taken_over(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        spool.commit(readings(START_MS, 3), Lane.LIVE, {1: {"made": 3}}, START_MS)
        for name in ("bytes", "sent", "interval_ms", "boot", "offset_ms", "timed"):
            spool._db.execute(f"alter table batch drop column {name}")
        for name in ("thinned", "dropped"):
            spool._db.execute(f"alter table totals drop column {name}")
    with closing(spool_at(tmp_path)) as again:
        (row,) = again.waiting()
        assert row.bytes == len(again.payload(1) or b"") == again.bytes_waiting > 0
        assert row.stamp.timed


def test_what_a_run_that_died_while_linked_had_counts_as_sent(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        spool.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)
        spool.mark_linked()
        spool.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)
    with closing(spool_at(tmp_path)) as again:
        again.commit(readings(START_MS, 1), Lane.LIVE, {}, START_MS)
        assert [r.sent for r in again.waiting()] == [True, True, False]
        again.mark_linked()
        again.mark_unlinked([3])
        assert [r.sent for r in again.waiting()] == [True, True, True]
    assert len(read_runs(tmp_path / "spool.sqlite")) == 2


def test_the_floor_is_the_lowest_that_waits(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        assert spool.floor() == 1
        for i in range(4):
            spool.commit(readings(START_MS + i, 1), Lane.LIVE, {}, START_MS)
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
    spool = Spool(small_disk / "spool.sqlite", "gw", START_MS, reserve_bytes=5 * 1024**2)
    with closing(spool):
        spool._db.execute("pragma synchronous = off")
        sender = sender_of(spool)
        at = START_MS
        everything = []
        counters = {c: {"reported": 20} for c in range(1, 51)}
        for i in range(900):
            batch = readings(at, 20, 50, 1000)
            at += 20_000
            everything.append(batch)
            lane = Lane.ALARM if i % 100 == 50 else Lane.LIVE
            sender.submit(batch, lane, counters, i / 4, at)
        told = sender.status(at)
        assert told["thinned"] > 0
        assert told["dropped"] == 0
        ballast = small_disk / "other"
        with suppress(OSError), ballast.open("wb") as f:  # somebody else takes all that is left
            while True:
                f.write(b"x" * 4096)
        for _ in range(50):
            sender.submit(readings(at, 20, 50, 1000), Lane.LIVE, {}, 300.0, at)
            at += 20_000
        ballast.unlink(missing_ok=True)
        sender.submit(readings(at, 1, 50), Lane.LIVE, {}, 301.0, at)
        assert not sender.disk_trouble
        assert not len(sender.held)
        cloud = Cloud()
        cloud.drain(sender, 400.0, at, 3000)
        assert sender.empty
        alarms = [keys(b) for b in everything[50::100]]
        stored = set(keys(cloud.readings()))
        assert all(stored.issuperset(a) for a in alarms)


def test_the_bytes_of_the_day_are_remembered_over_a_restart(tmp_path):
    settings = OutboxSettings(bytes_per_day=10_000)
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool, settings)
        sender.submit(readings(START_MS, 20), Lane.LIVE, {}, 0.0, START_MS)
        sender.linked(1.0, START_MS)
        assert Cloud().take(sender, 1.0, START_MS) == 1
        sender.unlinked()
        used = sender.status(START_MS)["bytes_today"]
    with closing(spool_at(tmp_path)) as spool:
        assert sender_of(spool, settings).status(START_MS)["bytes_today"] == used > 400


def test_the_state_says_what_waits_in_which_lane(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        sender.submit(readings(START_MS, 2), Lane.ALARM, {}, 0.0, START_MS)
        sender.submit(readings(START_MS, 2), Lane.LIVE, {}, 0.0, START_MS)
        said = [parse_topic(p.topic) for p in sender.linked(60.0, START_MS + 60_000, 5)]
        assert [t.kind for t in said if t] == [TopicKind.BIRTH, TopicKind.ONLINE, TopicKind.STATE]
        state = decode_state(sender.linked(60.0, START_MS + 60_000, 5)[2].payload)
        assert state.lanes[Lane.ALARM].batches == state.lanes[Lane.HISTORY].batches == 1
        assert state.lanes[Lane.HISTORY].oldest_age_s == 60
        assert (state.floor, state.asked_ms, state.spool) == (1, 5, spool.id)
        list(sender.due(61.0, START_MS + 61_000, 6))
        later = [p for p in sender.due(91.0, START_MS + 91_000, 7) if p.topic.endswith("/state")]
        assert [decode_state(p.payload).asked_ms for p in later] == [7]
