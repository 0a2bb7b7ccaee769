"""One body of tests for every engine of the series store."""

from __future__ import annotations

import math
import random

import pytest

from cloud.series.base import Hourly, TooMany
from cloud.views.decode import readings
from contract.readings import ReadingBatch
from tests.cloud.series.support import (
    HOUR_MS,
    START_MS,
    Hour,
    Open,
    entry,
    feed,
    hourly_oracle,
    oracle,
    random_log,
    rows_of,
    tick,
)

CHANNELS = (101, 102, 201)
ALL = (START_MS - 100 * HOUR_MS, START_MS + 10_000 * HOUR_MS)


def test_a_question_for_too_much_is_broken_off(opened: Open) -> None:
    store = opened()
    log = random_log(2, 100, 60)
    feed(store, log)
    there = len(oracle(log))
    assert len(store.raw(CHANNELS, *ALL, at_most=len(readings(log)))) == there  # corrections count, too
    with pytest.raises(TooMany):
        store.raw(CHANNELS, *ALL, at_most=there - 1)


def hours_of(h: Hourly) -> dict[tuple[int, int], Hour]:
    out: dict[tuple[int, int], Hour] = {}
    columns = (h.channel, h.hour_ms, h.count, h.minimum, h.maximum, h.mean, h.first, h.last)
    for c, t, n, *figures in zip(*(x.tolist() for x in columns), strict=True):
        assert (c, t) not in out
        out[c, t] = (n, *(-9999.0 if math.isnan(x) else round(x, 9) for x in figures))
    return out


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hours", [2.5, 60, 1600])
def test_what_went_in_comes_out_once_and_to_the_bit(opened: Open, seed: int, hours: float) -> None:
    log = random_log(seed, 100, hours)
    store = opened()
    feed(store, log, chunk=1 + seed * 13)
    truth = oracle(log)
    assert rows_of(store.raw(CHANNELS, *ALL)) == truth
    assert hours_of(store.hourly(CHANNELS, *ALL)) == hourly_oracle(truth)
    middle = START_MS + int(hours * HOUR_MS / 2)
    part = {k: v for k, v in truth.items() if k[0] == 102 and middle <= k[1] < middle + 3 * HOUR_MS}
    assert rows_of(store.raw([102], middle, middle + 3 * HOUR_MS)) == part


@pytest.mark.parametrize("seed", range(2))
def test_restarts_anywhere_change_nothing(opened: Open, seed: int) -> None:
    log = random_log(seed, 150, 60)
    chance = random.Random(seed)
    store = opened()
    for _ in range(6):
        rest = [e for e in log if e.offset > store.cursor()]
        feed(store, rest[: chance.randrange(1, 40)], chunk=chance.randrange(1, 9))
        store = opened()
    feed(store, log)
    assert rows_of(store.raw(CHANNELS, *ALL)) == oracle(log)


def test_a_rebuild_gives_the_same(opened: Open) -> None:
    log = random_log(3, 150, 60)
    store = opened()
    feed(store, log)
    before = rows_of(store.raw(CHANNELS, *ALL))
    store.reset()
    assert store.cursor() == 0
    assert rows_of(store.raw(CHANNELS, *ALL)) == {}
    feed(store, log, chunk=50)
    assert rows_of(store.raw(CHANNELS, *ALL)) == before


def test_a_corrected_flag_replaces_the_first(opened: Open) -> None:
    store = opened()
    first = ReadingBatch.of([START_MS], [101], [0.4], [1])
    log = [entry(1, START_MS, first), entry(2, START_MS + 3 * HOUR_MS, first.with_flags([3]))]
    feed(store, [*log, tick(3, START_MS + 60 * HOUR_MS)])
    assert rows_of(store.raw([101], *ALL)) == {(101, START_MS): (0.4, 3)}


def test_unknown_channels_and_empty_ranges_have_nothing(opened: Open) -> None:
    store = opened()
    feed(store, random_log(1, 20, 2))
    assert len(store.raw([999], *ALL)) == 0
    assert len(store.raw([], *ALL)) == 0
    assert len(store.raw([101], START_MS, START_MS)) == 0
    assert len(store.hourly([999], *ALL).channel) == 0


def test_begun_again_at_a_place_of_a_trimmed_log_it_keeps_what_is_older(opened: Open) -> None:
    log = random_log(3, 120, 60)
    store = opened()
    feed(store, log)
    before, hours = rows_of(store.raw(CHANNELS, *ALL)), store.hourly(CHANNELS, *ALL)
    cut = log[len(log) // 2].offset
    store.rewind(cut)
    store = opened()
    assert store.cursor() == cut
    feed(store, log)  # what is left of it
    assert rows_of(store.raw(CHANNELS, *ALL)) == before
    again = store.hourly(CHANNELS, *ALL)
    assert (again.count.tolist(), again.channel.tolist()) == (hours.count.tolist(), hours.channel.tolist())


@pytest.mark.parametrize(("start", "end"), [(30, 150), (0, 60), (1, 59), (-90, 61), (59, 61), (60, 60)])
def test_hours_are_whole_ones_that_start_in_the_time_merged_or_not(opened: Open, start: int, end: int) -> None:
    log, store = random_log(4, 60, 4), opened()
    feed(store, log)
    a, b = START_MS + start * HOUR_MS // 60, START_MS + end * HOUR_MS // 60
    wanted = {k: v for k, v in hourly_oracle(oracle(log)).items() if a <= k[1] < b}
    assert hours_of(store.hourly(CHANNELS, a, b)) == wanted
    feed(store, [*log, tick(999, START_MS + 60 * HOUR_MS)])
    assert hours_of(store.hourly(CHANNELS, a, b)) == wanted
