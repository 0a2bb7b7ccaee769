"""What a counter's steps mean: gain, wrap, restart, reset, or a reading that was wrong. Pure.

One rule for flags, sums, page and warnings. A counter is a total that only rises. Each usable reading is judged from
the last one that is believed (the base):

| step | what it is | what counts |
| --- | --- | --- |
| up, no faster than the instrument can | GAIN | the step |
| down by less than half a tip | GAIN | nothing: noise of the number |
| down, and the way round past the wrap is short and possible | WRAP | the way round |
| down to below `restart_below` | RESTART | what it shows, once the next reading confirms it |
| down by a few tips | NEGATIVE | nothing |
| down by more | RESET | nothing: what fell meanwhile nobody knows, so a sum says "at least" |
| up faster than the instrument can | IMPLAUSIBLE | nothing, and "at least" |

All but GAIN and WRAP wait for the next reading. Where that one goes on from the base, what waited was wrong (GLITCH);
where it goes on from what waited, that is the new base; where both are possible, the smaller step explains it; where
neither is, the newer reading waits in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from contract.readings import Bools, Flag, Float64s, Int64s, Uint8s

_FEW_TIPS = 2.0  # a bucket that swings back, or a total that was rounded another way
_ROUND = 0.25  # of the wrap: a way round that is longer than this is no wrap
_LANDS_LOW = 10.0  # a wrap that ends below `restart_below` was at most this far from its end
_ROUNDING = 1e-9  # of a number that came as a decimal


class Step(IntEnum):
    """What a step is; the order has no meaning."""

    GAIN = 0
    WRAP = 1
    RESTART = 2
    RESET = 3
    IMPLAUSIBLE = 4
    NEGATIVE = 5
    GLITCH = 6
    UNUSABLE = 7  # missing or failed: says nothing, and nothing is forgotten for it


#: Steps after which a sum knows only a part of what the counter counted.
LOSES_COUNT = frozenset({Step.RESET, Step.IMPLAUSIBLE})


@dataclass(frozen=True, slots=True)
class Counter:
    """An instrument's counter, everything in its channel's unit.

    tip: one count. wraps_at: the total at which it begins again from nought; None: it does not. most_per_h: more than
    this in an hour it cannot count. restart_below: a fall to less than this is the instrument starting anew.
    """

    tip: float
    wraps_at: float | None = None
    most_per_h: float = float("inf")
    restart_below: float = 1.0

    def from_to(self, before: float, after: float, elapsed_s: float) -> tuple[Step, float]:
        """What a step is by itself, and what it counts if it is believed. elapsed_s: of the step, above 0."""
        gain = after - before
        most = self.most_per_h * elapsed_s / 3600 + self.tip  # one tip may belong to the time before
        most += _ROUNDING * max(abs(after), 1.0)
        if gain >= 0:
            return (Step.GAIN, gain) if gain <= most else (Step.IMPLAUSIBLE, 0.0)
        if gain > -self.tip / 2:
            return Step.GAIN, 0.0
        if self.wraps_at is not None:
            way_round = gain + self.wraps_at
            lands_low = after < self.restart_below
            if 0 <= way_round <= min(most, self.wraps_at * _ROUND) and not (lands_low and way_round > _LANDS_LOW):
                return Step.WRAP, way_round
        if -gain <= _FEW_TIPS * self.tip * (1 + _ROUNDING):
            return Step.NEGATIVE, 0.0
        if 0 <= after < self.restart_below:
            return Step.RESTART, after
        return Step.RESET, 0.0


@dataclass(slots=True)
class Memory:
    """What is known of a counter. base: the last reading that is believed; waits: one that is not yet, or None.

    Each is (UTC ms, value); `waits` with what it would be and would count.
    """

    base: tuple[int, float] | None = None
    waits: tuple[int, float, Step, float] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reading brought.

    step: of the reading itself; provisional while it waits. counts: what may be added to a sum for it now.
    settled: what the reading that waited turned out to be, None when none was settled. settled_counts: what may be
    added for that one now.
    """

    step: Step
    counts: float
    provisional: bool = False
    settled: Step | None = None
    settled_counts: float = 0.0


