"""`rate_of_rise`: how fast water rises, in centimetres a minute, as a slope that single echoes do not move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloud.hydrology.slopes import median_slope
from cloud.warnings.detectors.watched import WatchedChannels, by_turns, not_too_dense, packed, unpacked
from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.detectors import RateOfRiseSettings
from contract.catalogue.quantities import Quantity
from contract.conditions.findings import Findings
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch, Uint32s

_NEVER = np.iinfo(np.int64).min // 4
_MOST_READINGS = 12  # in a window: of readings that come faster, the newest
_CM_PER_MIN = 100.0 * 60_000  # of metres in a millisecond


@dataclass(slots=True)
class Memory:
    """The newest usable readings of each channel, oldest first. time_ms, depth_m: shape (channels, kept); `_NEVER` and
    NaN where there are fewer."""

    time_ms: Int64s
    depth_m: Float64s


class RateOfRise:
    """The slope of Theil (1950) and Sen (1968): the median of the slopes between all pairs of points of a window.

    Points are the readings of the last `window_s`. Of a gauge that is reported by exception, what it read before the
    window stood until a period before the first reading in it, when it was heard in time: two points more. Below
    `floor_m` the rate is 0. With fewer than `least_points` it is unknown: NaN, flagged as missing. A reading that comes
    behind a newer one is put where it belongs, and finds nothing itself.
    """

    def __init__(self, watches: Sequence[Watch], catalogue: Catalogue) -> None:
        self._watched = WatchedChannels(watches)
        self.conditions: Sequence[ConditionKey] = self._watched.conditions
        self.quantities: Sequence[Quantity] = [Quantity.RISE_RATE] * len(self.conditions)
        infos = [catalogue.channels[int(c)] for c in self._watched.channels]
        self._period_ms = np.array([c.period_s * 1000 for c in infos], np.int64)
        heard_s = [1.1 * c.reporting.heartbeat_s + c.period_s for c in infos]
        self._heard_ms = np.array([s * 1000 for s in heard_s], np.int64)
        own = [RateOfRiseSettings.model_validate(rule.settings) for rule in self._watched.rules]
        self._window_ms = np.array([s.window_s * 1000 for s in own], np.int64)
        self._floor_m = np.array([s.floor_m for s in own], np.float64)
        self._least = np.array([s.least_points for s in own], np.int64)
        longest_s, shortest_s = (
            max((s.window_s for s in own), default=60.0),
            min((c.period_s for c in infos), default=60.0),
        )
        self._kept = min(math.ceil(longest_s / shortest_s) + 2, _MOST_READINGS + 1)

    def heeded(self, batch: ReadingBatch, _now_ms: Int64s) -> Bools:
        return self._watched.of(batch)[1]

    def initial(self) -> Memory:
        shape = (len(self._watched.channels), self._kept)
        return Memory(np.full(shape, _NEVER, np.int64), np.full(shape, np.nan))

    def step(self, memory: Memory, batch: ReadingBatch, _now_ms: int) -> tuple[Memory, Findings]:
        batch, rows, usable = self._watched.by_time(batch)
        if not len(rows):
            return memory, Findings.none()
        some = not_too_dense(batch, rows, self._period_ms, memory.time_ms)
        if not some.all():
            batch, rows, usable = batch.take(some), rows[some], usable[some]
        found = []
        for turn in by_turns(rows):
            newest_ms = memory.time_ms[rows[turn], -1]
            newer = batch.time_ms[turn] > newest_ms
            for at in turn[~newer & (batch.time_ms[turn] >= memory.time_ms[rows[turn], 0])].tolist():
                _put_behind(memory, int(rows[at]), int(batch.time_ms[at]), float(batch.value[at]), bool(usable[at]))
            fresh = turn[newer & usable[turn]]
            if len(fresh):
                self._take_in(memory, rows[fresh], batch.time_ms[fresh], batch.value[fresh])
                found.append(self._found(memory, rows[fresh], batch.take(fresh)))
            # Nothing is known at these; of the same time as the newest, it is a correction of what was found there.
            useless = turn[~usable[turn] & (batch.time_ms[turn] >= newest_ms)]
            if len(useless):
                conditions, of = self._watched.conditions_of(rows[useless])
                unknown = batch.take(useless[of])
                nan = np.full(len(of), np.nan)
                found.append(Findings(conditions, unknown.time_ms, unknown.channel, nan, unknown.flag))
        return memory, Findings.concat(found)

    def dump(self, memory: Memory) -> dict[str, str]:
        heard = memory.time_ms[:, -1] != _NEVER
        return {
            "channels": packed(self._watched.channels[heard]),
            "time_ms": packed(memory.time_ms[heard]),
            "depth_m": packed(memory.depth_m[heard]),
            "kept": str(self._kept),
        }

    def restore(self, data: Mapping[str, Any]) -> Memory:
        memory, kept = self.initial(), int(data["kept"])
        channels: Uint32s = np.asarray(unpacked(data["channels"], np.uint32), np.uint32)
        time_ms, depth_m = unpacked(data["time_ms"], np.int64, kept), unpacked(data["depth_m"], np.float64, kept)
        rows, known = self._watched.of(ReadingBatch.of([0] * len(channels), channels, [0.0] * len(channels), None))
        some = min(kept, self._kept)
        memory.time_ms[rows, self._kept - some :] = time_ms[known, kept - some :]
        memory.depth_m[rows, self._kept - some :] = depth_m[known, kept - some :]
        return memory

    def _take_in(self, memory: Memory, rows: Int64s, time_ms: Int64s, depth_m: Float64s) -> None:
        memory.time_ms[rows, :-1] = memory.time_ms[rows, 1:]
        memory.depth_m[rows, :-1] = memory.depth_m[rows, 1:]
        memory.time_ms[rows, -1], memory.depth_m[rows, -1] = time_ms, depth_m

    def _found(self, memory: Memory, rows: Int64s, batch: ReadingBatch) -> Findings:
        """batch: the newest reading of each of these rows."""
        conditions, of = self._watched.conditions_of(rows)
        rate, flag = np.zeros(len(conditions)), batch.flag[of]
        wet = np.flatnonzero(batch.value[of] >= self._floor_m[conditions])
        if len(wet):
            rate[wet] = self._rates(memory, rows[of[wet]], conditions[wet])
            flag = np.where(np.isnan(rate), np.uint8(Flag.MISSING), flag)
        return Findings(conditions, batch.time_ms[of], batch.channel[of], rate, flag)

    def _rates(self, memory: Memory, rows: Int64s, conditions: Int64s) -> Float64s:
        """Centimetres a minute at the newest reading of each; NaN: unknown."""
        time_ms, depth_m = memory.time_ms[rows], memory.depth_m[rows]
        begin_ms = time_ms[:, -1] - self._window_ms[conditions]
        inside = time_ms >= begin_ms[:, None]
        first = np.argmax(inside, axis=1)
        each, before = np.arange(len(rows)), np.maximum(first - 1, 0)
        from_ms = np.maximum(time_ms[each, before], begin_ms)
        to_ms = time_ms[each, first] - self._period_ms[rows]
        heard = time_ms[each, first] - time_ms[each, before] <= self._heard_ms[rows]
        stood = (first > 0) & heard & (to_ms > from_ms)
        held_m = depth_m[each, before]
        points = np.where(stood, 2, 0) + (inside & ~np.isnan(depth_m)).sum(axis=1)
        at_ms = np.column_stack([from_ms, to_ms, time_ms])
        at_m = np.column_stack([np.where(stood, held_m, np.nan), np.where(stood, held_m, np.nan), depth_m])
        at_m[:, 2:][~inside] = np.nan
        return np.where(points >= self._least[conditions], median_slope(at_ms, at_m) * _CM_PER_MIN, np.nan)


def _put_behind(memory: Memory, row: int, time_ms: int, depth_m: float, usable: bool) -> None:
    """A reading that is no newer than the newest: of a time that is there, the better flag or the worse replaces it."""
    times, depths = memory.time_ms[row], memory.depth_m[row]
    place = int(np.searchsorted(times, time_ms))
    if times[place] == time_ms:
        depths[place] = depth_m if usable else np.nan
    elif usable and place > 0:
        times[: place - 1], depths[: place - 1] = times[1:place].copy(), depths[1:place].copy()
        times[place - 1], depths[place - 1] = time_ms, depth_m
