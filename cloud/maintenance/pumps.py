"""A pump station by its wet well and what its controller says: readings in, what is wrong out. Pure.

| What is found | When |
| --- | --- |
| pump_not_running | the well stands at or above the start level of more pumps than run |
| pump_trip, mains_lost, generator_on | the controller says so |
| pump_overload | a pump draws more than its current's `quality.suspect_range` allows |
| no_drawdown | a pump runs, the well fell by less than 5 cm in 10 min, and less came in before than the pump moves |
| inflow_above_capacity | all pumps run, the well stands above the last start level and rose by 5 cm in 5 min |
| long_run | a pump has run for more than 2 h |
| short_cycling | a pump was started more than 10 times within an hour |
| alternation_skipped | one pump was the first to start three times in a row while another was able to |
| wet_well_drains_back | the well stands at or above `drains_back_m` |
| pumps_unknown | of the well or of a pump nothing usable is known: no communication is not "fine" |

What depends on something that is not known is unknown: it is neither found nor over. Start and stop levels, capacity
and area are the catalogue's; without them nothing is found that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import Found, Judgement, Place
from contract.quality.counting import Counter, Memory, Step, judge

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DRAWDOWN_MS, DRAWDOWN_M = 10 * MINUTE_MS, 0.05
RISING_MS, RISING_M = 5 * MINUTE_MS, 0.05
LONG_RUN_MS = 2 * HOUR_MS
MOST_STARTS_PER_H = 10
FIRST_IN_A_ROW = 3
_ABOVE_STOP_M = 0.10
_KEPT = 256
_COUNTER = Counter(tip=1.0, most_per_h=240.0)


class Part(StrEnum):
    """What of a station a reading is of."""

    WELL = "well"
    RUNNING = "running"
    FAULT = "fault"
    CURRENT = "current"
    STARTS = "starts"
    MAINS = "mains"
    GENERATOR = "generator"


class Heard(NamedTuple):
    """One reading. pump: from 0; of what is the station's it says nothing. value: None where it is unusable."""

    time_ms: int
    part: Part
    pump: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Site:
    """What the catalogue says. starts_m, stops_m, capacities_m3s: by pump, empty where not known.

    counts_starts: has it counters of starts? most_a: by pump, the current that it may draw; None: not known.
    quiet_ms: after how long without a reading the well, or a pump, is no longer known.
    """

    id: str
    pumps: int
    starts_m: tuple[float, ...] = ()
    stops_m: tuple[float, ...] = ()
    capacities_m3s: tuple[float, ...] = ()
    area_m2: float | None = None
    drains_back_m: float | None = None
    counts_starts: bool = False
    most_a: tuple[float | None, ...] = ()
    quiet_ms: int = 2 * HOUR_MS


@dataclass(slots=True)
class Signal:
    """The newest reading of something. since_ms: since when it has been as it is: on or off, above or below."""

    value: float | None = None
    time_ms: int = 0
    since_ms: int = 0

    def take(self, h: Heard, same: bool) -> None:
        if not same:
            self.since_ms = h.time_ms
        self.value, self.time_ms = h.value, h.time_ms


@dataclass(slots=True)
class Pump:
    """started_ms: within the last hour. counted: what is known of its counter of starts."""

    running: Signal = field(default_factory=Signal)
    fault: Signal = field(default_factory=Signal)
    current: Signal = field(default_factory=Signal)
    started_ms: list[int] = field(default_factory=list)
    counted: Memory = field(default_factory=Memory)


@dataclass(slots=True)
class Station:
    """What is known of one station. levels: of the last minutes, oldest first, (time, m). above_ms: by start level,
    the lowest first, since when the well stands at or above it; None: it does not. first: the pumps that last started
    while none ran. inflow_m_per_s: how fast the well last rose while no pump ran; None: not known.
    """

    pumps: list[Pump]
    above_ms: list[int | None]
    well: Signal = field(default_factory=Signal)
    mains: Signal = field(default_factory=Signal)
    generator: Signal = field(default_factory=Signal)
    over_ms: int | None = None  # since when the well stands at or above `drains_back_m`
    levels: list[tuple[int, float]] = field(default_factory=list)
    first: list[tuple[int, int]] = field(default_factory=list)
    inflow_m_per_s: float | None = None


def initial(site: Site) -> Station:
    """Nothing is known."""
    return Station([Pump() for _ in range(site.pumps)], [None] * len(site.starts_m))


class Link(NamedTuple):
    """The way to a station. heard_ms: when its gateway was last heard; listening_ms: since when we listen to it again,
    after we or it were away."""

    heard_ms: int = 2**62
    listening_ms: int = 0


_AT_HAND = Link()


