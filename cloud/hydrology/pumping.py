"""What a pump did, by intervals: how long it ran, how often it started, how far it drew its well down. Pure.

| Figure | Formula |
| --- | --- |
| run time | the time for which the state is known to be "running" |
| duty share | run time / known time |
| starts | known "stopped" directly followed by known "running", at that moment |
| starts per hour | starts / known time, and the most within any 60 min that end in the interval |
| run time by the counter | the sum of the steps of its hour counter (`contract.quality.counting`) |
| drawdown of a run | level in force when it began - level in force when it ended |
| energy | the sum of power x the time for which it held |

No gap is bridged: of a time in which the state is not known nothing is counted, neither as run nor as stopped, and no
start is made of a gap with "stopped" before and "running" after it. Starts per hour are what motors are rated by
(IEC 60034-1, duty type S4; pump makers give the most that they allow in an hour).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cloud.hydrology.overlaps import overlaps
from cloud.hydrology.spells import Held, joined, level_at
from contract.quality.counting import Counter, count
from contract.readings import Bools, Float64s, Int64s, ReadingBatch

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Runs:
    """Of one pump, by time. begin_ms, end_ms: int64[n], apart. began_seen, ended_seen: bool[n], it was known to stand
    still right before, and right after."""

    begin_ms: Int64s
    end_ms: Int64s
    began_seen: Bools
    ended_seen: Bools

    @classmethod
    def of(cls, running: Held) -> Runs:
        """running: what held of its state; anything but 0 is a run."""
        h = joined(Held(running.begin_ms, running.end_ms, _on(running), running.from_ms, running.to_ms))
        on = np.flatnonzero(h.value)
        touches = h.begin_ms[1:] == h.end_ms[:-1]  # neighbours differ, so what touches a run is a standstill
        before, after = np.append(False, touches), np.append(touches, False)
        return cls(h.begin_ms[on], h.end_ms[on], before[on], after[on])


@dataclass(frozen=True, slots=True)
class Duty:
    """By interval, each of shape (m,). known_ms: for how long the state was known; run_ms: for how long it ran.
    starts: seen ones. most_starts_in_1h: of the 60 min up to and with any start in the interval, those before it
    included. longest_run_ms: without a break, cut at the interval's ends and at gaps."""

    known_ms: Int64s
    run_ms: Int64s
    starts: Int64s
    most_starts_in_1h: Int64s
    longest_run_ms: Int64s


def duty(running: Held, runs: Runs, edges_ms: Int64s) -> Duty:
    """running: what held of a pump's state, from an hour before the first edge on. edges_ms: int64[m + 1], rising."""
    m = len(edges_ms) - 1
    known = overlaps(running.begin_ms, running.end_ms, edges_ms)
    ran = overlaps(runs.begin_ms, runs.end_ms, edges_ms)
    longest, most = np.zeros(m, np.int64), np.zeros(m, np.int64)
    np.maximum.at(longest, ran.interval, ran.ms)
    started = runs.begin_ms[runs.began_seen]
    within_1h = np.arange(1, len(started) + 1) - np.searchsorted(started, started - HOUR_MS, side="right")
    place, inside = _places(started, edges_ms)
    np.maximum.at(most, place[inside], within_1h[inside])
    return Duty(
        _sum(known.interval, known.ms, m),
        _sum(ran.interval, ran.ms, m),
        np.bincount(place[inside], minlength=m),
        most,
        longest,
    )


@dataclass(frozen=True, slots=True)
class CountedUp:
    """What a counter counted, by interval, each of shape (m,). counts: in its unit; NaN where it was not heard before
    the interval's end. at_least: it was reset, or jumped. sure: bool, it was heard at both ends of the interval and
    nothing that it counted during a silence crosses one, so that `counts` may be held against something else."""

    counts: Float64s
    at_least: Bools
    sure: Bools


