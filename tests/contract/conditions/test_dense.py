"""Readings closer together than a sensor measures: few are judged, and what they show is what all would have shown."""

from __future__ import annotations

import numpy as np
import pytest

from contract.catalogue.rules import Level
from contract.conditions import dense
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.state import ConditionState, Reason
from contract.readings import Flag, Float64s, Int64s
from tests.contract.conditions.bench import KEY, PERIOD_S, STREET, Bench, Reading, batch_of

PERIOD_MS = int(PERIOD_S * 1000)
PASS, SUSPECT, FAIL = Flag.PASS, Flag.SUSPECT, Flag.FAIL
MANY = 8192  # readings in a batch at most


def stays(readings: list[Reading], remembered: list[Reading] | None = None) -> list[Reading]:
    """Those of one entry that are taken in."""
    engine = Conditions({KEY: Watched(STREET, PERIOD_S)})
    state = engine.initial()
    for n, (t, value, _) in enumerate(remembered or []):
        state.time_ms[n, 0], state.found[n, 0], state.count[0] = int(t * 1000), value, n + 1
    batch = batch_of(readings)
    found = Findings.of(np.zeros(len(batch), np.int64), batch)
    order = np.argsort(batch.time_ms, kind="stable")
    row, size = np.zeros(1, np.int64), np.array([len(batch)])
    order, first, size = dense.thinned(state, engine.limits, found, row, order, row, size)
    return [readings[k] for k in order[first[0] : first[0] + size[0]].tolist()]


def every(step_s: float, count: int, value: float = 0.0, begin_s: float = 3000.0) -> list[Reading]:
    return [(begin_s + n * step_s, value, PASS) for n in range(count)]


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param(every(PERIOD_S, 400, 0.3), id="a day's history, one a period"),
        pytest.param(every(PERIOD_S / 16, 400, 0.3), id="sixteen a period"),
        pytest.param([r for r in every(PERIOD_S, 40) for _ in range(5)], id="each five times over"),
        pytest.param([(3000 + 2.0 * n, n % 2, FAIL if n % 3 else PASS) for n in range(300)], id="most of them failed"),
    ],
)
def test_what_a_sensor_can_give_stays_whole(readings: list[Reading]) -> None:
    assert stays(readings) == readings


@pytest.mark.parametrize("step_s", [0.001, 0.01, 0.05, 0.2, 1.0])
def test_no_more_is_taken_in_than_a_channel_gives(step_s: float) -> None:
    readings = every(step_s, MANY)
    periods = MANY * step_s // PERIOD_S + 2
    assert len(stays(readings)) <= periods * (dense.MOST + 2)


def test_the_same_time_a_thousand_times_is_one_reading() -> None:
    assert stays([(3000.0, 0.3, PASS)] * 1000) == [(3000.0, 0.3, PASS)]


HIGH, HIGHER = (3005.0, 0.7, PASS), (3010.0, 0.9, PASS)


@pytest.mark.parametrize(
    ("readings", "must"),
    [
        pytest.param([HIGH], [HIGH], id="the highest"),
        pytest.param([HIGH, HIGHER], [HIGHER], id="the highest of two"),
        pytest.param([(3005.0, 0.7, SUSPECT)], [(3005.0, 0.7, SUSPECT)], id="the highest, suspect"),
        pytest.param([HIGH, HIGHER, (3010.0, 0.9, FAIL)], [HIGH], id="one taken back hides not the next"),
        pytest.param([HIGHER, (3010.0, 0.9, SUSPECT)], [HIGHER, (3010.0, 0.9, SUSPECT)], id="with what doubts it"),
        pytest.param([(3005.0, float("nan"), PASS), HIGH], [HIGH], id="not a number"),
        pytest.param([(3005.0, 0.7, FAIL), HIGH], [HIGH], id="failed, then good"),
        pytest.param([(3029.9, 0.2, PASS)], [(3029.9, 0.2, PASS)], id="the newest"),
    ],
)
def test_of_a_thousand_dry_ones_this_stays(readings: list[Reading], must: list[Reading]) -> None:
    among = [r for r in every(0.025, 1000) if r[0] not in {t for t, _, _ in readings}]
    found = stays(among + readings)
    assert all(r in found for r in must)
    assert len(found) < 30