def step(site: Site, state: Station, heard: Iterable[Heard], now_ms: int) -> tuple[Station, Judgement]:
    """What is wrong at `now_ms`, after these readings in the order of their times. Consumes `state`."""
    for h in heard:
        take_in(site, state, h)
    return state, judge_station(site, state, now_ms)


def take_in(site: Site, state: Station, h: Heard) -> None:
    """One reading; one that is older than the last of its part is history, and says nothing of now."""
    pump = state.pumps[h.pump]
    match h.part:
        case Part.WELL:
            _take_level(site, state, h)
        case Part.RUNNING if h.time_ms >= pump.running.time_ms:
            if pump.running.value == 0 and h.value:
                _started(site, state, h)
            elif pump.running.value and h.value == 0:
                state.levels = state.levels[-1:]  # how the well moved while it ran says nothing of the inflow
            pump.running.take(h, pump.running.value == h.value)
        case Part.FAULT if h.time_ms >= pump.fault.time_ms:
            pump.fault.take(h, pump.fault.value == h.value)
        case Part.CURRENT if h.time_ms >= pump.current.time_ms:
            most = site.most_a[h.pump] if site.most_a else None
            over = [most is not None and v is not None and v > most for v in (pump.current.value, h.value)]
            pump.current.take(h, over[0] == over[1])
        case Part.STARTS if h.value is not None and (pump.counted.base is None or h.time_ms > pump.counted.base[0]):
            verdict = judge(_COUNTER, pump.counted, h.time_ms, h.value)
            if verdict.step in (Step.GAIN, Step.WRAP):
                pump.started_ms += [h.time_ms] * min(round(verdict.counts), 60)
                pump.started_ms = pump.started_ms[-60:]
        case Part.MAINS if h.time_ms >= state.mains.time_ms:
            state.mains.take(h, state.mains.value == h.value)
        case Part.GENERATOR if h.time_ms >= state.generator.time_ms:
            state.generator.take(h, state.generator.value == h.value)


def _take_level(site: Site, state: Station, h: Heard) -> None:
    if h.time_ms < state.well.time_ms:
        return
    state.well.take(h, (state.well.value is None) == (h.value is None))
    if h.value is None:
        return
    for n, start_m in enumerate(sorted(site.starts_m)):
        state.above_ms[n] = None if h.value < start_m else state.above_ms[n] or h.time_ms
    back_m = site.drains_back_m
    state.over_ms = None if back_m is None or h.value < back_m else state.over_ms or h.time_ms
    state.levels.append((h.time_ms, h.value))
    cut_ms = h.time_ms - 2 * DRAWDOWN_MS
    while len(state.levels) > _KEPT or (len(state.levels) > 1 and state.levels[1][0] <= cut_ms):
        state.levels.pop(0)  # one from before the cut stays: it held until the next


def _started(site: Site, state: Station, h: Heard) -> None:
    pump = state.pumps[h.pump]
    if not site.counts_starts:
        pump.started_ms = [*pump.started_ms[-59:], h.time_ms]
    if any(p.running.value for p in state.pumps):
        return
    state.first = [*state.first, (h.pump, h.time_ms)][-FIRST_IN_A_ROW:]
    if len(state.levels) > 1 and (elapsed_ms := state.levels[-1][0] - state.levels[0][0]) >= MINUTE_MS:
        state.inflow_m_per_s = (state.levels[-1][1] - state.levels[0][1]) / elapsed_ms * 1000


