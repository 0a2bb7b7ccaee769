"""What thinning keeps, on any readings; what making room costs, and that it is counted."""

from __future__ import annotations

from contextlib import closing

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.readings import Flag, ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool import retention
from edge_agent.spool.file import read_given_up
from edge_agent.spool.store import read_totals
from edge_agent.spool.thinning import ROUNDS_MS, once, removed_by_channel, thin
from tests.edge_agent.support import START_MS, Cloud, full, keys, readings, sender_of, spool_at

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
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        spool._db.execute("pragma synchronous = off")
        for i in range(1200):
            lane = Lane.ALARM if i % 2 else Lane.LIVE
            everything.append(readings(START_MS + i * 1000, 1))
            sender.submit(everything[-1], lane, {}, i, START_MS + i * 1000)
        assert len(spool.waiting()) < 700
        cloud = Cloud()
        cloud.drain(sender, 1200, START_MS + 1_200_000)
        assert keys(cloud.readings()) == keys(ReadingBatch.concat(everything))
        lanes = {s: b.lane for (_, s), b in cloud.batches.items()}
        assert Lane.HISTORY in lanes.values()
        assert Lane.ALARM in lanes.values()


def test_near_the_cap_calm_history_is_thinned_alarms_stay_and_all_is_counted(tmp_path):
    with closing(spool_at(tmp_path, 60_000)) as spool:
        sender = sender_of(spool)
        everything, alarms = [], []
        for i in range(400):
            at = START_MS + i * 120_000
            batch = readings(at, 12)
            everything.append(batch)
            lane = Lane.ALARM if i % 40 == 20 else Lane.LIVE
            if lane is Lane.ALARM:
                alarms.append(batch)
            sender.submit(batch, lane, {c: {"reported": 12} for c in (1, 2)}, i, at)
        assert spool.bytes_waiting <= 60_000
        cloud = Cloud()
        cloud.drain(sender, 400, START_MS + 400 * 120_000, 2000)
        assert sender.empty
        spool.commit(ReadingBatch.empty(), Lane.LIVE, {}, START_MS)
    got, had = set(keys(cloud.readings())), keys(ReadingBatch.concat(everything))
    totals = read_totals(tmp_path / "spool.sqlite")
    gone = sum(c["thinned"] + c["dropped"] for c in totals.values())
    assert sum(c["reported"] for c in totals.values()) == len(had) == len(got) + gone
    assert all(got.issuperset(keys(a)) for a in alarms)
    assert sum(c["dropped"] for c in totals.values()) == 0
    assert max(v for *_, v in got) == max(v for *_, v in had)
    assert {g.interval_ms for g in read_given_up(tmp_path / "spool.sqlite")} <= set(ROUNDS_MS)


def test_what_may_have_been_sent_is_never_thinned(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        for i in range(20):
            spool.commit(readings(START_MS + i * 1000, 12), Lane.LIVE, {}, START_MS)
        spool.mark_linked()
        spool.mark_unlinked(range(1, 20))
        change = retention.make(spool, {20}, may_drop=False)
        assert change is None
        change = retention.make(spool, (), may_drop=False)
        assert change is not None
        assert list(change.gone) == [20]


def test_when_nothing_is_left_to_thin_the_oldest_goes_alarms_last(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        spool.commit(readings(START_MS, 3), Lane.ALARM, {}, START_MS)
        for i in range(40):
            spool.commit(readings(START_MS + 1000 + i, 1), Lane.LIVE, {}, START_MS + 1000 + i)
        spool.mark_linked()
        spool.mark_unlinked(range(1, 42))
        gone = []
        while (change := retention.make(spool, ())) is not None:
            gone.extend(change.gone)
        assert gone == [*range(2, 42), 1]
        assert spool.totals("dropped") == 2 * 43
    assert {g.interval_ms for g in read_given_up(tmp_path / "spool.sqlite")} == {0}
    with closing(spool_at(tmp_path)) as again:
        assert again.set_aside is None
        assert again.totals("dropped") == 2 * 43


def test_a_full_disk_thins_to_make_room(tmp_path):
    with closing(spool_at(tmp_path)) as spool:
        sender = sender_of(spool)
        for i in range(200):
            sender.submit(readings(START_MS + i * 400_000, 40), Lane.LIVE, {}, i, START_MS + i * 400_000)
        full(spool)
        for i in range(200, 260):
            sender.submit(readings(START_MS + i * 400_000, 40), Lane.LIVE, {}, i, START_MS + i * 400_000)
        assert not sender.disk_trouble
        assert spool.totals("thinned") > 0
        assert spool.totals("dropped") == 0
