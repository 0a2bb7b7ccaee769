"""Blocked rain gauges, and where it rained: an hour of every gauge, beside those within 5 km. Pure.

A gauge is taken for blocked when in the last hour the median of at least two others within 5 km was 10 mm or more and
its own rain less than 5 % of that: one gauge alone cannot see it. It stays so until it counts 1 mm in an hour.
What was counted follows the contract's rule (`contract.quality.counting`): a counter that wraps or begins anew is no
rain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cloud.maintenance.columns import NEVER
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import Found, Judgement, Place
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.quantities import Quantity
from contract.channel_rows import channel_rows
from contract.quality.counters import counter_of
from contract.quality.counting import Counter, Memory, Step, judge
from contract.readings import Bools, Float64s, Int64s

WITHIN_M = 5_000.0
MUCH_MM, LITTLE = 10.0, 0.05
COUNTS_MM = 1.0
_MINUTE_MS, _MINUTES = 60_000, 60
_RAINED_MM = 2.0
DRY_MS = 12 * 3_600_000
_AMOUNTS = (Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT)


@dataclass(slots=True)
class GaugeState:
    """minutes: (gauges, 60), mm by minute of the hour; minute: the newest in it. counted: by gauge, of its counter.
    rained_ms, first_ms: by gauge, when an hour last had 2 mm, and when it was first heard; NEVER: it was not."""

    minutes: Float64s
    minute: int
    counted: list[Memory]
    rained_ms: Int64s
    first_ms: Int64s


class Gauges:
    """Watches the counting rain gauges of a district."""

    def __init__(self, catalogue: Catalogue) -> None:
        numbers = np.array(sorted(catalogue.channels), np.uint32)
        found = [catalogue.channels[c] for c in numbers.tolist() if catalogue.channels[c].quantity in _AMOUNTS]
        self.channels = [c.id for c in found]
        self.rows = channel_rows(numbers, np.array(self.channels, np.uint32))
        self._row = {str(c): n for n, c in enumerate(self.channels)}
        self._amount = [c.quantity is Quantity.RAIN_EVENT for c in found]
        self._counters = [counter_of(c.quality) or Counter(c.register.step) for c in found]
        self._at = np.array([(c.station.lat, c.station.lon) for c in found], np.float64).reshape(-1, 2)
        self._station = [c.station.id for c in found]
        # Others within reach, one a station: two channels of one gauge are no two gauges.
        self._others = [self._near(c, but=c.station.id) for c in found]

    def near(self, info: ChannelInfo) -> Int64s:
        """The gauges within 5 km of a channel."""
        return self._near(info)

    def _near(self, c: ChannelInfo, but: str = "") -> Int64s:
        if not len(self._at):
            return np.empty(0, np.int64)
        north_m = (self._at[:, 0] - c.station.lat) * 111_200
        east_m = (self._at[:, 1] - c.station.lon) * 111_200 * np.cos(np.radians(c.station.lat))
        near = np.flatnonzero(np.hypot(north_m, east_m) <= WITHIN_M).tolist()
        seen: dict[str, int] = {}
        for n in near:
            if self._station[n] != but:
                seen.setdefault(self._station[n], n)
        return np.array(list(seen.values()), np.int64)

    def initial(self) -> GaugeState:
        n = len(self.channels)
        never = np.full(n, NEVER, np.int64)
        return GaugeState(np.zeros((n, _MINUTES)), 0, [Memory() for _ in range(n)], never, never.copy())

    def take_in(self, s: GaugeState, gauge: int, time_ms: int, value: float) -> None:
        """One usable reading, newer than the gauge's last."""
        s.first_ms[gauge] = time_ms if s.first_ms[gauge] == NEVER else s.first_ms[gauge]
        if self._amount[gauge]:
            self._add(s, gauge, time_ms, value)
            return
        verdict = judge(self._counters[gauge], s.counted[gauge], time_ms, value)
        counts = verdict.settled_counts + (verdict.counts if verdict.step in (Step.GAIN, Step.WRAP) else 0.0)
        if counts:
            self._add(s, gauge, time_ms, counts)

    def _add(self, s: GaugeState, gauge: int, time_ms: int, mm: float) -> None:
        minute = time_ms // _MINUTE_MS
        self._turn(s, minute)
        if minute > s.minute - _MINUTES:
            s.minutes[gauge, minute % _MINUTES] += mm

    def _turn(self, s: GaugeState, minute: int) -> None:
        """Minutes that are over make room for those that come."""
        passed = minute - s.minute
        if passed > 0:
            gone = np.arange(s.minute + 1, s.minute + 1 + min(passed, _MINUTES)) % _MINUTES
            s.minutes[:, gone] = 0.0
            s.minute = minute

    def judge(self, s: GaugeState, speaks: Bools, now_ms: int) -> Judgement:
        """Which gauges read next to nothing while their neighbours rain. speaks: of all channels."""
        out = Judgement()
        if not self.channels:
            return out
        self._turn(s, now_ms // _MINUTE_MS)
        hour_mm, heard = s.minutes.sum(axis=1), speaks[self.rows]
        s.rained_ms[hour_mm >= _RAINED_MM] = now_ms

        def unsure(place: Place) -> bool:
            n = self._row.get(place.id)
            return place.kind is Kind.BLOCKED_GAUGE and n is not None and not (heard[n] and hour_mm[n] >= COUNTS_MM)

        out.unsure.append(unsure)
        for n in np.flatnonzero(heard & (hour_mm < LITTLE * max(hour_mm.max(), MUCH_MM))).tolist():
            others = self._others[n][heard[self._others[n]]]
            if len(others) < 2:
                continue
            median_mm = float(np.median(hour_mm[others]))
            if median_mm >= MUCH_MM and hour_mm[n] < LITTLE * median_mm:
                more = f"{hour_mm[n]:.1f} mm in an hour, its neighbours {median_mm:.1f} mm"
                place = f"channel/{self.channels[n]}"
                out.found.append(Found(Kind.BLOCKED_GAUGE, place, now_ms, round(float(hour_mm[n]), 2), more))
        return out

    def rain_free(self, s: GaugeState, near: Int64s, speaks: Bools, now_ms: int) -> bool:
        """Is at least one of these gauges heard for half a day, and did none of them have rain then?"""
        heard = speaks[self.rows[near]] & (s.first_ms[near] != NEVER) & (now_ms - s.first_ms[near] >= DRY_MS)
        return bool(heard.any() and (now_ms - s.rained_ms[near] >= DRY_MS).all())

    def restore(self, s: GaugeState, data: dict[str, Any], kept: Int64s, rows: Int64s) -> None:
        """What `dump` gave, into a fresh state: the stored gauges `kept` become `rows`."""
        s.minute = int(data["minute"])
        s.minutes[rows] = np.array(data["minutes"], np.float64).reshape(-1, _MINUTES)[kept]
        for name in ("rained_ms", "first_ms"):
            getattr(s, name)[rows] = np.array(data[name], np.int64)[kept]
        for a, b in zip(kept.tolist(), rows.tolist(), strict=True):
            s.counted[b] = restore_memory(data["counted"][a])


def dump(s: GaugeState) -> dict[str, Any]:
    """As plain values for JSON."""
    return {
        "minutes": s.minutes.tolist(),
        "minute": s.minute,
        "counted": [[m.base, m.waits] for m in s.counted],
        "rained_ms": s.rained_ms.tolist(),
        "first_ms": s.first_ms.tolist(),
    }


def restore_memory(found: list[Any]) -> Memory:
    """What `dump` gave of one counter."""
    base, waits = found
    known = None if base is None else (int(base[0]), float(base[1]))
    waiting = None if waits is None else (int(waits[0]), float(waits[1]), Step(waits[2]), float(waits[3]))
    return Memory(known, waiting)