def test_a_correction_of_what_is_remembered_stays() -> None:
    correction = (3001.0, 0.7, FAIL)
    among = [r for r in every(0.025, 1000) if r[0] != 3001.0]
    assert correction in stays([*among, correction], remembered=[(3001.0, 0.7, PASS)])


@pytest.mark.parametrize("of", range(2, 12))
@pytest.mark.parametrize("step_s", [0.25, 15 / 32, 0.6, 1.0])
def test_no_rhythm_of_lost_echoes_falls_in_with_what_stays(step_s: float, of: int) -> None:
    """One echo of so many is heard, at every rhythm: for as much of the time as if all were judged."""
    value = [0.45 if n % of == 0 else 0.0 for n in range(2400)]
    readings = [(3000.0 + n * step_s, v, PASS) for n, v in enumerate(value)]
    found = stays(readings)
    share = share_of_time([int(t * 1000) for t, _, _ in found], [v for _, v, _ in found])
    assert share == pytest.approx(1 / of, abs=0.1)


def share_of_time(time_ms: Int64s | list[int], value: Float64s | list[float]) -> float:
    stood = np.diff(time_ms)
    return float((stood * (np.array(value[:-1]) > 0.1)).sum() / stood.sum())


@pytest.mark.parametrize("step_s", [0.01, 0.02, 0.5, 30.0])
def test_a_rise_is_told_as_soon(step_s: float) -> None:
    """Dry, then half a metre: however densely it is told of, red within two minutes, and not by one reading."""
    b = Bench()
    b.polled([0.0] * 4, 30.0, 3000.0)
    for n in range(4):
        begin_s = 3120.0 + n * 30
        b.entry(begin_s + 29.9, [(begin_s + k * step_s, 0.5, PASS) for k in range(round(30 / step_s))])
    assert b.levels == [Level.RED]
    assert b.changes[-1].time_ms <= 3_240_000


@pytest.mark.parametrize("place", [0, 1, 777, 1498, 1499])
def test_one_echo_among_thousands_sets_nothing(place: int) -> None:
    b = Bench()
    b.polled([0.0] * 4, 30.0, 3000.0)
    for n in range(10):
        begin_s = 3120.0 + n * 30
        echo = n == 3
        readings = [(begin_s + k / 50, 1.4 if echo and k == place else 0.0, PASS) for k in range(1500)]
        b.entry(begin_s + 30, readings)
    b.wait(3600.0)
    assert b.levels == []


def test_a_level_is_held_through_dense_dips_and_ends_by_dense_dry_readings() -> None:
    """Every second echo lost holds it; ten minutes without water end it."""
    b = Bench()
    for n in range(60):
        begin_s = 3000.0 + n * 30
        dry = n >= 30
        readings = [(begin_s + k / 20, 0.45 if k % 2 and not dry else 0.0, PASS) for k in range(600)]
        b.entry(begin_s + 30, readings)
    assert b.levels == [Level.RED, None]
    gone_s = b.changes[-1].time_ms / 1000 - 3900  # a tenth may be above, and of the last dips half were below
    assert STREET.off_delay_s * 0.8 <= gone_s <= STREET.off_delay_s + 60
    assert b.now == (ConditionState.NORMAL, None, Reason.OFF_DELAY_OVER)


def test_of_dense_history_the_worst_is_noted() -> None:
    b = Bench()
    b.entry(9000.0, [(3000.0 + k / 100, 0.9 if k == 1234 else 0.2, PASS) for k in range(3000)])
    assert max(n.value for n in b.late) == 0.9
    assert len(b.late) < 30
    assert b.levels == []
