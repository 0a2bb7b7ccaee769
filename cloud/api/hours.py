"""Hourly figures as they are told: weighted by time, from rollups; from readings where those cannot tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cloud.api.series_tables import Question, hold_ms
from cloud.series.base import Hourly, SeriesStore
from cloud.series.blocks import blocks
from cloud.series.columns import HOUR_MS
from cloud.series.figures import Figures, Holding
from cloud.series.held import NEVER, held
from cloud.series.hourly import hourly_take, whole_hours
from contract.catalogue.catalogue import Catalogue
from contract.readings import Bools, Float64s, Int64s

_AT_ONCE_MS = 31 * 24 * HOUR_MS  # of readings that are read for hours of which the rollup cannot tell


@dataclass(frozen=True, slots=True)
class Hours:
    """rows: mean, minimum and maximum weighted by time. covered_s: of each row; NaN where readings do not hold, or the
    readings that would tell were let go."""

    rows: Hourly
    covered_s: Float64s


def weighted(
    store: SeriesStore,
    catalogue: Catalogue,
    channels: list[int],
    start_ms: int,
    end_ms: int,
    until_ms: int,
    at_most: int | None = None,
) -> Hours:
    """Whole hours that start in [start_ms, end_ms) and hold any reading, by channel, then hour. until_ms: now.

    mean, minimum and maximum are of what held in the hour, also from before it (see `cloud.series.figures`). Where the
    rollup cannot tell and the readings were let go (`retention:`), the mean is NaN: that of the readings would be
    another thing. Raises TooMany, and what the store raises.
    """
    start_ms, end_ms = whole_hours(start_ms, end_ms)
    holds = {c: hold_ms(catalogue.channels[c]) for c in set(channels)}
    before_ms = -(-max((h or 0 for h in holds.values()), default=0) // HOUR_MS) * HOUR_MS
    every = store.hourly(channels, start_ms - before_ms, end_ms, at_most)
    hold = _of_each(every.channel, holds)
    found = held(every, hold, until_ms)
    asked = every.hour_ms >= start_ms
    rows = hourly_take(every, asked)
    mean, minimum, maximum = found.mean[asked], found.minimum[asked], found.maximum[asked]
    out = Hours(replace(rows, mean=mean, minimum=minimum, maximum=maximum), found.covered_s[asked])
    unsure: Bools = found.unsure[asked]
    if unsure.any():
        _from_readings(out, unsure, store, catalogue, until_ms)
    return out


def _of_each(channel: np.ndarray, holds: dict[int, int | None]) -> Int64s:
    numbers = np.array(sorted(holds), np.int64)
    known = np.array([NEVER if (hold := holds[int(c)]) is None else hold for c in numbers], np.int64)
    return np.asarray(known[np.searchsorted(numbers, channel)])


def _from_readings(out: Hours, unsure: Bools, store: SeriesStore, catalogue: Catalogue, until_ms: int) -> None:
    """Fills in the rows that are unsure."""
    h = out.rows
    out.covered_s[unsure] = out.rows.mean[unsure] = np.nan
    at = h.hour_ms // _AT_ONCE_MS
    for part in np.unique(at[unsure]):
        chosen = np.flatnonzero(unsure & (at == part))
        first_ms, last_ms = int(h.hour_ms[chosen].min()), int(h.hour_ms[chosen].max())
        edges_ms = np.arange(first_ms, last_ms + 2 * HOUR_MS, HOUR_MS)
        question = Question.of_hours(catalogue, np.unique(h.channel[chosen]).tolist(), edges_ms, until_ms)
        for block in blocks(store, question.wanted(), edges_ms):
            for wanted, readings in block.each():
                hour = h.hour_ms[chosen]
                inside = (hour >= block.edges_ms[0]) & (hour < block.edges_ms[-1])
                rows = chosen[inside & (h.channel[chosen] == wanted.channel)]
                holding = Holding(hold_ms(catalogue.channels[wanted.channel]), until_ms)
                _fill(out, rows, Figures(readings, block.edges_ms, holding), int(block.edges_ms[0]))


def _fill(out: Hours, rows: Int64s, figures: Figures, first_ms: int) -> None:
    h = out.rows
    place = (h.hour_ms[rows] - first_ms) // HOUR_MS
    there = figures.rows()[place] > 0
    rows, place = rows[there], place[there]
    h.mean[rows], out.covered_s[rows] = figures.mean()[place], figures.covered_s()[place]
    h.minimum[rows], h.maximum[rows] = figures.minimum()[place], figures.maximum()[place]