def judge_station(site: Site, state: Station, now_ms: int, link: Link = _AT_HAND) -> Judgement:
    """What is wrong now; changes nothing but what it forgets."""
    out = Judgement()
    station = f"station/{site.id}"
    names = [f"pump/{site.id}/{n}" for n in range(1, site.pumps + 1)]

    def known(s: Signal) -> bool:
        return s.value is not None and now_ms - s.time_ms <= site.quiet_ms

    well, running = known(state.well), [known(p.running) for p in state.pumps]
    seen = [s for s in (state.well, *(p.running for p in state.pumps)) if s.time_ms]
    due_ms = [s.since_ms if s.value is None else max(s.time_ms, link.listening_ms) + site.quiet_ms for s in seen]
    lost_ms = [
        ms for s, ms in zip(seen, due_ms, strict=True) if ms < now_ms and (s.value is None or ms < link.heard_ms)
    ]
    if lost_ms:
        out.found.append(Found(Kind.PUMPS_UNKNOWN, station, min(lost_ms)))
    elif not seen or not all(map(known, seen)):
        out.unknown.add(Place(Kind.PUMPS_UNKNOWN, station))
    for n, pump in enumerate(state.pumps):
        _judge_pump(site, state, pump, names[n], n, now_ms, known, out)
    for kind, signal, wrong in ((Kind.MAINS_LOST, state.mains, 0), (Kind.GENERATOR_ON, state.generator, 1)):
        if not known(signal):
            out.unknown.add(Place(kind, station))
        elif signal.value == wrong:
            out.found.append(Found(kind, station, signal.since_ms))
    if not well:
        out.unknown.update({Place(kind, station) for kind in (Kind.NOT_RUNNING, Kind.INFLOW, Kind.DRAINS_BACK)})
        return out
    level_m = state.well.value
    assert level_m is not None
    if state.over_ms is not None:
        out.found.append(Found(Kind.DRAINS_BACK, station, state.over_ms, level_m))
    if not all(running):
        out.unknown.update({Place(kind, station) for kind in (Kind.NOT_RUNNING, Kind.INFLOW)})
        return out
    run = [n for n, p in enumerate(state.pumps) if p.running.value]
    above_ms = [ms for ms in state.above_ms if ms is not None]
    if len(run) < len(above_ms):
        stopped_ms = sorted(p.running.since_ms for p in state.pumps if not p.running.value)
        since_ms = max(above_ms[len(run)], stopped_ms[-1] if len(run) + 1 == site.pumps else stopped_ms[0])
        why = f"{len(run)} of {site.pumps} run, {len(above_ms)} should"
        out.found.append(Found(Kind.NOT_RUNNING, station, since_ms, level_m, why))
    elif len(run) == site.pumps and site.starts_m and level_m >= max(site.starts_m):
        all_ms = max(p.running.since_ms for p in state.pumps)
        rose_m = level_m - _level_at(state, max(now_ms - RISING_MS, all_ms))
        if now_ms - all_ms >= RISING_MS and rose_m >= RISING_M:
            out.found.append(Found(Kind.INFLOW, station, all_ms, level_m))
    return out


def _judge_pump(
    site: Site,
    state: Station,
    pump: Pump,
    name: str,
    n: int,
    now_ms: int,
    known: Callable[[Signal], bool],
    out: Judgement,
) -> None:
    if not known(pump.fault):
        out.unknown.add(Place(Kind.TRIP, name))
    elif pump.fault.value:
        out.found.append(Found(Kind.TRIP, name, pump.fault.since_ms))
    most = site.most_a[n] if site.most_a else None
    if most is None or not known(pump.current):
        out.unknown.add(Place(Kind.OVERLOAD, name))
    elif pump.current.value is not None and pump.current.value > most:
        out.found.append(Found(Kind.OVERLOAD, name, pump.current.since_ms, pump.current.value))
    pump.started_ms = [ms for ms in pump.started_ms if ms > now_ms - HOUR_MS]
    if len(pump.started_ms) > MOST_STARTS_PER_H:
        since_ms, count = pump.started_ms[0], float(len(pump.started_ms))
        out.found.append(Found(Kind.SHORT_CYCLING, name, since_ms, count, f"{count:.0f} starts in an hour"))
    others = [p for m, p in enumerate(state.pumps) if m != n]
    able = any(known(p.running) and p.fault.value == 0 for p in others)
    if len(state.first) == FIRST_IN_A_ROW and {who for who, _ in state.first} == {n} and able:
        out.found.append(Found(Kind.ALTERNATION, name, state.first[-1][1]))
    if not known(pump.running):
        out.unknown.update({Place(kind, name) for kind in (Kind.LONG_RUN, Kind.NO_DRAWDOWN)})
        return
    if not pump.running.value:
        return
    ran_ms = now_ms - pump.running.since_ms
    if ran_ms > LONG_RUN_MS:
        out.found.append(Found(Kind.LONG_RUN, name, pump.running.since_ms, round(ran_ms / HOUR_MS, 1)))
    if not known(state.well):
        out.unknown.add(Place(Kind.NO_DRAWDOWN, name))
    elif ran_ms >= DRAWDOWN_MS and _no_drawdown(site, state, n, now_ms):
        out.found.append(Found(Kind.NO_DRAWDOWN, name, pump.running.since_ms, state.well.value))


def _no_drawdown(site: Site, state: Station, n: int, now_ms: int) -> bool:
    level_m = state.well.value
    assert level_m is not None
    if site.stops_m and level_m <= site.stops_m[n] + _ABOVE_STOP_M:
        return False
    if _level_at(state, now_ms - DRAWDOWN_MS) - level_m >= DRAWDOWN_M:
        return False
    if site.area_m2 is None or not site.capacities_m3s or state.inflow_m_per_s is None:
        return True
    moved_m_per_s = site.capacities_m3s[n] / site.area_m2
    return state.inflow_m_per_s < 0.7 * moved_m_per_s and all(
        m == n or not p.running.value for m, p in enumerate(state.pumps)
    )


def _level_at(state: Station, time_ms: int) -> float:
    """What held then; the oldest that is remembered where it began later."""
    before = [v for ms, v in state.levels if ms <= time_ms]
    return before[-1] if before else state.levels[0][1]