def counted_up(readings: ReadingBatch, believed: Bools, counter: Counter, edges_ms: Int64s, heard_ms: int) -> CountedUp:
    """A step belongs to the interval of the reading that showed it.

    readings: of one counter by time, with one from before the first edge if there is any. believed: bool[n].
    edges_ms: int64[m + 1], rising. heard_ms: the longest time without a reading while all is well.
    """
    m, mine = len(edges_ms) - 1, readings.take(believed)
    found = count(mine.time_ms, mine.value, mine.flag, counter)
    place, inside = _places(mine.time_ms, edges_ms)
    counts = np.bincount(place[inside], found.counts[inside], m)
    lost = np.bincount(place[inside], found.at_least[inside], m) > 0
    last = np.searchsorted(mine.time_ms, edges_ms, side="left") - 1  # the newest reading before each edge
    heard = last >= 0
    heard_lately = heard.copy()
    heard_lately[heard] = edges_ms[heard] - mine.time_ms[last[heard]] <= heard_ms
    sure = heard_lately[:-1] & heard_lately[1:] & ~lost
    silent = np.flatnonzero((mine.time_ms - found.since_ms > heard_ms) & (found.counts > 0))
    begin, end = found.since_ms[silent], mine.time_ms[silent]
    cut = overlaps(begin, end, edges_ms)
    crosses = (begin[cut.span] < edges_ms[cut.interval]) | (end[cut.span] > edges_ms[cut.interval + 1])
    sure[cut.interval[crosses]] = False
    return CountedUp(np.where(heard[1:], counts, np.nan), lost, sure)


def disagree(run_ms: Int64s, unknown_ms: Int64s, counted: CountedUp, counted_ms: Float64s, within_ms: Int64s) -> Bools:
    """Where the hour counter says something else than the states, shape (m,); only where it is sure.

    counted_ms: what it counted. within_ms: by how much both may differ while all is well. While the state was unknown
    the pump may have run: so much more the counter may say.
    """
    more = np.nan_to_num(counted_ms) - run_ms
    return np.asarray(counted.sure & ((more > within_ms + unknown_ms) | (more < -within_ms)))


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Of the runs that ended in each interval, shape (m,): runs: how many were measured. metres: their mean.
    metres_per_h: all that they fell by all of their time. Both NaN where none was measured."""

    runs: Int64s
    metres: Float64s
    metres_per_h: Float64s


def fallen_m(runs: Runs, well: Held) -> Float64s:
    """How far the well fell in each run, shape (n,); NaN where the run's begin or end was not seen, or the level was
    not known there. Where another pump ran as well, both drew it down."""
    fell = level_at(well, runs.begin_ms) - level_at(well, runs.end_ms)
    return np.where(runs.began_seen & runs.ended_seen, fell, np.nan)


def drawdown(runs: Runs, fell_m: Float64s, edges_ms: Int64s) -> Drawdown:
    """fell_m: as `fallen_m` gives it."""
    m = len(edges_ms) - 1
    place, inside = _places(runs.end_ms, edges_ms)
    chosen = inside & ~np.isnan(fell_m)
    of = place[chosen]
    n = np.bincount(of, minlength=m)
    metres = np.bincount(of, fell_m[chosen], m)
    hours = np.bincount(of, (runs.end_ms - runs.begin_ms)[chosen], m) / HOUR_MS
    with np.errstate(invalid="ignore", divide="ignore"):
        return Drawdown(n, metres / n, metres / hours)


def energy_kwh(power: Held, edges_ms: Int64s) -> tuple[Float64s, Int64s]:
    """By interval, shape (m,): kWh, NaN where no power was known; and for how many ms it was. power: in kW."""
    m = len(edges_ms) - 1
    found = overlaps(power.begin_ms, power.end_ms, edges_ms)
    known_ms = _sum(found.interval, found.ms, m)
    kwh = np.bincount(found.interval, power.value[found.span] * found.ms, m) / HOUR_MS
    return np.where(known_ms > 0, kwh, np.nan), known_ms


def _on(h: Held) -> Float64s:
    return np.asarray(h.value != 0, np.float64)


def _places(time_ms: Int64s, edges_ms: Int64s) -> tuple[Int64s, Bools]:
    """In which interval each moment lies, and whether it lies in one at all."""
    place = np.searchsorted(edges_ms, time_ms, side="right") - 1
    return place, (place >= 0) & (place < len(edges_ms) - 1)


def _sum(interval: Int64s, ms: Int64s, m: int) -> Int64s:
    out = np.zeros(m, np.int64)
    np.add.at(out, interval, ms)
    return out
