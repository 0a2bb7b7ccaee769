"""Our streaming flags against ioos_qc, the reference implementation, on random series.

Where they differ, on purpose:
- spike: ioos_qc gives NOT_EVALUATED to the first, the last and the neighbours of a gap; a reading of ours must have a
  flag when it is made, so it has PASS until the next one shows otherwise.
- flat line: ioos_qc skips missing readings inside its window, so that one reading after a silence can be "flat";
  ours begins the window anew after a gap.
- rate of change: ioos_qc passes the reading after a missing one; ours compares it with the last that is known.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ioos_qc import qartod

from contract.catalogue.channel_settings import FlatLine, Quality, Spike
from contract.quality.tests import Check, QualityTests
from contract.readings import Flag, ReadingBatch

START_MS = 1_626_768_000_000
PERIOD_S = 60


def run(quality: Quality, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flags and test bits of one channel, corrections applied, fed in one batch."""
    tests = QualityTests([7], [quality], [PERIOD_S])
    time_ms = START_MS + np.arange(len(value)) * PERIOD_S * 1000
    batch = ReadingBatch.of(time_ms, np.full(len(value), 7), value)
    _, result = tests.step(tests.initial(), batch)
    flag, bits = result.flag.copy(), result.tests.copy()
    at = np.searchsorted(time_ms, result.corrections.time_ms)
    flag[at], bits[at] = result.corrections.flag, result.correction_tests
    return flag, bits


def seconds(n: int) -> np.ndarray:
    return (np.datetime64(START_MS, "ms") + np.arange(n) * np.timedelta64(PERIOD_S, "s")).astype("datetime64[s]")


@st.composite
def series(draw: st.DrawFn, gaps: bool) -> np.ndarray:
    """A walk in millimetres with rests, jumps and (perhaps) gaps: what level gauges do."""
    n = draw(st.integers(3, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step = rng.choice([0, 0, 0, 1, -1, 3, -3, 40, -40, 400, -400], n)
    value = np.cumsum(step) / 1000 + rng.choice([0.0, 0.0, 0.3], n)
    if gaps:
        value[rng.random(n) < 0.1] = np.nan
    return value


@settings(max_examples=80, deadline=None)
@given(series(gaps=True))
def test_range_agrees(value: np.ndarray) -> None:
    flag, _ = run(Quality(fail_range=(-0.5, 0.5), suspect_range=(-0.1, 0.25)), value)
    assert flag.tolist() == qartod.gross_range_test(value, (-0.5, 0.5), (-0.1, 0.25)).tolist()


@settings(max_examples=80, deadline=None)
@given(series(gaps=False))
def test_rate_agrees_without_gaps(value: np.ndarray) -> None:
    flag, _ = run(Quality(rate_per_s=0.0013), value)
    assert flag.tolist() == qartod.rate_of_change_test(value, seconds(len(value)), 0.0013).tolist()


@settings(max_examples=80, deadline=None)
@given(series(gaps=True))
def test_rate_differs_only_behind_a_gap(value: np.ndarray) -> None:
    flag, _ = run(Quality(rate_per_s=0.0013), value)
    theirs = np.asarray(qartod.rate_of_change_test(value, seconds(len(value)), 0.0013))
    for i in range(1, len(value)):
        known = np.flatnonzero(~np.isnan(value[:i]))
        if np.isnan(value[i]) or not np.isnan(value[i - 1]) or not len(known):
            assert flag[i] == theirs[i]
        else:
            last = known[-1]
            fast = abs(value[i] - value[last]) / ((i - last) * PERIOD_S) > 0.0013
            assert flag[i] == (Flag.SUSPECT if fast else Flag.PASS)


@settings(max_examples=80, deadline=None)
@given(series(gaps=True), st.sampled_from(["average", "differential"]))
def test_spike_agrees_where_both_judge(value: np.ndarray, method: str) -> None:
    flag, _ = run(Quality(spike=Spike(suspect=0.0507, fail=0.2013, method=method)), value)
    theirs = np.asarray(qartod.spike_test(value, 0.0507, 0.2013, method))
    judged = theirs != Flag.NOT_EVALUATED
    assert flag[judged].tolist() == theirs[judged].tolist()
    assert (flag[~judged] == Flag.PASS).all()


@settings(max_examples=80, deadline=None)
@given(series(gaps=False), st.sampled_from([0.0, 0.0015, 0.0045]))
def test_flat_line_agrees_without_gaps(value: np.ndarray, tolerance: float) -> None:
    flat = FlatLine(suspect_s=300, fail_s=720, tolerance=tolerance)
    flag, _ = run(Quality(flat_line=flat), value)
    assert flag.tolist() == np.asarray(qartod.flat_line_test(value, seconds(len(value)), 300, 720, tolerance)).tolist()


@settings(max_examples=80, deadline=None)
@given(series(gaps=True))
def test_flat_line_differs_only_behind_a_gap(value: np.ndarray) -> None:
    flag, _ = run(Quality(flat_line=FlatLine(suspect_s=300, fail_s=720, tolerance=0.0045)), value)
    theirs = np.asarray(qartod.flat_line_test(value, seconds(len(value)), 300, 720, 0.0045))
    for i in np.flatnonzero(flag != theirs):
        assert np.isnan(value[max(0, i - 12) : i]).any()
        assert flag[i] < theirs[i]  # ours never calls stuck what the reference does not


@pytest.mark.parametrize("seed", range(20))
def test_chunking_changes_nothing(seed: int) -> None:
    """One reading at a time, all at once, or in between; channels together or apart: the same flags."""
    rng = np.random.default_rng(seed)
    quality = Quality(
        fail_range=(-1, 1),
        rate_per_s=0.002,
        spike=Spike(suspect=0.05, fail=0.2, method="average"),
        flat_line=FlatLine(suspect_s=300, tolerance=0.002),
    )
    n, channels = 60, [3, 5, 9]
    time_ms = np.repeat(START_MS + np.arange(n) * PERIOD_S * 1000, 3)
    value = np.round(np.cumsum(rng.choice([0, 0, 0.001, -0.001, 0.1, -0.1], n * 3)), 3)
    batch = ReadingBatch.of(time_ms, np.tile(channels, n), value)

    def flags(cuts: list[int]) -> dict[tuple[int, int], tuple[int, int]]:
        tests = QualityTests(channels, [quality] * 3, [PERIOD_S] * 3)
        state = tests.initial()
        out: dict[tuple[int, int], tuple[int, int]] = {}
        for a, b in zip([0, *cuts], [*cuts, len(batch)], strict=True):
            part = batch.take(slice(a, b))
            state, result = tests.step(state, part)
            for readings, bits in (
                (part.with_flags(result.flag), result.tests),
                (result.corrections, result.correction_tests),
            ):
                for t, c, f, k in zip(readings.time_ms, readings.channel, readings.flag, bits, strict=True):
                    out[int(t), int(c)] = (int(f), int(k))
        return out

    whole = flags([])
    assert whole == flags(list(range(1, len(batch))))
    assert whole == flags(list(range(3, len(batch), 3)))
    assert whole == flags(sorted(rng.choice(np.arange(1, len(batch)), 17, replace=False).tolist()))
    assert any(bits & Check.SPIKE for _, bits in whole.values())
