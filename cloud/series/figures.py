"""Figures of one channel by intervals, weighted by time. Pure.

Readings come by exception: one that says nothing new is not sent. So a reading holds until the next one, but no longer
than `hold_ms` (two heartbeats: then a channel that is well has been heard again), and no longer than until now. A
reading that does not count (missing, failed, or of a flag that was not asked for) ends what held before it, for by then
that is no longer so. Time in which nothing holds is a gap: it is in no figure, and `covered_s` says how much is not.
While values stay within the deadband they are not sent either, so a mean may be off by the deadband, and no more.

An amount (rain since the reading before) does not hold: its mean is that of its readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cloud.hydrology.overlaps import overlaps
from contract.quality.counting import Counter, count
from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch, Uint8s

USABLE = (Flag.PASS, Flag.NOT_EVALUATED, Flag.SUSPECT)


@dataclass(frozen=True, slots=True)
class Holding:
    """hold_ms: how long a reading holds; None: it does not. until_ms: now: nothing is known after it."""

    hold_ms: int | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """What held when: equal-length columns, a row a reading and interval, by interval, then time.

    reading, interval: places. begin_ms: when the piece begins. weight: ms; of readings that do not hold 1.
    """

    reading: Int64s
    interval: Int64s
    begin_ms: Int64s
    value: Float64s
    weight: Float64s


class Figures:
    """Of the readings of one channel, in order of time, over intervals.

    readings: those of the intervals, and those before that may hold into them; one of each time.
    edges_ms: int64[m + 1], see `cloud.series.intervals`. Each method gives an array of shape (m,), NaN where an
    interval has nothing to say.
    """

    def __init__(
        self, readings: ReadingBatch, edges_ms: Int64s, holding: Holding, flags: Sequence[Flag] = USABLE
    ) -> None:
        self._readings, self._edges, self._holding = readings, edges_ms, holding
        self._m = len(edges_ms) - 1
        self._counts_: Bools = np.isin(readings.flag, flags) & ~np.isnan(readings.value)
        place = np.searchsorted(edges_ms, readings.time_ms, side="right") - 1
        self._inside = (place >= 0) & (place < self._m)
        self._place = place
        self._pieces = self._cut()

    # --- of the readings ---

    def rows(self) -> Int64s:
        """Readings in each interval, whatever their flag."""
        return np.bincount(self._place[self._inside], minlength=self._m)

    def count(self) -> Int64s:
        """Those that count."""
        return np.bincount(self._place[self._inside & self._counts_], minlength=self._m)

    def not_missing(self) -> Int64s:
        """Those that are not flagged MISSING."""
        return np.bincount(self._place[self._inside & (self._readings.flag != Flag.MISSING)], minlength=self._m)

    def worst_flag(self) -> Uint8s:
        """Of all readings in the interval; 0 where there is none."""
        out = np.zeros(self._m, np.uint8)
        np.maximum.at(out, self._place[self._inside], self._readings.flag[self._inside])
        return out

    def first(self) -> Float64s:
        """The first reading in the interval that counts."""
        return self._end(slice(None, None, -1))

    def last(self) -> Float64s:
        return self._end(slice(None))

    def _end(self, order: slice) -> Float64s:
        out = np.full(self._m, np.nan)
        chosen = np.flatnonzero(self._inside & self._counts_)[order]
        out[self._place[chosen]] = self._readings.value[chosen]  # of several the last one written stays
        return out

    def amount(self) -> Float64s:
        """The sum of the readings that count; 0 for none where others are."""
        chosen = self._inside & self._counts_
        total = np.bincount(self._place[chosen], self._readings.value[chosen], self._m)
        return np.where(self.rows() > 0, total, np.nan)

    def counted(self, counter: Counter) -> tuple[Float64s, Bools]:
        """What a counter counted in each interval, by the rule of `contract.quality.counting`, and whether that is only
        a part (it was reset, or jumped: "at least"). A step belongs to the interval of the reading that showed it."""
        flag = np.where(self._counts_, self._readings.flag, np.uint8(Flag.FAIL))
        found = count(self._readings.time_ms, self._readings.value, flag, counter)
        at = self._place[self._inside]
        total = np.bincount(at, found.counts[self._inside], self._m)
        part = np.bincount(at, found.at_least[self._inside], self._m) > 0
        return np.where(self.rows() > 0, total, np.nan), part

    # --- of the time ---

    def _cut(self) -> Pieces:
        time_ms, value = self._readings.time_ms, self._readings.value
        good = np.flatnonzero(self._counts_)
        hold_ms = self._holding.hold_ms
        if hold_ms is None:
            chosen = np.flatnonzero(self._counts_ & self._inside)
            return Pieces(chosen, self._place[chosen], time_ms[chosen], value[chosen], np.ones(len(chosen)))
        until = np.minimum(time_ms + hold_ms, self._holding.until_ms)
        until[:-1] = np.minimum(until[:-1], time_ms[1:])
        begin, end = time_ms[good], until[good]
        found = overlaps(begin, end, self._edges)
        reading = good[found.span]
        begins = np.maximum(time_ms[reading], self._edges[found.interval])
        return Pieces(reading, found.interval, begins, value[reading], found.ms.astype(np.float64))

    def covered_s(self) -> Float64s:
        """For how long of the interval a value was known; NaN for readings that do not hold."""
        if self._holding.hold_ms is None:
            return np.full(self._m, np.nan)
        return np.asarray(np.bincount(self._pieces.interval, self._pieces.weight, self._m) / 1000)

    def mean(self) -> Float64s:
        p = self._pieces
        weight = np.bincount(p.interval, p.weight, self._m)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.bincount(p.interval, p.weight * p.value, self._m) / weight)

    def minimum(self) -> Float64s:
        """What held when the interval began counts, too."""
        return self._reduced(np.minimum)

    def maximum(self) -> Float64s:
        return self._reduced(np.maximum)

    def minimum_ms(self) -> Float64s:
        """When the least value was first there, UTC ms."""
        return self._when(self.minimum())

    def maximum_ms(self) -> Float64s:
        return self._when(self.maximum())

    def percentile(self, percent: float) -> Float64s:
        """The value that was not exceeded for so much of the known time: the smallest v such that the values up to v
        hold for at least that share of it (an inverted distribution function: Hyndman and Fan 1996, definition 1)."""
        p, out = self._pieces, np.full(self._m, np.nan)
        order = np.lexsort((p.value, p.interval))
        interval, weight = p.interval[order], p.weight[order]
        if not len(order):
            return out
        total = np.bincount(interval, weight, self._m)
        before = np.cumsum(total) - total
        reached = np.cumsum(weight) - before[interval] >= percent / 100 * total[interval] * (1 - 1e-12)
        hit = np.flatnonzero(reached)[::-1]  # backwards: the first of each interval is written last
        out[interval[hit]] = p.value[order][hit]
        return out

    def above_s(self, limit: float) -> Float64s:
        """For how long the value was above; NaN where nothing is known of the interval, or nothing holds."""
        if self._holding.hold_ms is None:
            return np.full(self._m, np.nan)
        p = self._pieces
        known = np.bincount(p.interval, p.weight, self._m) > 0
        over = np.bincount(p.interval, p.weight * (p.value > limit), self._m) / 1000
        return np.where(known, over, np.nan)

    def _reduced(self, by: np.ufunc) -> Float64s:
        """Pieces stand by interval, so each interval's are next to one another."""
        p, out = self._pieces, np.full(self._m, np.nan)
        if len(p.interval):
            starts = np.flatnonzero(np.diff(p.interval, prepend=-1))
            out[p.interval[starts]] = by.reduceat(p.value, starts)
        return out

    def _when(self, value: Float64s) -> Float64s:
        p, out = self._pieces, np.full(self._m, np.nan)
        there = np.flatnonzero(p.value == value[p.interval])[::-1]  # backwards: the first is written last
        out[p.interval[there]] = p.begin_ms[there]
        return out
