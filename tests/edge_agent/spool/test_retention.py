"""What thinning keeps, on any readings; what making room costs, and that it is counted."""

from __future__ import annotations

from contextlib import closing
from typing import ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.readings import Flag, ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool import retention
from edge_agent.spool.batches import Replacement, Spooled
from edge_agent.spool.file import read_given_up, read_totals
from edge_agent.spool.thinning import ROUNDS_MS, once, removed_by_channel, thin
from edge_agent.timesync.timekeeping import Stamp
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

rows = st.lists(
    st.tuples(
        st.integers(0, 4_000_000),
        st.integers(1, 3),
        st.one_of(st.just(float("nan")), st.integers(-50, 50).map(float)),
        st.sampled_from([Flag.PASS, Flag.SUSPECT, Flag.FAIL]),
    ),
    min_size=1,
    max_size=120,
)


def batch_of(drawn) -> ReadingBatch:
    time_ms, channel, value, flag = zip(*drawn, strict=True)
    flags = [Flag.MISSING if np.isnan(v) else f for v, f in zip(value, flag, strict=True)]
    return once(ReadingBatch.of(time_ms, channel, value, flags))


@settings(max_examples=100, deadline=None)
@given(rows, st.sampled_from(ROUNDS_MS))
def test_of_each_interval_the_first_last_least_and_greatest_stay(drawn, interval_ms):
    before = batch_of(drawn)
    after = thin(before, interval_ms)
    assert set(keys(after.take(~np.isnan(after.value)))) <= set(keys(before.take(~np.isnan(before.value))))
    good = before.take((before.flag != Flag.FAIL) & ~np.isnan(before.value))
    kept = after.take((after.flag != Flag.FAIL) & ~np.isnan(after.value))
    for channel in np.unique(good.channel):
        for interval in np.unique(good.time_ms[good.channel == channel] // interval_ms):
            had = good.take((good.channel == channel) & (good.time_ms // interval_ms == interval))
            has = kept.take((kept.channel == channel) & (kept.time_ms // interval_ms == interval))
            assert has.value.min() == had.value.min()
            assert has.value.max() == had.value.max()
            assert has.time_ms.min() == had.time_ms.min()
            assert has.time_ms.max() == had.time_ms.max()
            assert len(has) <= 4
    assert sum(removed_by_channel(before, after).values()) == len(before) - len(after)
    assert keys(thin(after, interval_ms)) == keys(after) or np.isnan(after.value).any()


def test_a_correction_replaces_what_it_corrects():
    twice = ReadingBatch.of([5, 4, 5], [1, 1, 1], [1, 2, 1], [Flag.PASS, Flag.PASS, Flag.FAIL])
    assert once(twice).flag.tolist() == [Flag.PASS, Flag.FAIL]


def test_small_batches_of_an_outage_are_merged_and_nothing_is_lost(tmp_path):
    everything = []
    with closing(database_at(tmp_path)) as database:
        database.skip_sync()
        store = store_of(database)
        session = session_of(store)
        for i in range(1200):
            lane = Lane.ALARM if i % 2 else Lane.LIVE
            everything.append(readings(START_MS + i * 1000, 1))
            store.add(everything[-1], lane, {}, at(i, START_MS + i * 1000))
        assert len(database.waiting()) < 700
        cloud = Cloud()
        cloud.drain(session, 1200, START_MS + 1_200_000)
        assert keys(cloud.readings()) == keys(ReadingBatch.concat(everything))
        lanes = {s: b.lane for (_, s), b in cloud.batches.items()}
        assert Lane.HISTORY in lanes.values()
        assert Lane.ALARM in lanes.values()


def test_near_the_cap_calm_history_is_thinned_alarms_stay_and_all_is_counted(tmp_path):
    with closing(database_at(tmp_path)) as database:
        store = store_of(database, cap_bytes=60_000)
        session = session_of(store)
        everything, alarms = [], []
        for i in range(400):
            now = at(i, START_MS + i * 120_000)
            batch = readings(now.utc_ms, 12)
            everything.append(batch)
            lane = Lane.ALARM if i % 40 == 20 else Lane.LIVE
            if lane is Lane.ALARM:
                alarms.append(batch)
            store.add(batch, lane, {c: {"reported": 12} for c in (1, 2)}, now)
        assert database.bytes_waiting <= 60_000
        cloud = Cloud()
        cloud.drain(session, 400, START_MS + 400 * 120_000, 2000)
        assert session.empty
        commit(database, ReadingBatch.empty())
    got, had = set(keys(cloud.readings())), keys(ReadingBatch.concat(everything))
    totals = read_totals(tmp_path / "spool.sqlite")
    gone = sum(c["thinned"] + c["dropped"] for c in totals.values())
    assert sum(c["reported"] for c in totals.values()) == len(had) == len(got) + gone
    assert all(got.issuperset(keys(a)) for a in alarms)
    assert sum(c["dropped"] for c in totals.values()) == 0
    assert max(v for *_, v in got) == max(v for *_, v in had)
    assert {g.interval_ms for g in read_given_up(tmp_path / "spool.sqlite")} <= set(ROUNDS_MS)


def test_what_may_have_been_sent_is_never_thinned(tmp_path):
    with closing(database_at(tmp_path)) as database:
        for i in range(20):
            commit(database, readings(START_MS + i * 1000, 12))
        database.mark_linked()
        database.mark_unlinked(range(1, 20))
        interval_ms, choice = retention.to_thin()[0]
        rows = database.oldest(choice)
    assert retention.worth_thinning(rows, {20}, interval_ms) == []
    assert [r.seq for r in retention.worth_thinning(rows, (), interval_ms)] == [20]


def test_only_what_one_clock_stamped_is_merged_or_thinned_together():
    one, other = Stamp("b1", 5), Stamp("b2", 5)
    rows = [Spooled(s, Lane.LIVE, s, stamp=one if s % 2 else other) for s in range(1, 1001)]
    assert [r.seq for r in retention.worth_merging(rows, {1})] == list(range(2, 1001, 2))
    assert retention.worth_merging(rows[:100], ()) == []
    assert [r.seq for r in retention.worth_thinning(rows[:6], (), ROUNDS_MS[0])] == [1, 3, 5]


class Watched(Database):
    """Notes what goes, in its order."""

    gone: ClassVar[list[int]] = []

    def replace(self, change: Replacement, last_commit_ms: int | None = None) -> list[Spooled]:
        self.gone.extend(change.old)
        return super().replace(change, last_commit_ms)


def test_when_nothing_is_left_to_thin_the_oldest_goes_alarms_last(tmp_path):
    with closing(Watched(tmp_path / "spool.sqlite", "gw", START_MS)) as database:
        commit(database, readings(START_MS, 3), Lane.ALARM)
        for i in range(40):
            commit(database, readings(START_MS + 1000 + i, 1), utc_ms=START_MS + 1000 + i)
        database.mark_linked()
        database.mark_unlinked(range(1, 42))
        store_of(database, cap_bytes=0).add(ReadingBatch.empty(), Lane.LIVE, {}, at(0.0))
        assert database.gone == [*range(2, 42), 1]
        assert database.totals("dropped") == 2 * 43
    assert {g.interval_ms for g in read_given_up(tmp_path / "spool.sqlite")} == {0}
    with closing(database_at(tmp_path)) as again:
        assert again.set_aside is None
        assert again.totals("dropped") == 2 * 43


def test_a_full_disk_thins_to_make_room(tmp_path):
    with closing(database_at(tmp_path)) as database:
        store = store_of(database)
        for i in range(200):
            store.add(readings(START_MS + i * 400_000, 40), Lane.LIVE, {}, at(i, START_MS + i * 400_000))
        database.fill_up()
        for i in range(200, 260):
            store.add(readings(START_MS + i * 400_000, 40), Lane.LIVE, {}, at(i, START_MS + i * 400_000))
        assert not store.disk_trouble
        assert database.totals("thinned") > 0
        assert database.totals("dropped") == 0
