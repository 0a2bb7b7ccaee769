"""The counter test: which readings of counting gauges no counter can show, streaming and over arrays.

What a step means is `contract.quality.counting`'s; here it becomes flags. A reading that waits for the next one is
suspect at once; one that turns out to have been wrong comes back as failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from contract.catalogue.channel_settings import Quality, RainGauge, TotalCounter
from contract.quality.counting import Counter, Memory, Step, judge
from contract.readings import Bools, Float64s, Int64s

_LONG_AGO_MS = int(np.iinfo(np.int64).min // 2)
_NONE: Int64s = np.empty(0, np.int64)


@dataclass(slots=True)
class CounterState:
    """Of each row the last reading that is believed, and one that waits. base, waits: NaN where there is none.

    waits_step, waits_counts: what the waiting one would be and would count. Times are UTC ms.
    """

    base_ms: Int64s
    base: Float64s
    waits_ms: Int64s
    waits: Float64s
    waits_step: Int64s
    waits_counts: Float64s


@dataclass(frozen=True, slots=True)
class Odd:
    """What a pass found. positions, steps: of the readings given, those that wait now, and what they seem to be.

    wrong: positions of the readings that showed an earlier one to be wrong; wrong_ms, wrong_value, wrong_step: of that.
    """

    positions: Int64s
    steps: Sequence[Step]
    wrong: Int64s
    wrong_ms: Sequence[int]
    wrong_value: Sequence[float]
    wrong_step: Sequence[Step]


def counter_of(settings: Quality) -> Counter | None:
    """The counter that a channel's settings describe; None when they describe none."""
    return _counter(settings.rain_gauge or settings.counter)


def _counter(settings: RainGauge | TotalCounter | None) -> Counter | None:
    if settings is None:
        return None
    if isinstance(settings, RainGauge):
        return Counter(settings.tip_mm, settings.wraps_at_mm, settings.max_mm_per_h)
    return Counter(settings.step, settings.wraps_at, settings.most_per_h, settings.restart_below)


class CounterTest:
    """Settings of n rows; None where a row is no counter."""

    def __init__(self, settings: Sequence[RainGauge | TotalCounter | None]) -> None:
        counters = self._counters = [_counter(s) for s in settings]
        self.tested: Bools = np.array([s is not None for s in settings], np.bool_)
        self.rows: Int64s = np.flatnonzero(self.tested)
        self._tip = np.array([np.nan if c is None else c.tip for c in counters])
        self._most_per_s = np.array([np.nan if c is None else c.most_per_h / 3600 for c in counters])

    def initial(self) -> CounterState:
        n = len(self._counters)
        none, never = np.full(n, np.nan), np.zeros(n, np.int64)
        return CounterState(never, none, never.copy(), none.copy(), never.copy(), none.copy())

    def undated(self, state: CounterState) -> CounterState:
        """The believed totals, from a time that nobody knows; nothing waits."""
        return replace(self.initial(), base=state.base, base_ms=np.full(len(state.base), _LONG_AGO_MS))

    def step(self, state: CounterState, row: Int64s, time_ms: Int64s, v: Float64s) -> Odd | None:
        """Usable readings of these rows, one a row, each newer than the row's last; None when nothing is odd."""
        gain = v - state.base[row]
        elapsed_s = np.maximum((time_ms - state.base_ms[row]) / 1000, 1.0)
        plain = (gain >= 0) & (gain <= self._most_per_s[row] * elapsed_s + self._tip[row]) & np.isnan(state.waits[row])
        calm = row[plain]
        state.base[calm], state.base_ms[calm] = v[plain], time_ms[plain]
        if len(calm) == len(row):
            return None
        positions, steps, wrong, were = [], [], [], []
        for at in np.flatnonzero(~plain).tolist():
            r = int(row[at])
            counter = self._counters[r]
            assert counter is not None
            memory = _recall(state, r)
            waited = memory.waits
            verdict = judge(counter, memory, int(time_ms[at]), float(v[at]))
            _remember(state, r, memory)
            if verdict.provisional:
                positions.append(at)
                steps.append(verdict.step)
            if verdict.settled is Step.GLITCH and waited is not None:
                wrong.append(at)
                were.append(waited)
        if not positions and not wrong:
            return None
        return Odd(
            np.array(positions, np.int64) if positions else _NONE,
            steps,
            np.array(wrong, np.int64) if wrong else _NONE,
            [w[0] for w in were],
            [w[1] for w in were],
            [w[2] for w in were],
        )


def _recall(state: CounterState, row: int) -> Memory:
    base, waits = float(state.base[row]), float(state.waits[row])
    return Memory(
        None if np.isnan(base) else (int(state.base_ms[row]), base),
        None
        if np.isnan(waits)
        else (int(state.waits_ms[row]), waits, Step(int(state.waits_step[row])), float(state.waits_counts[row])),
    )


def _remember(state: CounterState, row: int, memory: Memory) -> None:
    if memory.base is not None:
        state.base_ms[row], state.base[row] = memory.base
    if memory.waits is None:
        state.waits[row] = np.nan
    else:
        state.waits_ms[row], state.waits[row], step, state.waits_counts[row] = memory.waits
        state.waits_step[row] = int(step)
