"""A month of a district, minute by minute, made by a seed: storms, wet roads, pumps, and what goes wrong. Pure.

It is no model of a place (that is `simulators.catchment`), but plausible and quick: a leaky bucket for each road and
each wet well, rain in some storms a month. What was made to go wrong is told, so that answers about the month can be
checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.readings import Bools, Float64s

TIP_MM = 0.2
_DRAINS_MM_PER_MIN = 0.35  # what a street's gullies take
_ROAD_M_PER_MM = 0.004
_RUNS_OFF_PER_MIN = 0.985  # of the water on a road what is still there a minute later
_WELL_M3_PER_MM = 18.0  # of rain on what drains to a pump station
_DRY_INFLOW_M3_PER_MIN = 0.25
_STAGE_M, _STAGE_M_PER_MM = 84.8, 0.011
_VOLTS_FULL, _VOLTS_LOST_A_MONTH, _VOLTS_WEAK = 3.65, 0.1, 0.6
Rng = np.random.Generator


@dataclass(slots=True)
class Month:
    """minutes: how many. values: by channel, shape (minutes,), in its unit; NaN where nothing was sent. rain_mm: by
    gauge, of each minute, as it fell. wrong: what was made to go wrong, as JSON has it; minutes count from the
    beginning."""

    minutes: int
    values: dict[int, Float64s] = field(default_factory=dict)
    rain_mm: dict[int, Float64s] = field(default_factory=dict)
    wrong: list[dict[str, Any]] = field(default_factory=list)


def made(catalogue: Catalogue, minutes: int, seed: int) -> Month:
    """The same for the same seed."""
    rng = np.random.default_rng(seed)
    month, fell = Month(minutes), _storms(rng, minutes)
    for station in catalogue.stations.values():
        own = catalogue.station_channels(station.id)
        there = np.round(fell * rng.uniform(0.7, 1.15), 4)
        _Station(month, rng, station, own, there).make()
    for gateway, channels in catalogue.channels_by_gateway.items():
        _silences(month, rng, gateway, [c.id for c in channels if c.id in month.values])
    return month


def _storms(rng: Rng, minutes: int) -> Float64s:
    """Millimetres of each minute: some showers, and one storm that is a storm."""
    out = np.zeros(minutes)
    days = minutes / 1440
    totals = [*rng.exponential(12, rng.poisson(days / 4) + 1), rng.uniform(60, 140)]
    for total_mm in totals:
        lasts = int(rng.uniform(40, 300))
        begins = int(rng.uniform(0, max(minutes - lasts, 1)))
        shape = rng.gamma(2.0, 1.0, lasts) * np.hanning(lasts + 2)[1:-1]
        part = (shape / shape.sum() * total_mm)[: minutes - begins]
        out[begins : begins + len(part)] += part
    return out


class _Station:
    def __init__(
        self, month: Month, rng: Rng, station: Station, channels: Sequence[ChannelInfo], fell_mm: Float64s
    ) -> None:
        self._month, self._rng, self._station, self._fell_mm = month, rng, station, fell_mm
        self._of: dict[Quantity, list[int]] = {}
        for c in channels:
            self._of.setdefault(c.quantity, []).append(c.id)

    def make(self) -> None:
        for quantity, numbers in self._of.items():
            for number in numbers:
                match quantity:
                    case Quantity.RAIN_TOTAL:
                        self._gauge(number)
                    case Quantity.DEPTH:
                        self._road(number)
                    case Quantity.STAGE:
                        self._put(number, _STAGE_M + _STAGE_M_PER_MM * _bucket(self._fell_mm, 0.998))
                    case Quantity.VOLTAGE:
                        self._battery(number)
        if self._station.pumps and Quantity.WET_WELL in self._of:
            self._pumps(self._station.pumps)

    def _put(self, number: int, value: NDArray[Any], digits: int = 3) -> None:
        self._month.values[number] = np.asarray(value, np.float64).round(digits)

    def _wrong(self, what: str, number: int, **more: object) -> None:
        self._month.wrong.append({"what": what, "channel": number, **more})

    def _gauge(self, number: int) -> None:
        """A register of tips, exchanged once in half of the months for one with another total."""
        self._month.rain_mm[number] = self._fell_mm
        total = 120 + TIP_MM * np.floor(np.cumsum(self._fell_mm) / TIP_MM)
        if self._rng.random() < 0.5:
            at = int(self._rng.uniform(0.2, 0.8) * self._month.minutes)
            self._wrong("exchanged", number, minute=at, lost_from=float(total[at - 1]))
            total[at:] += 40 - total[at]
        self._put(number, total, 1)

    def _road(self, number: int) -> None:
        depth: Float64s = _ROAD_M_PER_MM * _bucket(np.maximum(self._fell_mm - _DRAINS_MM_PER_MIN, 0), _RUNS_OFF_PER_MIN)
        depth[depth < 0.004] = 0
        for at in self._rng.integers(0, self._month.minutes, self._rng.poisson(2)).tolist():
            depth[at] = 9.99  # an echo of nothing
            self._wrong("echo", number, minute=at)
        self._put(number, depth)

    def _battery(self, number: int) -> None:
        weak = self._rng.random() < 0.4
        lost = _VOLTS_WEAK if weak else _VOLTS_LOST_A_MONTH
        if weak:
            self._wrong("weak battery", number)
        self._put(number, _VOLTS_FULL - lost * np.linspace(0, 1, self._month.minutes), 2)

    def _pumps(self, count: int) -> None:
        s, rng, n = self._station, self._rng, self._month.minutes
        starts_m = s.each_pump("start_m") or tuple(2.0 + 0.4 * k for k in range(count))
        stops_m = s.each_pump("stop_m") or tuple(m - 0.8 for m in starts_m)
        takes_m3 = [60 * q for q in s.each_pump("capacity_m3s") or (0.14,) * count]
        area_m2 = s.wet_well_area_m2 or 30.0
        mains, fault = np.ones(n, np.bool_), np.zeros((count, n), np.bool_)
        for what, row in (("mains lost", mains), ("pump fault", fault[0])):
            if rng.random() < 0.6:
                begins, lasts = int(rng.uniform(0, n)), int(rng.uniform(20, 240))
                row[begins : begins + lasts] = what == "pump fault"
                number = self._of[Quantity.MAINS if what == "mains lost" else Quantity.PUMP_FAULT][0]
                self._wrong(what, number, minute=begins, minutes=min(lasts, n - begins))
        inflow = _DRY_INFLOW_M3_PER_MIN + _WELL_M3_PER_MM * _bucket(self._fell_mm, 0.9) * 0.1
        level, runs = np.empty(n), np.zeros((count, n), np.bool_)
        now_m, on = min(stops_m), [False] * count
        for t in range(n):
            for k in range(count):
                on[k] = bool(mains[t] and not fault[k, t]) and (now_m > (stops_m[k] if on[k] else starts_m[k]))
            out = sum(takes_m3[k] for k in range(count) if on[k])
            now_m = float(np.clip(now_m + (inflow[t] - out) / area_m2, min(stops_m) - 0.4, 5.0))
            level[t], runs[:, t] = now_m, on
        self._put(self._of[Quantity.WET_WELL][0], level)
        rows: Mapping[Quantity, Sequence[NDArray[Any]]] = {
            Quantity.PUMP_RUNNING: list(runs),
            Quantity.PUMP_FAULT: list(fault),
            Quantity.MAINS: [mains],
            Quantity.RUN_HOURS: [2000 + np.cumsum(r) / 60 for r in runs],
            Quantity.STARTS: [300 + np.cumsum(np.diff(r.astype(np.int8), prepend=0) == 1) for r in runs],
        }
        for quantity, each in rows.items():
            for number, row in zip(self._of.get(quantity, ()), each, strict=False):
                self._put(number, row, 2 if quantity is Quantity.RUN_HOURS else 0)


def _bucket(into: Float64s, kept: float) -> Float64s:
    """What is in a leaky bucket at each minute; `kept` of it is left a minute later."""
    out, now = np.empty(len(into)), 0.0
    for t, more in enumerate(into.tolist()):
        now = now * kept + more
        out[t] = now
    return out


def _silences(month: Month, rng: Rng, gateway: str, channels: Sequence[int]) -> None:
    """A gateway without a link for some hours, whose readings never came; and a sensor that died for a day."""
    whole: Bools = np.zeros(month.minutes, np.bool_)
    if rng.random() < 0.5:
        begins, lasts = int(rng.uniform(0, month.minutes)), int(rng.uniform(60, 600))
        whole[begins : begins + lasts] = True
        month.wrong.append({"what": "gateway lost", "gateway": gateway, "minute": begins, "minutes": lasts})
    for number in channels:
        month.values[number][whole] = np.nan
        if rng.random() < 0.1:
            begins, lasts = int(rng.uniform(0, month.minutes)), int(rng.uniform(120, 1440))
            month.values[number][begins : begins + lasts] = np.nan
            month.wrong.append({"what": "silent", "channel": number, "minute": begins, "minutes": lasts})
