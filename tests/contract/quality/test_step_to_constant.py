"""A parked car is suspect, and water is not."""

from __future__ import annotations

import numpy as np

from contract.catalogue.channel_settings import Quality, StepToConstant
from contract.quality.step_to_constant import StepToConstantTest
from contract.quality.tests import Check, QualityTests
from contract.readings import Flag, ReadingBatch

CAR = Quality(step_to_constant=StepToConstant(step=0.3, tolerance=0.015, for_s=300))
NAN = float("nan")


def flags(values: list[float], period_s: int = 30) -> list[int]:
    tests = QualityTests([1], [CAR], [period_s])
    times = [i * period_s * 1000 for i in range(len(values))]
    _, found = tests.step(tests.initial(), ReadingBatch.of(times, [1] * len(values), values))
    assert set(found.tests.tolist()) <= {0, Check.STEP_TO_CONSTANT}
    return found.flag.tolist()


def test_rows_that_are_not_tested_say_nothing() -> None:
    test = StepToConstantTest([None, StepToConstant(step=0.3)])
    assert test.rows.tolist() == [1]
    row, rise = np.array([1]), np.array([0.5])
    state = test.initial()
    assert test.step(state, row, np.array([0]), np.array([0.5]), rise) is None
    found = test.step(state, row, np.array([300_000]), np.array([0.5]), np.array([0.0]))
    assert found is not None
    assert found.tolist() == [True]


def test_a_step_to_a_constant_is_suspect_after_five_minutes_until_it_leaves() -> None:
    found = flags([0.0] * 5 + [0.45] * 20 + [0.0] * 5)
    assert found == [Flag.PASS] * 15 + [Flag.SUSPECT] * 10 + [Flag.PASS] * 5


def test_noise_of_a_centimetre_and_missing_readings_do_not_hide_a_car() -> None:
    noise = np.random.default_rng(1).uniform(-0.01, 0.01, 40)
    values = [0.0, *(1.40 + noise).tolist()]
    values[6] = NAN
    assert flags(values)[20:] == [Flag.SUSPECT] * 21


def test_water_that_rises_and_falls_is_not_a_car() -> None:
    tunnel = [0.0] * 3 + [0.0525 * i for i in range(30)] + [1.5 - 0.002 * i for i in range(200)]  # 10.5 cm a minute
    assert set(flags(tunnel)) == {Flag.PASS}
    flash = [0.0, 0.35] + [0.35 + 0.02 * i for i in range(1, 40)]  # came by a wave, and goes on
    assert set(flags(flash)) == {Flag.PASS}


def test_water_that_stands_still_after_a_slow_rise_is_not_a_car() -> None:
    assert set(flags([0.01 * i for i in range(45)] + [0.45] * 100)) == {Flag.PASS}
