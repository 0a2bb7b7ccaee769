"""Rain from counters: what fell, when, and how sure that is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.hydrology.overlaps import overlaps
from contract.catalogue.catalogue import ChannelInfo
from contract.quality.counters import counter_of as counter_of_settings
from contract.quality.counting import Counted, Counter, count
from contract.readings import Bools, Float64s, Int64s, ReadingBatch

HOUR_MS = 3_600_000
_FEW_TIPS = 2.5  # one or two tips: a bucket that was nearly full
_AT_ONCE = 50_000  # gains: each has a piece for every interval that it touches


@dataclass(frozen=True, slots=True)
class Gauge:
    """A counting rain gauge and how it is heard. period_s: between two polls. heartbeat_s: the longest time without a
    reading while all is well, because one that says nothing new is not sent."""

    counter: Counter
    period_s: float = 60.0
    heartbeat_s: float = 1800.0

    @property
    def heard_ms(self) -> int:
        """Without a reading for longer it is silent."""
        return round((1.1 * self.heartbeat_s + self.period_s) * 1000)

    @classmethod
    def of(cls, channel: ChannelInfo) -> Gauge:
        """The gauge behind a channel of rain totals."""
        return cls(counter_of(channel), channel.period_s, channel.reporting.heartbeat_s)


def counter_of(channel: ChannelInfo) -> Counter:
    """The counter behind a channel: what its quality settings say, else one whose tip is the register's step."""
    return counter_of_settings(channel.quality) or Counter(channel.register.step)


@dataclass(frozen=True, slots=True)
class Rain:
    """What fell in a time, mm.

    at_least: the counter fell, or jumped, and what it lost nobody knows. provisional: its last step waits for the next
    reading to be believed. uncertain: a part was counted after a silence, and spread over it.
    """

    mm: float
    at_least: bool
    provisional: bool
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Hyetograph:
    """Rain by intervals. start_ms, mm, uncertain, at_least: of shape (n,), one an interval; see `Rain`."""

    start_ms: Int64s
    mm: Float64s
    uncertain: Bools
    at_least: Bools

    def behind(self, intervals: int) -> Hyetograph:
        """Without so many of the first ones."""
        of = slice(intervals, None)
        return Hyetograph(self.start_ms[of], self.mm[of], self.uncertain[of], self.at_least[of])


def between(readings: ReadingBatch, gauge: Gauge, edges_ms: Int64s) -> tuple[Hyetograph, bool]:
    """The rain between each edge and the next, and whether its last step waits to be believed (see `Rain`).

    readings: as in `rain`. edges_ms: rising. How it is spread: see `hyetograph`."""
    counted = _counted(readings, gauge)
    return _spread(readings, counted, gauge, edges_ms), counted.provisional


def rain(readings: ReadingBatch, gauge: Gauge, start_ms: int, end_ms: int) -> Rain:
    """What fell from start to end. readings: of one gauge, in order of time, with one from before `start_ms` if there
    is any: without it the first gain is not known."""
    counted = _counted(readings, gauge)
    whole = _spread(readings, counted, gauge, np.array([start_ms, end_ms], np.int64))
    return Rain(float(whole.mm[0]), bool(whole.at_least[0]), counted.provisional, bool(whole.uncertain[0]))


def hyetograph(readings: ReadingBatch, gauge: Gauge, start_ms: int, end_ms: int, step_ms: int) -> Hyetograph:
    """The rain of each interval. readings: as in `rain`.

    One or two tips are spread over the time since the reading before, at most an hour back: the bucket filled in it.
    A larger gain fell in the last period, when the gauge was heard at least every heartbeat; after a longer silence
    it is spread over the whole of it, and is uncertain.
    """
    edges = np.arange(start_ms, end_ms + step_ms, step_ms, dtype=np.int64)
    return _spread(readings, _counted(readings, gauge), gauge, edges)


def fell_within_ms(gauge: Gauge, since_ms: int, end_ms: int, mm: float) -> int:
    """How long before a reading its gain may have begun to fall, see `hyetograph`; not before the reading before."""
    if mm <= _FEW_TIPS * gauge.counter.tip:
        return HOUR_MS
    return end_ms - since_ms if end_ms - since_ms > gauge.heard_ms else round(gauge.period_s * 1000)


def _counted(readings: ReadingBatch, gauge: Gauge) -> Counted:
    return count(readings.time_ms, readings.value, readings.flag, gauge.counter)


def _spread(readings: ReadingBatch, counted: Counted, gauge: Gauge, edges: Int64s) -> Hyetograph:
    n = len(edges) - 1
    out = Hyetograph(edges[:-1], np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_))
    lost = counted.at_least
    told = np.flatnonzero((counted.counts > 0) | lost)
    for k in range(0, len(told), _AT_ONCE):
        rows = told[k : k + _AT_ONCE]
        begin, end, gain = counted.since_ms[rows], readings.time_ms[rows], counted.counts[rows]
        silent = end - begin > gauge.heard_ms
        few = gain <= _FEW_TIPS * gauge.counter.tip
        within_ms = np.where(few, HOUR_MS, np.where(silent, end - begin, round(gauge.period_s * 1000)))
        _add(out, edges, np.maximum(begin, end - within_ms), end, gain, silent & ~few, lost[rows])
    return out


def _add(
    out: Hyetograph, edges: Int64s, begin: Int64s, end: Int64s, gain: Float64s, unsure: Bools, lost: Bools
) -> None:
    """Each gain evenly over its time, a piece for each interval that it touches: all pieces at once."""
    found = overlaps(begin, end, edges)
    of, place = found.span, found.interval
    out.mm[:] += np.bincount(place, gain[of] * found.ms / (end[of] - begin[of]), len(edges) - 1)
    out.uncertain[place[unsure[of]]] = True
    out.at_least[place[lost[of]]] = True
