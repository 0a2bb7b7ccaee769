"""Readings by blocks are those of one great read, however they are parted; on every engine."""

from __future__ import annotations

import math
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from cloud.api.series_tables import Question, tables
from cloud.series import blocks as module
from cloud.series.base import SeriesStore
from cloud.series.blocks import Wanted, blocks
from cloud.series.figures import USABLE
from cloud.series.intervals import LocalDays, edges
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.series.support import HOUR_MS, START_MS, Open, Rows, entry, feed, oracle, random_log, rows_of

CHANNELS = (101, 102, 201)
EDGES = START_MS + np.arange(-60, 61, 3) * HOUR_MS


@pytest.mark.parametrize("rows", [3, 40, 300, 100_000])
def test_every_reading_comes_once_and_in_order(opened: Open, monkeypatch, rows: int) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", rows)
    store, log = opened(), random_log(5, 120, 60)
    feed(store, log)
    found = list(blocks(store, [Wanted(c, HOUR_MS) for c in CHANNELS], EDGES))
    together = ReadingBatch.concat(b.readings for b in found)
    a, b = int(EDGES[0]), int(EDGES[-1])
    assert rows_of(together) == {k: v for k, v in oracle(log).items() if a <= k[1] < b}
    assert np.array_equal(np.lexsort((together.time_ms, together.channel)), np.arange(len(together)))
    for channel in CHANNELS:  # every interval of every channel stands in one block
        of = [b.edges_ms for b in found if channel in [w.channel for w in b.wanted]]
        assert [int(e[0]) for e in of[1:]] == [int(e[-1]) for e in of[:-1]]
        assert (int(of[0][0]), int(of[-1][-1])) == (a, b)
    assert all(
        w.channel in CHANNELS and len(r) == np.sum(b.readings.channel == w.channel) for b in found for w, r in b.each()
    )


def test_what_may_hold_into_the_time_comes_too_and_a_counters_last_from_further_back(opened: Open) -> None:
    day = 24 * HOUR_MS
    store = opened()
    times = [START_MS - 20 * day, START_MS - 3 * day, START_MS - 2 * day, START_MS - HOUR_MS, START_MS + HOUR_MS]
    heard = [(t, c) for t in times for c in (101, 102) if (t, c) != (START_MS - HOUR_MS, 102)]
    flags = [Flag.FAIL if t == START_MS - 2 * day else Flag.PASS for t, _ in heard]
    batch = ReadingBatch.of([t for t, _ in heard], [c for _, c in heard], [1.0] * len(heard), flags)
    feed(store, [entry(1, START_MS, batch)])
    edges = np.array([START_MS, START_MS + 2 * HOUR_MS])
    wanted = [Wanted(c, HOUR_MS, 2 * HOUR_MS, further=True) for c in (101, 102)]
    (block,) = blocks(store, wanted, edges)
    found = {w.channel: r.time_ms.tolist() for w, r in block.each()}
    assert found == {101: times[3:], 102: [START_MS - 3 * day, START_MS + HOUR_MS]}  # a failed one says nothing


class Plain:
    """A store that holds rows in a dict: so simple that it must be right."""

    def __init__(self, rows: Rows) -> None:
        self._rows = [(t, c, math.nan if v == -9999.0 else v, f) for (c, t), (v, f) in sorted(rows.items())]

    def raw(self, channels, start_ms: int, end_ms: int, at_most: int | None = None) -> ReadingBatch:
        mine = [r for r in self._rows if r[1] in channels and start_ms <= r[0] < end_ms]
        return ReadingBatch.of(*zip(*mine, strict=True)) if mine else ReadingBatch.empty()


@pytest.mark.parametrize("interval", ["15min", "1d", "whole"])
def test_figures_are_the_same_on_every_engine(opened: Open, small_district: Catalogue, interval) -> None:
    store, log = opened(), random_log(11, 150, 60)
    feed(store, log)
    cut = edges(interval, int(EDGES[0]), int(EDGES[-1]), LocalDays(ZoneInfo("Asia/Shanghai")))
    channels = [small_district.channels[c] for c in CHANNELS]
    names = ("mean", "minimum", "maximum", "p50", "count", "first", "last", "covered_s", "flag")
    question = Question(channels, cut, names, 0.0, USABLE, "previous", named=True, until_ms=int(EDGES[-1]))
    wanted = pa.concat_tables(tables(question, cast(SeriesStore, Plain(oracle(log)))))
    assert pa.concat_tables(tables(question, store)).to_pylist() == wanted.to_pylist()
    assert len(wanted) == len(CHANNELS) * (len(cut) - 1)
