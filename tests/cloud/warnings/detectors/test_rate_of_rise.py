"""`rate_of_rise` as a table of what is read and what is found, and against SciPy's Theil-Sen slope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import theilslopes

from cloud.hydrology.slopes import median_slope
from cloud.warnings.detectors.rate_of_rise import RateOfRise
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.readings import Flag, ReadingBatch

RULE = Rule(
    id="rise",
    detector="rate_of_rise",
    channels=(101,),
    levels={Level.RED: 5.0},
    settings={"window_s": 300},
    hysteresis=1,
)
Row = tuple[int, float | None, float | None]  # second, metres read (None: failed), cm/min found (None: unknown)


@pytest.fixture
def detector(small_district: Catalogue) -> RateOfRise:
    catalogue = replace(small_district, rules=(RULE,))
    return RateOfRise(catalogue.watches, catalogue)


def found(
    detector: RateOfRise, rows: Sequence[tuple[int, float | None]], cut: int = 1
) -> list[tuple[int, float | None]]:
    """rows: second and metres; in steps of so many readings. Second and cm/min, in the order of time."""
    memory, out = detector.initial(), []
    for k in range(0, len(rows), cut):
        times, values = zip(*rows[k : k + cut], strict=True)
        flags = [Flag.FAIL if v is None else Flag.PASS for v in values]
        depth_m = [9.0 if v is None else v for v in values]
        batch = ReadingBatch.of([1000 * t for t in times], [101] * len(times), depth_m, flags)
        memory, f = detector.step(memory, batch, 0)
        memory = detector.restore(json.loads(json.dumps(detector.dump(memory))))
        for time_ms, value in zip(f.time_ms.tolist(), f.value.tolist(), strict=True):
            out.append((time_ms // 1000, None if np.isnan(value) else round(value, 2)))
    return out


TABLES: dict[str, Sequence[Row]] = {
    # Read every 30 s; the floor is 5 cm.
    "a tunnel fills by 6 cm a minute": [
        (0, 0.0, 0.0),
        (30, 0.03, 0.0),
        (60, 0.06, None),  # three readings decide nothing
        (90, 0.09, 6.0),
        (120, 0.12, 6.0),
        (150, 0.15, 6.0),
    ],
    "one echo too high raises nothing": [
        (0, 0.10, None),
        (30, 0.10, None),
        (60, 0.10, None),
        (90, 0.10, 0.0),
        (120, 1.40, 0.0),
        (150, 0.10, 0.0),
    ],
    "below the floor nothing rises": [(0, 0.0, 0.0), (30, 0.02, 0.0), (60, 0.04, 0.0), (90, 0.049, 0.0)],
    "water that falls": [(0, 0.50, None), (30, 0.48, None), (60, 0.46, None), (90, 0.44, -4.0), (120, 0.42, -4.0)],
    "a failed reading says nothing, and nothing is forgotten": [
        (0, 0.0, 0.0),
        (30, 0.06, None),
        (60, 0.12, None),
        (90, None, None),
        (120, 0.24, 12.0),
    ],
    "reported by exception: a value stands until the next, a heartbeat at most": [
        (0, 0.0, 0.0),
        (600, 0.0, 0.0),
        (900, 0.06, None),
        (930, 0.09, 3.9),
        (960, 0.12, 6.0),
    ],
    "unknown after a silence longer than the heartbeat": [(0, 0.10, None), (9000, 0.30, None), (9030, 0.33, None)],
}


@pytest.mark.parametrize("name", TABLES)
def test_what_is_found_of_what_is_read(detector: RateOfRise, name: str) -> None:
    rows = TABLES[name]
    assert found(detector, [(t, v) for t, v, _ in rows]) == [(t, rate) for t, _, rate in rows]


def test_it_finds_centimetres_a_minute(detector: RateOfRise) -> None:
    assert set(detector.quantities) == {Quantity.RISE_RATE}
    assert Quantity.RISE_RATE.unit == "cm/min"


@pytest.mark.parametrize("seed", range(5))
def test_random_series_against_scipy_however_they_are_cut(detector: RateOfRise, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth_m = np.round(np.abs(np.cumsum(rng.normal(0.004, 0.02, 120))) + 0.06, 3)
    rows = [(30 * k, float(v)) for k, v in enumerate(depth_m)]
    one_by_one = found(detector, rows)
    assert found(detector, rows, cut=7) == found(detector, rows, cut=120) == one_by_one
    for k in range(10, 120):  # 300 s: eleven readings
        at_s = 30.0 * np.arange(11)
        slope = theilslopes(depth_m[k - 10 : k + 1], at_s).slope * 6000
        assert one_by_one[k][1] == pytest.approx(slope, abs=0.006)


def test_a_reading_that_comes_late_is_put_where_it_belongs(detector: RateOfRise) -> None:
    rows = [(0, 0.10), (30, 0.13), (60, 0.16), (90, 0.19), (120, 0.22)]
    late = [rows[0], rows[2], rows[3], rows[1], rows[1], rows[4]]
    assert found(detector, late)[-1] == found(detector, rows)[-1] == (120, 6.0)
    assert [t for t, _ in found(detector, late)] == [0, 60, 90, 120]


def test_slopes_leave_out_what_is_missing() -> None:
    rng = np.random.default_rng(3)
    at = np.sort(rng.integers(0, 10**6, (200, 9)), axis=1)
    at += np.arange(9)
    value = rng.normal(size=(200, 9))
    value[rng.random((200, 9)) < 0.3] = np.nan
    got = median_slope(at, value)
    for k in range(200):
        there = ~np.isnan(value[k])
        if there.sum() < 2:
            assert np.isnan(got[k])
        else:
            assert got[k] == pytest.approx(theilslopes(value[k, there], at[k, there]).slope)


def test_of_a_flood_of_readings_few_are_looked_at_and_the_rise_is_the_waters(detector: RateOfRise) -> None:
    """Five minutes of 6 cm a minute, with noise of 5 mm, a reading every 40 ms, 8,192 at most in one entry."""
    chance = np.random.default_rng(1)
    time_ms = np.arange(0, 300_000, 40)
    depth_m = 0.1 + 0.06 * time_ms / 60_000 + chance.uniform(-0.005, 0.005, len(time_ms))
    batch = ReadingBatch.of(time_ms, np.full(len(time_ms), 101), depth_m, np.ones(len(time_ms)))
    _, findings = detector.step(detector.initial(), batch, 0)
    assert len(findings) <= 11 * 18
    assert findings.time_ms[-1] == time_ms[-1]
    assert findings.value[50:].mean() == pytest.approx(6.0, abs=1.0)


def test_a_correction_within_a_flood_is_taken_in(detector: RateOfRise) -> None:
    memory = detector.initial()
    for n in range(5):
        memory, _ = detector.step(memory, ReadingBatch.of([n * 30_000], [101], [0.1 + 0.03 * n], [Flag.PASS]), 0)
    times = np.append(120_000, np.arange(120_001, 125_000))
    flags = np.append(Flag.FAIL, np.ones(len(times) - 1))
    depth_m = np.append(0.22, np.full(len(times) - 1, 0.22))
    memory, findings = detector.step(memory, ReadingBatch.of(times, np.full(len(times), 101), depth_m, flags), 0)
    assert np.isnan(findings.value[findings.time_ms == 120_000]).all()
    assert np.count_nonzero(findings.time_ms == 120_000) == 1
