"""What each quality test says of a gauge in trouble."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue.channel_settings import FlatLine, Quality, RainGauge, Spike
from contract.quality.tests import Check, QualityTests
from contract.readings import Flag, ReadingBatch

NAN = float("nan")


def flags(quality: Quality, values: list[float], period_s: float = 60) -> tuple[list[int], list[int]]:
    tests = QualityTests([1], [quality], [period_s])
    times = [int(i * period_s * 1000) for i in range(len(values))]
    _, result = tests.step(tests.initial(), ReadingBatch.of(times, [1] * len(values), values))
    return result.flag.tolist(), result.tests.tolist()


def test_missing_is_missing_and_neither_pass_nor_fail() -> None:
    assert flags(Quality(fail_range=(0, 5)), [1.0, NAN, 6.0])[0] == [Flag.PASS, Flag.MISSING, Flag.FAIL]


def test_a_channel_without_tests_is_not_evaluated() -> None:
    assert flags(Quality(), [1.0, NAN])[0] == [Flag.NOT_EVALUATED, Flag.MISSING]


def test_infinity_fails_a_range() -> None:
    assert flags(Quality(fail_range=(0, 5)), [float("inf")])[0] == [Flag.FAIL]


def test_a_spike_is_sent_good_and_corrected_once_the_next_reading_shows_it() -> None:
    tests = QualityTests([1], [Quality(spike=Spike(suspect=0.2, fail=1.0))], [60])
    state = tests.initial()
    for i, value in enumerate([0.1, 0.1, 0.9]):
        state, result = tests.step(state, ReadingBatch.of([i * 60_000], [1], [value]))
        assert result.flag.tolist() == [Flag.PASS]
        assert len(result.corrections) == 0
    _, result = tests.step(state, ReadingBatch.of([180_000], [1], [0.1]))
    late = result.corrections
    assert (late.time_ms.tolist(), late.value.tolist(), late.flag.tolist()) == ([120_000], [0.9], [Flag.SUSPECT])
    assert result.correction_tests.tolist() == [Check.SPIKE]


def test_a_dry_road_is_not_stuck_and_a_stuck_depth_is() -> None:
    flat = Quality(flat_line=FlatLine(suspect_s=300, fail_s=600, tolerance=0.001, only_above=0.05))
    assert set(flags(flat, [0.0] * 30)[0]) == {Flag.PASS}
    assert flags(flat, [0.3] * 12)[0] == [Flag.PASS] * 5 + [Flag.SUSPECT] * 5 + [Flag.FAIL] * 2


def test_a_slow_drift_is_not_flat() -> None:
    flat = Quality(flat_line=FlatLine(suspect_s=600, tolerance=0.005))
    assert set(flags(flat, [0.001 * i for i in range(40)])[0]) == {Flag.PASS}


def judged_one_by_one(quality: Quality, values: list[float], period_s: float = 60) -> list[tuple[Flag, str]]:
    """The last word on each reading, corrections applied, with the names of the tests that objected."""
    tests = QualityTests([1], [quality], [period_s])
    state, out = tests.initial(), {}
    for i, value in enumerate(values):
        state, found = tests.step(state, ReadingBatch.of([i * 1000 * int(period_s)], [1], [value]))
        out[i] = (found.flag[0], found.tests[0])
        for t, f, bits in zip(
            found.corrections.time_ms.tolist(), found.corrections.flag, found.correction_tests, strict=True
        ):
            out[t // (1000 * int(period_s))] = (f, bits)
    return [(Flag(f), " ".join(k.name.lower() for k in Check if k & int(b) and k.name)) for f, b in out.values()]


PASS, SUSPECT, FAIL, MISSING = Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING


@pytest.mark.parametrize(
    ("values", "gauge", "expected"),
    [
        ([512.4, 0, 512.4, 512.6], RainGauge(tip_mm=0.2), {1: (FAIL, "counter_reset")}),
        ([512.4, 498.0, 498.2], RainGauge(tip_mm=0.2), {1: (SUSPECT, "counter_reset")}),
        ([700, 0, 0.1], RainGauge(tip_mm=0.1, wraps_at_mm=1000), {1: (SUSPECT, "counter_reset")}),
        ([12.3, 1677721.5, 12.3], RainGauge(tip_mm=0.1), {1: (FAIL, "counter_implausible")}),
        ([45.0, 9.0, 45.0], RainGauge(tip_mm=0.5, wraps_at_mm=64), {1: (FAIL, "counter_reset")}),
        ([193.6, 52.5], RainGauge(tip_mm=0.1), {1: (SUSPECT, "counter_reset")}),
        ([512.4, 0.4, 0.6], RainGauge(tip_mm=0.2), {1: (SUSPECT, "counter_reset")}),
        (
            [512.4, NAN, NAN, 0],
            RainGauge(tip_mm=0.2),
            {1: (MISSING, ""), 2: (MISSING, ""), 3: (SUSPECT, "counter_reset")},
        ),
        ([45.0, 44.8, 44.8, 45.0], RainGauge(tip_mm=0.2), {1: (SUSPECT, "counter_negative")}),
        ([13106.8, 13107.0, 0.2], RainGauge(tip_mm=0.2, wraps_at_mm=13107.2), {}),
        ([50.0, 0.0], RainGauge(tip_mm=0.2, wraps_at_mm=13107.2), {1: (SUSPECT, "counter_reset")}),
        ([0.0, 12.0], RainGauge(tip_mm=0.2), {1: (SUSPECT, "counter_implausible")}),  # 720 mm/h
    ],
)
def test_what_a_rain_counter_cannot_show_is_flagged_by_its_name(
    values: list[float], gauge: RainGauge, expected: dict[int, tuple[Flag, str]]
) -> None:
    found = judged_one_by_one(Quality(rain_gauge=gauge), values)
    assert found == [expected.get(i, (PASS, "")) for i in range(len(values))]


def test_a_failed_total_is_no_step_of_the_counter() -> None:
    quality = Quality(fail_range=(0, 6000), rain_gauge=RainGauge(tip_mm=0.1))
    assert judged_one_by_one(quality, [100.0, 6553.5, 100.1]) == [(PASS, ""), (FAIL, "range"), (PASS, "")]


def test_a_missing_or_failed_reading_does_not_wipe_what_is_known() -> None:
    quality = Quality(fail_range=(-1, 6), rate_per_s=0.02)
    assert judged_one_by_one(quality, [0.02, NAN, 3.0])[2] == (SUSPECT, "rate")
    assert judged_one_by_one(quality, [0.02, 999.0, 3.0])[2] == (SUSPECT, "rate")
    assert judged_one_by_one(quality, [0.02, NAN, 2.0])[2] == (PASS, "")  # 1.98 m in two minutes is 0.0165 m/s


def test_rain_of_zhengzhou_passes_and_bounce_does_not() -> None:
    gauge = Quality(rain_gauge=RainGauge(tip_mm=0.2, wraps_at_mm=13107.2))
    hour = np.round(np.arange(60) * 201.9 / 60 / 0.2) * 0.2  # 201.9 mm in an hour, as tips
    assert set(flags(gauge, hour.tolist())[0]) == {Flag.PASS}
    assert flags(gauge, [0.0, 12.0])[0] == [Flag.PASS, Flag.SUSPECT]  # 720 mm/h


def test_an_old_reading_is_tested_for_range_alone_and_not_remembered() -> None:
    tests = QualityTests([1], [Quality(fail_range=(0, 5), rate_per_s=0.001)], [60])
    state, _ = tests.step(tests.initial(), ReadingBatch.of([600_000], [1], [1.0]))
    state, old = tests.step(state, ReadingBatch.of([60_000, 120_000], [1, 1], [9.0, 4.0]))
    assert old.flag.tolist() == [Flag.FAIL, Flag.PASS]
    _, new = tests.step(state, ReadingBatch.of([660_000], [1], [1.01]))
    assert new.flag.tolist() == [Flag.PASS]


def test_an_unknown_channel_is_not_evaluated_and_harms_nobody() -> None:
    tests = QualityTests([1], [Quality(fail_range=(0, 5))], [60])
    _, result = tests.step(tests.initial(), ReadingBatch.of([0, 0], [99, 1], [1.0, 9.0]))
    assert result.flag.tolist() == [Flag.NOT_EVALUATED, Flag.FAIL]


EVERY_TEST = Quality(
    fail_range=(-0.5, 5.0),
    suspect_range=(0.0, 3.0),
    rate_per_s=0.05,
    spike=Spike(suspect=0.3, fail=1.0),
    flat_line=FlatLine(suspect_s=120, fail_s=240, tolerance=0.001, only_above=0.05),
)


@given(
    readings=st.lists(
        st.tuples(
            st.sampled_from([1, 2, 9]),  # 9 is not listed
            st.integers(0, 20),  # minutes; some are equal
            st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.6, 2.0, 4.0, 7.0, NAN]),
        ),
        max_size=40,
    ),
    cuts=st.sets(st.integers(1, 39)),
)
def test_one_reading_at_a_time_is_judged_as_several_at_once(
    readings: list[tuple[int, int, float]], cuts: set[int]
) -> None:
    """In time order, as drivers give them; readings of one time, missing ones and unknown channels included."""
    tests = QualityTests([1, 2], [EVERY_TEST, Quality(rain_gauge=RainGauge(tip_mm=0.2))], [60, 60])
    readings = sorted(readings, key=lambda r: r[1])
    columns = list(zip(*readings, strict=True)) or [(), (), ()]
    whole = ReadingBatch.of([m * 60_000 for m in columns[1]], columns[0], columns[2])

    def judged(edges: list[int]) -> tuple[list[int], list[int], list[str]]:
        state, flag, bits, late = tests.initial(), [], [], []
        for a, b in pairwise(edges):
            state, found = tests.step(state, whole.take(slice(a, b)))
            flag += found.flag.tolist()
            bits += found.tests.tolist()
            fixed = found.corrections
            columns = (fixed.channel, fixed.time_ms, fixed.value, fixed.flag, found.correction_tests)
            late += [repr(row) for row in zip(*(c.tolist() for c in columns), strict=True)]
        return flag, bits, sorted(late)

    n = len(whole)
    alone = judged(list(range(n + 1)))
    assert judged([0, *sorted(c for c in cuts if c < n), n]) == alone
    assert judged([0, n]) == alone
