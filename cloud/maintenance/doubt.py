"""Which levels are to be doubted: parked cars, stuck values, zeros that drift, water that no neighbour has. Pure.

Doubt silences nothing: it goes to engineers, and a warning stands until readings or a person end it.

| What is found | When |
| --- | --- |
| parked_car | up by 17 cm from one reading to the next, then within 2.5 cm for 5 min (10 min beside rising water) |
| stuck_value | neither up nor down by more than 1 mm for a day, and not dry |
| zero_drift | never below 2 cm for a day, while a neighbour was, and no car |
| against_neighbours | 15 cm for 30 min, two neighbours heard, all dry, and within 5 km no 2 mm in an hour for 12 h |

Of 285 floods in New York (FloodNet) four are taken for cars: they stood still for five minutes right after a step; of
200 cars made by `simulators.plant.cars` all are named. Boxes (cars) are steady: mean/max at least 0.85 for 22 of 26.
The test for the step is the gateway's own (`contract.quality.step_to_constant`), with a smaller step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cloud.maintenance.columns import NEVER, Columns
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import Found, Judgement, Place
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.channel_settings import StepToConstant
from contract.catalogue.quantities import WATER, Quantity
from contract.channel_rows import channel_rows
from contract.quality.step_to_constant import StepState, StepToConstantTest
from contract.readings import Bools, Float64s, Int64s

CAR = StepToConstant(step=0.17, tolerance=0.025, for_s=300)
_CAR_BESIDE_WATER_MS = 600_000
_RISING_M, _RISING_MS = 0.05, 1_800_000
STUCK_MS, _STUCK_M, _NOT_DRY_M = 86_400_000, 0.001, 0.05
DRIFT_M, _BLOCK_MS, _BLOCKS = 0.02, 21_600_000, 5  # four whole blocks of 6 h, and the one that is on
DRY_M, DEEP_M, DEEP_MS = 0.02, 0.15, 1_800_000
_KINDS = frozenset({Kind.PARKED_CAR, Kind.STUCK, Kind.ZERO_DRIFT, Kind.AGAINST_NEIGHBOURS})


@dataclass(slots=True)
class DoubtState:
    """Of each watched level, shape (n,). at, since_ms: see `contract.quality.step_to_constant.StepState`. confirmed:
    a reading came since the step. still_ms, still: since when it is within a millimetre of what. deep_ms: since when
    it is deep; NEVER: it is not. foot, foot_ms: the lowest of the last half hour. lows: (n, 5), the lowest of each six
    hours, the newest last; block: shape (n,), which six hours that is.
    """

    at: Float64s
    since_ms: Int64s
    confirmed: Bools
    still_ms: Int64s
    still: Float64s
    deep_ms: Int64s
    foot: Float64s
    foot_ms: Int64s
    lows: Float64s
    block: Int64s


class Doubts:
    """Watches the depths, stages and wet wells of a district."""

    def __init__(self, catalogue: Catalogue) -> None:
        numbers = np.array(sorted(catalogue.channels), np.uint32)
        watched = [c for c in numbers.tolist() if catalogue.channels[c].quantity in WATER]
        self.channels: Sequence[int] = watched
        self.rows = channel_rows(numbers, np.array(watched, np.uint32))  # of each, its row among all channels
        self._row = {str(c): n for n, c in enumerate(watched)}
        self._depth: Bools = np.array([catalogue.channels[c].quantity is Quantity.DEPTH for c in watched], np.bool_)
        self._test = StepToConstantTest([CAR if depth else None for depth in self._depth.tolist()])
        of_station: dict[str, list[int]] = {}
        for n, c in enumerate(watched):
            if self._depth[n]:
                of_station.setdefault(catalogue.channels[c].station.id, []).append(n)
        self._neighbours: list[Int64s] = []
        for c in watched:
            beside = catalogue.neighbours.get(catalogue.channels[c].station.id, ())
            self._neighbours.append(np.array([n for s in beside for n in of_station.get(s, ())], np.int64))

    def initial(self) -> DoubtState:
        n = len(self.channels)
        never = np.full(n, NEVER, np.int64)
        none = np.full(n, np.nan)
        return DoubtState(
            none,
            never,
            np.zeros(n, np.bool_),
            never.copy(),
            none.copy(),
            never.copy(),
            none.copy(),
            never.copy(),
            np.full((n, _BLOCKS), np.nan),
            never.copy(),
        )

    def take_in(self, s: DoubtState, row: Int64s, time_ms: Int64s, value: Float64s, before: Float64s) -> None:
        """Usable readings, one a row, each newer than the row's last. before: the value until then, NaN: none."""
        step = StepState(s.since_ms, s.at)
        stood = ~np.isnan(s.at[row])
        self._test.step(step, row, time_ms, value, value - before)
        stands = ~np.isnan(s.at[row])
        begun = stands & (s.since_ms[row] == time_ms)
        s.confirmed[row] = stands & stood & ~begun
        moved = ~(np.abs(value - s.still[row]) <= _STUCK_M)
        s.still[row[moved]], s.still_ms[row[moved]] = value[moved], time_ms[moved]
        deep = value >= DEEP_M
        s.deep_ms[row] = np.where(deep, np.where(s.deep_ms[row] == NEVER, time_ms, s.deep_ms[row]), NEVER)
        lower = ~(value >= s.foot[row]) | (time_ms - s.foot_ms[row] > _RISING_MS)
        s.foot[row[lower]], s.foot_ms[row[lower]] = value[lower], time_ms[lower]
        s.lows[row, -1] = np.fmin(s.lows[row, -1], value)

    def judge(
        self, s: DoubtState, columns: Columns, speaks: Bools, rain_free: Callable[[int], bool], now_ms: int
    ) -> Judgement:
        """What is doubted now. speaks: of all channels, shape (all,), which speak. rain_free: do
        the gauges near this channel say that it has not rained?"""
        out = Judgement()
        value, heard = columns.value[self.rows], speaks[self.rows]
        self._next_block(s, value, now_ms)
        cars = ~np.isnan(s.at) & s.confirmed & (now_ms - s.since_ms >= 1000 * CAR.for_s)
        stuck = heard & (s.still_ms != NEVER) & (now_ms - s.still_ms >= STUCK_MS) & ~cars
        stuck &= ~self._depth | (s.still > _NOT_DRY_M)
        lowest = s.lows.min(axis=1)  # NaN while a day is not known
        drift = heard & self._depth & (lowest >= DRIFT_M) & ~cars & ~stuck
        deep = heard & self._depth & (s.deep_ms != NEVER) & (now_ms - s.deep_ms >= DEEP_MS) & ~cars
        for n in np.flatnonzero(heard & (cars | stuck | drift | deep)).tolist():
            place, beside = f"channel/{self.channels[n]}", self._neighbours[n]
            beside = beside[heard[beside]]
            if cars[n] and not (self._water_comes(s, value, beside) and now_ms - s.since_ms[n] < _CAR_BESIDE_WATER_MS):
                out.found.append(Found(Kind.PARKED_CAR, place, int(s.since_ms[n]), float(value[n])))
            if stuck[n]:
                out.found.append(Found(Kind.STUCK, place, int(s.still_ms[n]), float(value[n])))
            if drift[n] and (lowest[beside] < DRY_M / 2).any():
                out.found.append(Found(Kind.ZERO_DRIFT, place, now_ms - STUCK_MS, float(lowest[n])))
            if deep[n] and len(beside) >= 2 and (value[beside] < DRY_M).all() and rain_free(self.channels[n]):
                more = f"{len(beside)} neighbours are dry"
                out.found.append(Found(Kind.AGAINST_NEIGHBOURS, place, int(s.deep_ms[n]), float(value[n]), more))

        def unsure(place: Place) -> bool:
            n = self._row.get(place.id)
            return place.kind in _KINDS and n is not None and not heard[n]

        out.unsure.append(unsure)
        return out

    def _water_comes(self, s: DoubtState, value: Float64s, beside: Int64s) -> bool:
        return bool((value[beside] - s.foot[beside] >= _RISING_M).any())

    def _next_block(self, s: DoubtState, value: Float64s, now_ms: int) -> None:
        """Six hours are over: what holds now is the first of the next."""
        block = now_ms // _BLOCK_MS
        s.block[s.block == NEVER] = block
        old = s.block != block
        if old.any():
            rows = np.flatnonzero(old)
            passed = np.clip(block - np.maximum(s.block[rows], block - _BLOCKS), 1, _BLOCKS)
            for k in range(int(passed.max())):
                some = rows[passed > k]
                s.lows[some, :-1] = s.lows[some, 1:]
                s.lows[some, -1] = value[some]
            s.block[rows] = block
