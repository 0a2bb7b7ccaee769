"""The newest reading of every channel, against a dictionary, however the log is cut into steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.log.base import START
from cloud.views.decode import readings
from cloud.views.latest import LatestView
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from tests.cloud.series.support import START_MS, Rows, entry, random_log, rows_of, tick


def newest(log) -> Rows:
    found: dict[int, tuple[int, float, int]] = {}
    for e in log:
        for (c, t), (v, f) in sorted(in_order(readings([e]))):
            if c not in found or t >= found[c][0]:
                found[c] = (t, v, f)
    return {(c, t): (v, f) for c, (t, v, f) in found.items()}


def in_order(batch: ReadingBatch):
    """By time; of one time the last given stands."""
    last = {}
    for c, t, v, f in zip(*(x.tolist() for x in (batch.channel, batch.time_ms, batch.value, batch.flag)), strict=True):
        last[c, t] = (-9999.0 if np.isnan(v) else v, f)
    return sorted(last.items(), key=lambda item: item[0][1])


@pytest.mark.parametrize("seed", range(8))
def test_the_newest_of_each_channel_whatever_comes_late_or_again(small_district: Catalogue, seed: int) -> None:
    log = random_log(seed, 120, 30, sorted(small_district.channels)[:4])
    rng = np.random.default_rng(seed)
    view = LatestView(small_district)
    at = 0
    while at < len(log):
        step = int(rng.integers(1, 9))
        view.apply(log[at : at + step])
        at += step
    assert rows_of(view.snapshot()) == newest(log)
    assert view.cursor() == log[-1].offset
    channels = view.snapshot().channel.tolist()
    assert channels == sorted(channels)


def test_a_channel_that_left_the_catalogue_is_passed_over(small_district: Catalogue) -> None:
    known = max(small_district.channels)
    view = LatestView(small_district)
    view.apply(
        [entry(1, START_MS, ReadingBatch.of([START_MS] * 3, [known, known + 7, 4_000_000_000], [1.0, 2.0, 3.0]))]
    )
    assert rows_of(view.snapshot()) == {(known, START_MS): (1.0, 2)}


def test_time_alone_moves_the_cursor_and_reset_begins_anew(small_district: Catalogue) -> None:
    view = LatestView(small_district)
    assert (view.cursor(), len(view.snapshot())) == (START, 0)
    view.apply([tick(4, START_MS)])
    assert (view.cursor(), len(view.snapshot())) == (4, 0)
    view.apply([entry(5, START_MS, ReadingBatch.of([START_MS], [min(small_district.channels)], [0.1]))])
    view.reset()
    assert (view.cursor(), len(view.snapshot())) == (START, 0)


@given(
    entries=st.lists(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from([0.1, 0.2, float("nan")])),
            min_size=1,
            max_size=6,
        ),
        min_size=1,
        max_size=12,
    ),
    cuts=st.sets(st.integers(1, 11)),
)
def test_one_entry_at_a_time_gives_what_several_at_once_give(
    small_district: Catalogue, entries: list[list[tuple[int, int, float]]], cuts: set[int]
) -> None:
    """Late readings, equal times and repeated channels included."""
    numbers = sorted(small_district.channels)
    log = []
    for offset, drawn in enumerate(entries, 1):
        channel, second, value = zip(*drawn, strict=True)
        batch = ReadingBatch.of([START_MS + s * 1000 for s in second], [numbers[c] for c in channel], value)
        log.append(entry(offset, START_MS, batch))
    alone, grouped = LatestView(small_district), LatestView(small_district)
    for each in log:
        alone.apply([each])
    for a, b in pairwise([0, *sorted(c for c in cuts if c < len(log)), len(log)]):
        grouped.apply(log[a:b])
    assert rows_of(alone.snapshot()) == rows_of(grouped.snapshot()) == newest(log)
    assert alone.cursor() == grouped.cursor() == len(log)
