"""`rain_window`: what fell within the last minutes or hours, in millimetres, of whatever kind a gauge is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cloud.hydrology.rainfall import Gauge
from cloud.hydrology.windows import FallenRain
from cloud.warnings.detectors.watched import WatchedChannels, by_turns, not_too_dense, packed, unpacked
from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.detectors import RainWindowSettings
from contract.catalogue.quantities import Quantity
from contract.conditions.findings import Findings
from contract.conditions.targets import ConditionKey
from contract.quality.counting import Memory as CounterMemory
from contract.quality.counting import Step
from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch, Uint8s, Uint32s

_NEVER = np.iinfo(np.int64).min // 4
_NO_RAIN_MM = 1e-6  # sums of a line's corners are off by less


@dataclass(slots=True)
class Memory:
    """first_ms, newest_ms: of each gauge's first and newest usable reading; `_NEVER` before any. last: its value.
    fallen: by row, of the gauges where it rained within a day, or of which something is not settled."""

    first_ms: Int64s
    newest_ms: Int64s
    last: Float64s
    fallen: dict[int, FallenRain] = field(default_factory=dict)


class RainWindow:
    """Sums of sliding windows that end at each reading.

    A counter's steps count as `contract.quality.counting` says; an amount (`rain_event`) fell in the time since the
    reading before; an intensity held from each reading to the next while the gauge was heard. A sum that knows only a
    part (a counter was reset, the gauge was silent or is new) is the least that fell: it warns like any other, and
    below every level it is suspect, so that it ends no warning by itself. Where a rule ends when it is dry, a gauge
    that was heard for so long and had no rain has a sum of nothing. A reading behind a newer one counts where it is an
    amount, and finds nothing; of a counter the newer one has it already.
    """

    def __init__(self, watches: Sequence[Watch], catalogue: Catalogue) -> None:
        self._watched = WatchedChannels(watches)
        self.conditions: Sequence[ConditionKey] = self._watched.conditions
        self.quantities: Sequence[Quantity] = [Quantity.RAIN_SUM] * len(self.conditions)
        infos = [catalogue.channels[int(c)] for c in self._watched.channels]
        self._period_ms = np.array([c.period_s * 1000 for c in infos], np.int64)
        self._gauges = [Gauge.of(c) for c in infos]
        self._kind = [c.quantity for c in infos]
        self._counts = np.array([q is Quantity.RAIN_TOTAL for q in self._kind], np.bool_)
        own = [RainWindowSettings.model_validate(rule.settings) for rule in self._watched.rules]
        self._window_ms = np.array([s.window_s * 1000 for s in own], np.int64)
        self._dry_ms = [None if s.ends_when_dry_s is None else round(s.ends_when_dry_s * 1000) for s in own]
        self._lowest = np.array([min(r.levels.values()) for r in self._watched.rules], np.float64)

    def heeded(self, batch: ReadingBatch, _now_ms: Int64s) -> Bools:
        return self._watched.of(batch)[1]

    def initial(self) -> Memory:
        n = len(self._watched.channels)
        return Memory(np.full(n, _NEVER, np.int64), np.full(n, _NEVER, np.int64), np.zeros(n))

    def step(self, memory: Memory, batch: ReadingBatch, _now_ms: int) -> tuple[Memory, Findings]:
        batch, rows, usable = self._watched.by_time(batch)
        if not len(rows):
            return memory, Findings.none()
        summed = not_too_dense(batch, rows, self._period_ms, memory.newest_ms[:, None])
        found = []
        for turn in by_turns(rows):
            newer = batch.time_ms[turn] > memory.newest_ms[rows[turn]]
            for at in turn[usable[turn] & ~newer].tolist():
                self._take_behind(memory, int(rows[at]), int(batch.time_ms[at]), float(batch.value[at]))
            fresh = turn[newer & usable[turn]]
            if len(fresh):
                found.append(self._found(memory, rows[fresh], batch.take(fresh), summed[fresh]))
            useless = turn[newer & ~usable[turn] & summed[turn]]
            if len(useless):
                conditions, of = self._watched.conditions_of(rows[useless])
                told = batch.take(useless[of])
                found.append(Findings(conditions, told.time_ms, told.channel, np.full(len(of), np.nan), told.flag))
        return memory, Findings.concat(found)

    def _found(self, memory: Memory, rows: Int64s, batch: ReadingBatch, summed: Bools) -> Findings:
        """Takes in the newest reading of each of these rows. summed: shape (n,), whether its windows are."""
        idle = self._take_in_all(memory, rows, batch)
        found = Findings.none()
        if summed.any():
            found = self._sums(memory, rows[summed], batch.take(summed), idle[summed])
        for row in rows[~idle].tolist():
            rain = memory.fallen.get(row)
            if rain is not None and rain.calm:
                if rain.counter.base is not None:
                    memory.last[row] = rain.counter.base[1]
                del memory.fallen[row]
        return found

    def _take_in_all(self, memory: Memory, rows: Int64s, batch: ReadingBatch) -> Bools:
        """Of which rows it was known that nothing falls, and nothing fell."""
        before_ms, last = memory.newest_ms[rows], memory.last[rows]
        new = before_ms == _NEVER
        memory.first_ms[rows[new]] = batch.time_ms[new]
        idle = np.where(self._counts[rows], new | (batch.value == last), (batch.value == 0) & (last == 0))
        if memory.fallen:
            idle &= np.array([row not in memory.fallen for row in rows.tolist()], np.bool_)
        wet = ~idle
        columns = (rows, batch.time_ms, batch.value, before_ms, last)
        for row, time_ms, value, since_ms, was in zip(*(c[wet].tolist() for c in columns), strict=True):
            self._take_in(memory, row, time_ms, value, since_ms, was)
        memory.newest_ms[rows], memory.last[rows] = batch.time_ms, batch.value
        return np.asarray(idle)

    def _sums(self, memory: Memory, rows: Int64s, batch: ReadingBatch, idle: Bools) -> Findings:
        """Of every window that ends at these readings. idle: see `_take_in_all`."""
        conditions, of = self._watched.conditions_of(rows)
        begin_ms = batch.time_ms[of] - self._window_ms[conditions]
        least = begin_ms < memory.first_ms[rows[of]]
        mm = np.zeros(len(conditions))
        wet = np.flatnonzero(~idle[of])
        columns = (wet, rows[of[wet]], begin_ms[wet], conditions[wet])
        for k, row, since_ms, condition in zip(*(c.tolist() for c in columns), strict=True):
            rain = memory.fallen.get(row)
            if rain is None:
                continue
            if self._dry(rain, condition, int(memory.first_ms[row])):
                least[k] = False
                continue
            mm[k] = max(rain.since(since_ms, rain.newest_ms), 0.0)
            if rain.lost_since(since_ms):
                least[k] = True
        flag: Uint8s = batch.flag[of]
        unsure = least & (mm < self._lowest[conditions]) & (flag != Flag.SUSPECT)
        flag = np.where(unsure, np.uint8(Flag.SUSPECT), flag)
        return Findings(conditions, batch.time_ms[of], batch.channel[of], mm.round(6), flag)

    def _dry(self, rain: FallenRain, condition: int, first_ms: int) -> bool:
        """Does the rule end when it is dry, and is it known that no rain fell for so long?

        first_ms: of the gauge's first reading.
        """
        dry_ms = self._dry_ms[condition]
        if dry_ms is None:
            return False
        begin_ms = rain.newest_ms - dry_ms
        known = begin_ms >= first_ms and not rain.lost_since(begin_ms)
        return known and rain.since(begin_ms, rain.newest_ms) < _NO_RAIN_MM

    def _take_in(self, memory: Memory, row: int, time_ms: int, value: float, before_ms: int, last: float) -> None:
        rain = memory.fallen.get(row)
        if rain is None:
            base = last if self._counts[row] and before_ms != _NEVER else None
            rain = memory.fallen[row] = FallenRain.after(time_ms - 1 if before_ms == _NEVER else before_ms, base)
        match self._kind[row]:
            case Quantity.RAIN_TOTAL:
                rain.count(self._gauges[row], time_ms, value)
            case Quantity.RAIN_EVENT:
                rain.collect(self._gauges[row], time_ms, value)
            case _:
                rain.hold(self._gauges[row], time_ms, value)

    def _take_behind(self, memory: Memory, row: int, time_ms: int, value: float) -> None:
        if self._kind[row] is not Quantity.RAIN_EVENT or value <= 0:
            return
        newest_ms = int(memory.newest_ms[row])
        rain = memory.fallen.setdefault(row, FallenRain.after(newest_ms, None))
        if time_ms not in rain.times_ms and time_ms != newest_ms:
            rain.add(time_ms - round(self._gauges[row].period_s * 1000), time_ms, value)

    def dump(self, memory: Memory) -> dict[str, Any]:
        heard = memory.newest_ms != _NEVER
        return {
            "channels": packed(self._watched.channels[heard]),
            "first_ms": packed(memory.first_ms[heard]),
            "newest_ms": packed(memory.newest_ms[heard]),
            "last": packed(memory.last[heard]),
            "fallen": {str(self._watched.channels[row]): _rain_json(rain) for row, rain in memory.fallen.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> Memory:
        memory = self.initial()
        channels: Uint32s = np.asarray(unpacked(data["channels"], np.uint32), np.uint32)
        rows, known = self._rows_of(channels)
        memory.first_ms[rows] = unpacked(data["first_ms"], np.int64)[known]
        memory.newest_ms[rows] = unpacked(data["newest_ms"], np.int64)[known]
        memory.last[rows] = unpacked(data["last"], np.float64)[known]
        wet = np.array([int(c) for c in data["fallen"]], np.uint32)
        rows, known = self._rows_of(wet)
        kept = [rain for rain, there in zip(data["fallen"].values(), known.tolist(), strict=True) if there]
        memory.fallen = {row: _rain_from_json(rain) for row, rain in zip(rows.tolist(), kept, strict=True)}
        return memory

    def _rows_of(self, channels: Uint32s) -> tuple[Int64s, Bools]:
        return self._watched.of(ReadingBatch.of([0] * len(channels), channels, [0.0] * len(channels)))


def _rain_json(rain: FallenRain) -> dict[str, Any]:
    waits = rain.counter.waits
    return {
        "newest_ms": rain.newest_ms,
        "base": rain.counter.base,
        "waits": None if waits is None else [waits[0], waits[1], int(waits[2]), waits[3]],
        "intensity": rain.intensity,
        "times_ms": packed(np.array(rain.times_ms, np.int64)),
        "mm": packed(np.array(rain.mm, np.float64)),
        "lost_ms": rain.lost_ms,
    }


def _rain_from_json(data: Mapping[str, Any]) -> FallenRain:
    base, waits = data["base"], data["waits"]
    counter = CounterMemory(
        None if base is None else (int(base[0]), float(base[1])),
        None if waits is None else (int(waits[0]), float(waits[1]), Step(waits[2]), float(waits[3])),
    )
    times_ms, mm = unpacked(data["times_ms"], np.int64).tolist(), unpacked(data["mm"], np.float64).tolist()
    return FallenRain(int(data["newest_ms"]), counter, float(data["intensity"]), times_ms, mm, list(data["lost_ms"]))