def judge(counter: Counter, memory: Memory, time_ms: int, value: float) -> Verdict:
    """One usable reading, newer than all before it; alters `memory`."""
    if memory.base is None:
        memory.base = (time_ms, value)
        return Verdict(Step.GAIN, 0.0)
    from_base, base_counts = _from(counter, memory.base, time_ms, value)
    waits = memory.waits
    if waits is None:
        return _believe_or_wait(memory, time_ms, value, from_base, base_counts)
    from_waiting, waiting_counts = _from(counter, waits[:2], time_ms, value)
    base_good, waiting_good = from_base in _BELIEVED, from_waiting in _BELIEVED
    if base_good and not (waiting_good and waiting_counts < base_counts):
        memory.waits = None
        _settle_base(memory, time_ms, value, from_base, base_counts)
        return Verdict(from_base, base_counts, settled=Step.GLITCH)
    if waiting_good:
        memory.base, memory.waits = waits[:2], None
        _settle_base(memory, time_ms, value, from_waiting, waiting_counts)
        return Verdict(from_waiting, waiting_counts, settled=waits[2], settled_counts=waits[3])
    memory.waits = (time_ms, value, from_base, base_counts)
    return Verdict(from_base, 0.0, provisional=True, settled=Step.GLITCH)


_BELIEVED = (Step.GAIN, Step.WRAP)


def _from(counter: Counter, before: tuple[int, float], time_ms: int, value: float) -> tuple[Step, float]:
    return counter.from_to(before[1], value, max((time_ms - before[0]) / 1000, 1.0))


def _believe_or_wait(memory: Memory, time_ms: int, value: float, step: Step, counts: float) -> Verdict:
    if step in _BELIEVED:
        _settle_base(memory, time_ms, value, step, counts)
        return Verdict(step, counts)
    memory.waits = (time_ms, value, step, counts)
    return Verdict(step, 0.0, provisional=True)


def _settle_base(memory: Memory, time_ms: int, value: float, step: Step, counts: float) -> None:
    """A fall of less than half a tip is noise: the higher value stays the base, or the noise would be counted."""
    assert memory.base is not None
    noise = step is Step.GAIN and counts == 0 and value < memory.base[1]
    memory.base = (time_ms, memory.base[1] if noise else value)


@dataclass(frozen=True, slots=True)
class Counted:
    """Readings of one counter in time order, judged. Everything of shape (n,).

    step: a `Step` each. counts: what each adds to a sum, in the counter's unit. since_ms: when the time began in which
    that was counted (the believed reading before); the reading's own time where nothing is before it.
    provisional: the last reading waits for the next one.
    """

    step: Uint8s
    counts: Float64s
    since_ms: Int64s
    provisional: bool

    @property
    def at_least(self) -> Bools:
        """Where a sum over the step knows only a part."""
        return np.isin(self.step, [int(s) for s in LOSES_COUNT])


def count(time_ms: Int64s, value: Float64s, flag: Uint8s, counter: Counter) -> Counted:
    """Every reading of a counter. time_ms: shape (n,), rising. flag: those of FAIL and MISSING count for nothing.

    >>> found = count(np.arange(4) * 60_000, np.array([512.4, 0.0, 512.4, 512.6]), np.ones(4, np.uint8), Counter(0.2))
    >>> round(float(found.counts.sum()), 1), [Step(s).name for s in found.step.tolist()]
    (0.2, ['GAIN', 'GLITCH', 'GAIN', 'GAIN'])
    """
    n = len(time_ms)
    step = np.full(n, Step.UNUSABLE, np.uint8)
    counts = np.zeros(n)
    since_ms = np.array(time_ms, np.int64)
    usable = np.flatnonzero(~np.isnan(value) & (flag != Flag.FAIL) & (flag != Flag.MISSING))
    if _quiet(time_ms[usable], value[usable], counter):
        step[usable] = Step.GAIN
        counts[usable[1:]] = np.diff(value[usable])
        since_ms[usable[1:]] = time_ms[usable[:-1]]
        return Counted(step, counts, since_ms, provisional=False)
    memory, waiting = Memory(), -1
    for i, t, v in zip(usable.tolist(), time_ms[usable].tolist(), value[usable].tolist(), strict=True):
        base = memory.base
        verdict = judge(counter, memory, t, v)
        if verdict.settled is not None:
            step[waiting], counts[waiting] = verdict.settled, verdict.settled_counts
        step[i], counts[i] = verdict.step, verdict.counts
        if base is not None:
            went_on = verdict.settled is not None and verdict.settled is not Step.GLITCH
            since_ms[i] = time_ms[waiting] if went_on else base[0]
        waiting = i if verdict.provisional else -1
    return Counted(step, counts, since_ms, provisional=waiting >= 0)


def _quiet(time_ms: Int64s, value: Float64s, counter: Counter) -> bool:
    """Whether every step is plainly a gain: nearly always so, and then no reading is looked at alone."""
    gain = np.diff(value)
    most = counter.most_per_h * np.maximum(np.diff(time_ms) / 1000, 1.0) / 3600 + counter.tip
    return not np.count_nonzero((gain < 0) | (gain > most))
