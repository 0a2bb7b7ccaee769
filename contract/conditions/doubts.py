"""Why a depth is believed less although every quality test passed it: it does not move like water. Pure.

True water in streets rises by 0.6 cm a minute in the median event's fastest five minutes and by 6 at the 99th
percentile (FloodNet); the fastest tunnel of the storm of July 2021 by 10.5. Seventeen centimetres from one reading to
the next, and as much a minute, are beyond both: a car that parks under the sensor, on a dry road or a wet one. A flood
that came so fast would have moved at the reading before, and would move on. A dry sensor that ages climbs by a
centimetre a day; water that comes moves by three within hours.
"""

from __future__ import annotations

import numpy as np

from contract.conditions.columns import DOUBTS, NEVER, NO_LEVEL, State
from contract.conditions.limits import Limits
from contract.conditions.state import Doubt
from contract.readings import Bools, Float64s, Int64s

STEP_M, STEP_M_PER_S = 0.17, 0.17 / 60
STILL_M = 0.025  # the noise floor of ultrasonic sensors is 1 cm, up and down
BRISK_M = 0.03
_BRISK_WITHIN_MS = 3 * 3_600_000
DRIFT_MS = 24 * 3_600_000

_SUSPECT, _STEP, _DRIFT = (DOUBTS.index(d) for d in (Doubt.SUSPECT, Doubt.STEP, Doubt.DRIFT))


def note(state: State, limits: Limits, rows: Int64s, time_ms: Int64s, value: Float64s) -> None:
    """Take in how a new finding of each row differs from the one before, which the row still shows."""
    water = limits.water[rows]
    if not water.any():
        return
    if not water.all():
        rows, time_ms, value = rows[water], time_ms[water], value[water]
    calm = state.brisk_ms[rows] < state.reading_ms[rows]  # at the reading before it moved less than water does
    note_pace(state, rows, time_ms, value)
    wet = value >= limits.lowest[rows]
    if not wet.any():
        return
    rows, time_ms, value, calm = rows[wet], time_ms[wet], value[wet], calm[wet]
    before, before_ms = state.value[rows], state.reading_ms[rows]
    within_ms = np.minimum(time_ms - before_ms, limits.period_ms[rows])
    from_dry = (before < limits.lowest[rows]) & (state.above_ms[:, rows] == NEVER).all(axis=0)
    least_m = np.maximum(STEP_M, STEP_M_PER_S * within_ms / 1000)
    stepped = (value - before > least_m) & (from_dry | calm)
    moved = np.abs(value - state.step_value[rows]) > STILL_M
    state.step_value[rows] = np.where(stepped, value, np.where(moved, np.nan, state.step_value[rows]))


def note_pace(state: State, rows: Int64s, time_ms: Int64s, value: Float64s) -> None:
    """When values of water last moved by as much as water does; the first value of all counts as that."""
    base = state.base_value[rows]
    new = ~(value >= base) | (time_ms - state.base_ms[rows] > _BRISK_WITHIN_MS)
    brisk = ~(value - base <= BRISK_M)
    if brisk.any():
        state.brisk_ms[rows[brisk]] = time_ms[brisk]
    new |= brisk
    if new.any():
        state.base_ms[rows[new]] = time_ms[new]
        state.base_value[rows[new]] = value[new]


def settle(state: State, limits: Limits, rows: Int64s, shown_suspect: Bools) -> None:
    """What is doubted of each row that holds a level; who holds none is not doubted. shown_suspect: shape (m,)."""
    level = state.level[rows]
    held = level != NO_LEVEL
    began_ms = state.from_ms[np.maximum(level, 0), rows]
    stepped = held & ~np.isnan(state.step_value[rows])
    drifted = held & limits.water[rows] & (began_ms - state.brisk_ms[rows] > DRIFT_MS)
    suspect = held & shown_suspect
    state.doubt[rows] = np.select([suspect, stepped, drifted], [_SUSPECT, _STEP, _DRIFT], 0)
