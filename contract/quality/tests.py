"""What a flag means: streaming quality tests over arrays of channels.

`QualityTests.step(state, batch) -> (state, result)` runs gross range, rate of
change, spike, flat line, counter and step-to-constant tests (IOOS QARTOD manual for water
level data 2.1, tests 4, 7, 6 and 8; the last two are ours). One pass handles at most
one reading a channel, as arrays, so 500 channels cost little more than one.

A value is never changed. A spike, and a counter's wrong total, show themselves one
sample late: the reading that was sent comes back in `result.corrections`, same time,
channel and value, with its new flag.

A reading that is missing or failed says nothing and wipes nothing: the next one is compared
with the last that was usable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag

import numpy as np

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.channel_settings import Quality
from contract.kth_readings import kth_readings
from contract.quality.counters import CounterState, CounterTest, Odd
from contract.quality.counting import Step
from contract.quality.flat_line import FlatLineState, FlatLineTest
from contract.quality.step_to_constant import StepState, StepToConstantTest
from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch, Uint8s


class Check(IntFlag):
    """Which tests a reading failed or raised suspicion in."""

    RANGE = 1
    RATE = 2
    SPIKE = 4
    FLAT_LINE = 8
    COUNTER_RESET = 16  # a counter began anew, or fell
    COUNTER_IMPLAUSIBLE = 32  # a counter rose by more than its instrument can count
    COUNTER_NEGATIVE = 64  # a counter went back by a tip or two
    STEP_TO_CONSTANT = 128  # came by one step and has not moved since: a parked car


_OF_STEP = {
    Step.RESTART: Check.COUNTER_RESET,
    Step.RESET: Check.COUNTER_RESET,
    Step.IMPLAUSIBLE: Check.COUNTER_IMPLAUSIBLE,
    Step.NEGATIVE: Check.COUNTER_NEGATIVE,
}


@dataclass(frozen=True, slots=True)
class Result:
    """flag, tests: uint8[n] in the batch's order (tests: bits of `Check`).

    corrections: earlier readings with the worse flag they have now; correction_tests: uint8, their bits.
    """

    flag: Uint8s
    tests: Uint8s
    corrections: ReadingBatch
    correction_tests: Uint8s


@dataclass(slots=True)
class QualityState:
    """What the tests remember of each channel. `step` consumes it: use the one it returns.

    time_ms, value, flag, tests: of the last reading, whatever it was. known_ms, known: of the last usable one.
    """

    time_ms: Int64s
    value: Float64s
    known_ms: Int64s
    known: Float64s
    change: Float64s  # from the value before to `value`
    flag: Uint8s
    tests: Uint8s
    flat: FlatLineState
    counter: CounterState
    stepped: StepState
    jumped: bool  # some `change` is larger than a spike's threshold: the next sample may show a spike


Rows = slice | Int64s
_NONE = ReadingBatch.empty()
_NEVER_MS = int(np.iinfo(np.int64).min // 2)
_NO_TESTS: Uint8s = np.zeros(0, np.uint8)


def _column(settings: Sequence[float | None], default: float) -> Float64s:
    return np.array([default if s is None else s for s in settings], dtype=np.float64)


class QualityTests:
    """The tests of a set of channels, compiled to arrays."""

    def __init__(self, numbers: Sequence[int], settings: Sequence[Quality], period_s: Sequence[float]) -> None:
        order = np.argsort(np.array(numbers, dtype=np.uint32), kind="stable")
        self.channels = np.array(numbers, dtype=np.uint32)[order]
        if len(set(numbers)) != len(numbers):  # np.unique would load numpy.ma, a megabyte
            raise ValueError("a channel is listed twice")
        q = [settings[i] for i in order]
        inf = np.inf
        self._fail_low = _column([s.fail_range and s.fail_range[0] for s in q], -inf)
        self._fail_high = _column([s.fail_range and s.fail_range[1] for s in q], inf)
        self._low = np.maximum(_column([s.suspect_range and s.suspect_range[0] for s in q], -inf), self._fail_low)
        self._high = np.minimum(_column([s.suspect_range and s.suspect_range[1] for s in q], inf), self._fail_high)
        self._rate = _column([s.rate_per_s for s in q], inf)
        self._spike = _column([s.spike and s.spike.suspect for s in q], inf)
        self._spike_fail = _column([s.spike and s.spike.fail for s in q], inf)
        self._differential = np.array([s.spike is not None and s.spike.method == "differential" for s in q], np.bool_)
        self._counter = CounterTest([s.rain_gauge or s.counter for s in q])
        self._steps = StepToConstantTest([s.step_to_constant for s in q])
        self._flat = FlatLineTest([s.flat_line for s in q], [period_s[i] for i in order])
        nothing = Quality.model_construct()
        tested = [s != nothing for s in q]
        self._clean = np.where(tested, Flag.PASS, Flag.NOT_EVALUATED).astype(np.uint8)
        self._everywhere = np.arange(len(q))

    @classmethod
    def of(cls, channels: Sequence[ChannelInfo]) -> QualityTests:
        return cls([c.id for c in channels], [c.quality for c in channels], [c.period_s for c in channels])

    def initial(self) -> QualityState:
        n = len(self.channels)
        return QualityState(
            time_ms=np.full(n, _NEVER_MS),
            value=np.full(n, np.nan),
            known_ms=np.full(n, _NEVER_MS),
            known=np.full(n, np.nan),
            change=np.full(n, np.nan),
            flag=np.full(n, Flag.NOT_EVALUATED, np.uint8),
            tests=np.zeros(n, np.uint8),
            flat=self._flat.initial(),
            counter=self._counter.initial(),
            stepped=self._steps.initial(),
            jumped=False,
        )

    def undated(self, state: QualityState) -> QualityState:
        """What still holds when times have lost their meaning (the gateway's time was put right): the last usable
        values. A counter that fell in between is seen to have fallen; nothing is too fast. Consumes `state`."""
        return replace(self.initial(), known=state.known, counter=self._counter.undated(state.counter))

    def step(self, state: QualityState, batch: ReadingBatch) -> tuple[QualityState, Result]:
        """Flags for a batch, which may hold several readings of a channel (taken in time order).

        A channel that is not listed gets NOT_EVALUATED. A reading not newer than the channel's last one is tested
        for range alone and not remembered.
        """
        if len(batch) == len(self.channels) and np.array_equal(batch.channel, self.channels):
            newer = batch.time_ms > state.time_ms
            if np.count_nonzero(newer) == len(newer):  # a whole sweep: the usual case, and no look-up
                return state, Result(*self._pass(state, slice(None), batch))
        flag = np.where(np.isnan(batch.value), Flag.MISSING, Flag.NOT_EVALUATED).astype(np.uint8)
        tests = np.zeros(len(batch), np.uint8)
        corrections, correction_tests = [_NONE], [_NO_TESTS]
        for position, row in kth_readings(self.channels, batch):
            newer = batch.time_ms[position] > state.time_ms[row]
            old, old_rows = position[~newer], row[~newer]
            bits_of_old = np.zeros(len(old), np.uint8)
            self._range(bits_of_old, batch.value[old], old_rows)
            flag[old], tests[old] = self._judge(batch.value[old], old_rows, bits_of_old), bits_of_old
            where, rows = position[newer], row[newer]
            flag[where], tests[where], corrected, bits = self._pass(state, rows, batch.take(where))
            corrections.append(corrected)
            correction_tests.append(bits)
        return state, Result(flag, tests, ReadingBatch.concat(corrections), np.concatenate(correction_tests))

    def _pass(
        self, state: QualityState, rows: Rows, batch: ReadingBatch
    ) -> tuple[Uint8s, Uint8s, ReadingBatch, Uint8s]:
        """At most one reading a channel, each newer than the channel's last.

        Each test first asks one cheap question of the whole array, and looks closer only when some reading may
        fail it: on most sweeps none does, and every array operation saved is a sixtieth of the cost.
        """
        v, last = batch.value, state.value[rows]
        change = v - last
        size = np.abs(change)
        tests = np.zeros(len(v), np.uint8)
        clean = np.count_nonzero((v >= self._low[rows]) & (v <= self._high[rows])) == len(v)  # false with NaN, too
        if not clean:
            self._range(tests, v, rows)
        usable = None if clean else ~np.isnan(v) & ~(v < self._fail_low[rows]) & ~(v > self._fail_high[rows])
        rise = v - state.known[rows]
        jump = np.abs(rise)
        if np.count_nonzero(jump > self._rate[rows]):  # an interval has one second at least
            clean &= not self._rates(tests, rows, jump, self._elapsed_s(state, rows, batch.time_ms))
        stuck = self._flat.step(state.flat, rows, v, size)
        if stuck is not None:
            clean = False
            tests[stuck.rows] |= np.uint8(Check.FLAT_LINE)
        if len(self._steps.rows):
            clean &= not self._parked(state, rows, batch, usable, rise, tests)
        odd = self._counters(state, rows, batch, usable) if len(self._counter.rows) else None
        if odd is not None:
            clean = False
            for at, step in zip(odd.positions.tolist(), odd.steps, strict=True):
                tests[at] |= np.uint8(_OF_STEP[step])
        flag = self._clean[rows].copy() if clean else self._judge(v, rows, tests)
        if stuck is not None:
            flag[stuck.rows[stuck.failed]] = Flag.FAIL
        corrections, correction_tests = self._spikes(state, rows, change, size)
        if odd is not None and len(odd.wrong):
            corrections, correction_tests = self._wrong_totals(odd, rows, corrections, correction_tests)
        state.value[rows] = v
        state.change[rows] = change
        state.time_ms[rows] = batch.time_ms
        state.flag[rows] = flag
        state.tests[rows] = tests
        if usable is None:
            state.known[rows], state.known_ms[rows] = v, batch.time_ms
        else:
            row = self._everywhere[rows][usable]
            state.known[row], state.known_ms[row] = v[usable], batch.time_ms[usable]
        return flag, tests, corrections, correction_tests

    def _parked(
        self, state: QualityState, rows: Rows, batch: ReadingBatch, usable: Bools | None, rise: Float64s, tests: Uint8s
    ) -> bool:
        where = self._where(self._steps.rows, self._steps.tested, rows, usable)
        row = self._everywhere[rows][where]
        found = self._steps.step(state.stepped, row, batch.time_ms[where], batch.value[where], rise[where])
        if found is None:
            return False
        tests[where[found]] |= np.uint8(Check.STEP_TO_CONSTANT)
        return True

    def _where(self, own: Int64s, tested: Bools, rows: Rows, usable: Bools | None) -> Int64s:
        """Places among `rows` of the usable readings of channels that a test is for. own, tested: its rows."""
        where = own if isinstance(rows, slice) else np.flatnonzero(tested[rows])
        return where if usable is None else where[usable[where]]

    def _counters(self, state: QualityState, rows: Rows, batch: ReadingBatch, usable: Bools | None) -> Odd | None:
        """The usable readings of counters, judged; positions are places in `batch`."""
        where = self._where(self._counter.rows, self._counter.tested, rows, usable)
        if not len(where):
            return None
        odd = self._counter.step(state.counter, self._everywhere[rows][where], batch.time_ms[where], batch.value[where])
        return None if odd is None else replace(odd, positions=where[odd.positions], wrong=where[odd.wrong])

    def _wrong_totals(
        self, odd: Odd, rows: Rows, corrections: ReadingBatch, correction_tests: Uint8s
    ) -> tuple[ReadingBatch, Uint8s]:
        """With the earlier totals that turned out wrong, as failed: in the place of what another test corrects."""
        channel = self.channels[self._everywhere[rows][odd.wrong]]
        wrong = ReadingBatch.of(odd.wrong_ms, channel, odd.wrong_value, np.full(len(channel), Flag.FAIL))
        keep = ~np.isin(corrections.channel, channel)
        bits = np.array([_OF_STEP[step] for step in odd.wrong_step], np.uint8)
        return ReadingBatch.concat([corrections.take(keep), wrong]), np.concatenate([correction_tests[keep], bits])

    def _elapsed_s(self, state: QualityState, rows: Rows, time_ms: Int64s) -> Int64s:
        """Whole seconds since the last usable reading, as the reference implementation counts them."""
        elapsed_s: Int64s = np.maximum((time_ms - state.known_ms[rows]) // 1000, 1)
        return elapsed_s

    def _range(self, tests: Uint8s, v: Float64s, rows: Rows) -> None:
        tests[(v < self._low[rows]) | (v > self._high[rows])] |= np.uint8(Check.RANGE)

    def _rates(self, tests: Uint8s, rows: Rows, size: Float64s, elapsed_s: Int64s) -> bool:
        fast = size / elapsed_s > self._rate[rows]
        tests[fast] |= np.uint8(Check.RATE)
        return bool(fast.any())

    def _judge(self, v: Float64s, rows: Rows, tests: Uint8s) -> Uint8s:
        flag = self._clean[rows].copy()
        flag[tests != 0] = Flag.SUSPECT
        flag[(v < self._fail_low[rows]) | (v > self._fail_high[rows])] = Flag.FAIL
        flag[np.isnan(v)] = Flag.MISSING
        return flag

    def _spikes(self, state: QualityState, rows: Rows, change: Float64s, size: Float64s) -> tuple[ReadingBatch, Uint8s]:
        """The last readings, now that what came after shows them to have been spikes."""
        jumped = bool(np.count_nonzero(size > self._spike[rows]))
        if not (jumped or state.jumped):
            return _NONE, _NO_TESTS
        state.jumped = jumped or not isinstance(rows, slice)
        came_by = state.change[rows]
        height = np.abs(came_by - change) * 0.5  # = |last - mean of its neighbours|
        both = np.where(came_by * change < 0, np.minimum(np.abs(came_by), size), 0.0)
        height = np.where(self._differential[rows], both, height)
        spiked = height > self._spike[rows]
        row = self._everywhere[rows][spiked]
        worse = np.where(height[spiked] > self._spike_fail[row], Flag.FAIL, Flag.SUSPECT).astype(np.uint8)
        worsens = worse > state.flag[row]
        row, worse = row[worsens], worse[worsens]
        if not len(row):
            return _NONE, _NO_TESTS
        bits = state.tests[row] | np.uint8(Check.SPIKE)
        return ReadingBatch.of(state.time_ms[row], self.channels[row], state.value[row], worse), bits
