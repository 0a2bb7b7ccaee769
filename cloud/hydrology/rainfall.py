"""Rain from counters: what fell, when, and how sure that is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.catalogue.catalogue import ChannelInfo
from contract.quality.counters import counter_of as counter_of_settings
from contract.quality.counting import Counted, Counter, count
from contract.readings import Bools, Float64s, Int64s, ReadingBatch

HOUR_MS = 3_600_000
_FEW_TIPS = 2.5  # one or two tips: a bucket that was nearly full


@dataclass(frozen=True, slots=True)
class Gauge:
    """A counting rain gauge and how it is heard. period_s: between two polls. heartbeat_s: the longest time without a
    reading while all is well, because one that says nothing new is not sent."""

    counter: Counter
    period_s: float = 60.0
    heartbeat_s: float = 1800.0

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


def _counted(readings: ReadingBatch, gauge: Gauge) -> Counted:
    return count(readings.time_ms, readings.value, readings.flag, gauge.counter)


def _spread(readings: ReadingBatch, counted: Counted, gauge: Gauge, edges: Int64s) -> Hyetograph:
    n = len(edges) - 1
    mm, uncertain, at_least = np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    heard_ms = round((1.1 * gauge.heartbeat_s + gauge.period_s) * 1000)
    lost = counted.at_least
    for i in np.flatnonzero((counted.counts > 0) | lost).tolist():
        begin, end, gain = int(counted.since_ms[i]), int(readings.time_ms[i]), float(counted.counts[i])
        silent = end - begin > heard_ms
        few = gain <= _FEW_TIPS * gauge.counter.tip
        if not silent:
            begin = max(begin, end - (HOUR_MS if few else round(gauge.period_s * 1000)))
        elif few:
            begin = max(begin, end - HOUR_MS)
        share = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin), 0, None)
        if end > begin:
            mm += gain * share / (end - begin)
        touched = share > 0
        uncertain |= touched & (silent and not few)
        at_least |= touched & bool(lost[i])
    return Hyetograph(edges[:-1], mm, uncertain, at_least)
