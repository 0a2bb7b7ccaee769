"""Tables of what pumps did: a station's channels are read, and its figures become columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from cloud.api.known import believed, known
from cloud.api.ports import Services
from cloud.api.pump_stations import Pump, channels_of, pumps_of
from cloud.api.series_tables import TIME, Table
from cloud.api.tabled import NAMES, names_of, repeated, worded
from cloud.hydrology.inflow import Works, inflow, pumped_m3
from cloud.hydrology.pumping import (
    HOUR_MS,
    CountedUp,
    Drawdown,
    Runs,
    counted_up,
    disagree,
    drawdown,
    duty,
    energy_kwh,
    fallen_m,
)
from cloud.hydrology.rainfall import Gauge
from cloud.hydrology.spells import Held, joined, water_events
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity, QuantityKind
from contract.readings import Bools, Float64s, Int64s, ReadingBatch

What = Literal["fault", "mains_lost", "generator_on", "run"]
EVENT = {**NAMES, "pump": pa.int64(), "what": pa.string(), "start": TIME, "end": TIME, "seconds": pa.float64()}
EVENT |= {"began_unseen": pa.bool_(), "ended_unseen": pa.bool_(), "goes_on": pa.bool_(), "drawdown_m": pa.float64()}
#: What tells of it, and the value of that while it is not so.
_TELLS: Mapping[What, tuple[Quantity, float]] = {
    "fault": (Quantity.PUMP_FAULT, 0.0),
    "mains_lost": (Quantity.MAINS, 1.0),
    "generator_on": (Quantity.GENERATOR, 0.0),
    "run": (Quantity.PUMP_RUNNING, 0.0),
}
_OF_A_PUMP = ("fault", "run")


@dataclass(frozen=True, slots=True)
class _Heard:
    """By channel: what held, of counters the readings."""

    held: Mapping[int, Held]
    readings: Mapping[int, ReadingBatch]

    def of(self, c: ChannelInfo | None) -> Held | None:
        return None if c is None else self.held[c.id]


def _hear(services: Services, channels: Iterable[ChannelInfo | None], from_ms: int, to_ms: int) -> _Heard:
    infos = sorted({c.id: c for c in channels if c is not None}.values(), key=lambda c: c.id)
    spells, readings = {}, {}
    for c, batch, h in known(services.series, infos, from_ms, to_ms, counting=True):
        if c.quantity.kind is QuantityKind.COUNTER:
            readings[c.id] = batch
        else:
            spells[c.id] = joined(h)
    return _Heard(spells, readings)


def _first(services: Services, station: Station, quantity: Quantity) -> ChannelInfo | None:
    return next(iter(channels_of(services.catalogue, station, quantity)), None)


def figures_of(services: Services, pumps: Sequence[Pump], edges_ms: Int64s) -> Table:
    """A row a pump and interval. pumps: of one station, at least one. edges_ms: int64[m + 1], no later than now."""
    station = pumps[0].station
    well = _first(services, station, Quantity.WET_WELL)
    channels = [well, *(c for p in pumps for c in p.channels.values())]
    heard = _hear(services, channels, _from_ms(edges_ms), int(edges_ms[-1]))
    powers = channels_of(services.catalogue, station, Quantity.POWER)
    each_has_power = len(powers) == len(pumps_of(services.catalogue, station))  # else it may be the whole station's
    parts = [_figures(p, heard, heard.of(well), edges_ms, each_has_power) for p in pumps]
    return worded(pa.concat_tables(parts))


def _figures(p: Pump, heard: _Heard, well: Held | None, edges_ms: Int64s, each_has_power: bool) -> Table:
    m, length_ms = len(edges_ms) - 1, np.diff(edges_ms)
    info = p.channels.get(Quantity.PUMP_RUNNING)
    running = heard.of(info) or _nothing(edges_ms)
    runs = Runs.of(running)
    did = duty(running, runs, edges_ms)
    hours, starts = (_counted(p.channels.get(q), heard, edges_ms) for q in (Quantity.RUN_HOURS, Quantity.STARTS))
    fell = Drawdown(np.zeros(m, np.int64), np.full(m, np.nan), np.full(m, np.nan))
    if well is not None:
        fell = drawdown(runs, fallen_m(runs, well), edges_ms)
    power = p.channels.get(Quantity.POWER) if each_has_power else None
    known = did.known_ms > 0
    may_differ_ms = _may_differ_ms(p.channels.get(Quantity.RUN_HOURS), info, did.starts)
    differs = disagree(did.run_ms, length_ms - did.known_ms, hours, hours.counts * HOUR_MS, may_differ_ms)
    with np.errstate(invalid="ignore", divide="ignore"):
        share, starts_per_h = did.run_ms / did.known_ms, did.starts * HOUR_MS / did.known_ms
    return pa.table(
        {
            "pump": repeated(p.id, m),
            **_interval(p.station, edges_ms, {"number": pa.array(np.full(m, p.number))}),
            "known_s": pa.array(did.known_ms / 1000),
            "unknown_s": pa.array((length_ms - did.known_ms) / 1000),
            "run_h": _where(known, did.run_ms / HOUR_MS),
            "duty_share": _where(known, share),
            "longest_run_min": _where(known, did.longest_run_ms / 60_000),
            "starts": pa.array(did.starts, mask=~known),
            "starts_per_h": _where(known, starts_per_h),
            "most_starts_in_1h": pa.array(did.most_starts_in_1h, mask=~known),
            "run_counted_h": _numbers(hours.counts),
            "starts_counted": _numbers(starts.counts),
            "at_least": pa.array(hours.at_least | starts.at_least),
            "run_differs": pa.array(differs, mask=~(hours.sure & known)),
            **_energy([power], heard, edges_ms),
            "drawdown_runs": pa.array(fell.runs),
            "drawdown_m": _numbers(fell.metres),
            "drawdown_m_per_h": _numbers(fell.metres_per_h),
        }
    )


def inflow_of(services: Services, named: Sequence[Pump], edges_ms: Int64s) -> Table:
    """A row an interval of the station at which these pumps stand; all of its pumps count. edges_ms: as in
    `figures_of`."""
    station, catalogue = named[0].station, services.catalogue
    pumps, m = pumps_of(catalogue, station), len(edges_ms) - 1
    running, fault = (
        [p.channels.get(quantity) for p in pumps] for quantity in (Quantity.PUMP_RUNNING, Quantity.PUMP_FAULT)
    )
    well, mains, generator = (
        _first(services, station, q) for q in (Quantity.WET_WELL, Quantity.MAINS, Quantity.GENERATOR)
    )
    powers = channels_of(catalogue, station, Quantity.POWER)
    heard = _hear(services, [well, mains, generator, *running, *fault, *powers], _from_ms(edges_ms), int(edges_ms[-1]))
    capacities = station.each_pump("capacity_m3s")
    ran = [h for c in running if (h := heard.of(c)) is not None]
    all_run = len(ran) == len(pumps) == len(capacities)
    moved = np.full(m, np.nan)
    if all_run:
        moved = np.sum([pumped_m3(h, q, edges_ms) for h, q in zip(ran, capacities, strict=True)], axis=0)
    level = heard.of(well)
    columns = dict.fromkeys(_OF_INFLOW, np.full(m, np.nan))
    known_ms, drained_back = np.zeros(m, np.int64), np.zeros(m, np.bool_)
    if all_run and level is not None and well is not None and station.wet_well_area_m2 is not None:
        works = Works(
            station.wet_well_area_m2,
            capacities,
            level,
            ran,
            [heard.of(c) for c in fault],
            heard.of(mains),
            heard.of(generator),
            station.drains_back_m,
        )
        came = inflow(works, edges_ms)
        known_ms, drained_back = came.known_ms, came.at_least
        off_m3s = 2 * well.reporting.deadband * station.wet_well_area_m2 * 1000 / came.piece_ms
        values = (came.m3, came.mean_m3s, came.peak_m3s, came.peak_ms, off_m3s, came.margin_m3s, came.margin_ms)
        columns = dict(zip(_OF_INFLOW, values, strict=True))
    return worded(
        pa.table(
            {
                **_interval(station, edges_ms, {}),
                "known_s": pa.array(known_ms / 1000),
                **{name: _times(v) if name.endswith("_time") else _numbers(v) for name, v in columns.items()},
                "at_least": pa.array(drained_back),
                "pumped_m3": _numbers(moved),
                "capacity_m3s": _numbers(np.full(m, sum(capacities) if capacities else np.nan)),
                **_energy(powers, heard, edges_ms),
            }
        )
    )


_OF_INFLOW = ("inflow_m3", "inflow_m3s", "peak_m3s", "peak_time", "uncertain_m3s", "margin_m3s", "margin_time")


def events_of(
    services: Services, pumps: Sequence[Pump], what: Sequence[What], start_ms: int, to_ms: int
) -> list[dict[str, Any]]:
    """Rows by channel and time, as `EVENT` has them. pumps: of one station. to_ms: no later than now."""
    station = pumps[0].station
    well = _first(services, station, Quantity.WET_WELL) if "run" in what else None
    wanted: list[tuple[ChannelInfo, What, int | None]] = []
    for word in what:
        quantity = _TELLS[word][0]
        if word in _OF_A_PUMP:
            wanted += [(p.channels[quantity], word, p.number) for p in pumps if quantity in p.channels]
        else:
            wanted += [(c, word, None) for c in channels_of(services.catalogue, station, quantity)]
    heard = _hear(services, [well, *(c for c, _, _ in wanted)], start_ms, to_ms)
    level, out = heard.of(well), []
    for c, word, number in sorted(wanted, key=lambda w: w[0].id):
        h = heard.held[c.id]
        so = Held(h.begin_ms, h.end_ms, np.asarray(h.value != _TELLS[word][1], np.float64), h.from_ms, h.to_ms)
        runs = Runs.of(so)
        fell = np.full(len(runs.begin_ms), np.nan)
        if level is not None and word == "run":
            fell = fallen_m(runs, level)
        for e, m in zip(water_events(so, 0.5, 0), fell.tolist(), strict=True):
            out.append(
                {
                    **names_of(c),
                    "pump": number,
                    "what": word,
                    "start": e.begin_ms,
                    "end": e.end_ms,
                    "seconds": (e.end_ms - e.begin_ms) / 1000,
                    "began_unseen": e.began_unseen,
                    "ended_unseen": e.ended_unseen,
                    "goes_on": e.goes_on,
                    "drawdown_m": None if np.isnan(m) else m,
                }
            )
    return out


def _from_ms(edges_ms: Int64s) -> int:
    """An hour before the first edge: of that the most starts in an hour are to know. Nothing of what is to come."""
    return int(edges_ms[0]) - (HOUR_MS if len(edges_ms) > 1 else 0)


def _counted(c: ChannelInfo | None, heard: _Heard, edges_ms: Int64s) -> CountedUp:
    if c is None:
        m = len(edges_ms) - 1
        return CountedUp(np.full(m, np.nan), np.zeros(m, np.bool_), np.zeros(m, np.bool_))
    readings, how = heard.readings[c.id], Gauge.of(c)
    return counted_up(readings, believed(readings), how.counter, edges_ms, how.heard_ms)


def _may_differ_ms(counter: ChannelInfo | None, running: ChannelInfo | None, starts: Int64s) -> Int64s:
    """States and hour counter: the counter's step and deadband, and a poll for each time that a change is seen late: at
    both ends of the interval, of the run that began before it, and of each start."""
    if counter is None or running is None:
        return np.zeros(len(starts), np.int64)
    own_h = counter.register.step + 2 * counter.reporting.deadband
    polls = np.maximum(running.period_s, counter.period_s) * (3 + starts)
    return np.asarray(np.round(own_h * HOUR_MS + polls * 1000), np.int64)


def _energy(powers: Sequence[ChannelInfo | None], heard: _Heard, edges_ms: Int64s) -> dict[str, Any]:
    """Of all of these together, known while the one that is known least is."""
    found = [energy_kwh(h, edges_ms) for c in powers if (h := heard.of(c)) is not None]
    m = len(edges_ms) - 1
    kwh = np.sum([k for k, _ in found], axis=0) if found else np.full(m, np.nan)
    known_ms = np.min([ms for _, ms in found], axis=0) if found else np.zeros(m)
    return {"energy_kwh": _numbers(kwh), "energy_known_s": pa.array(known_ms / 1000)}


def _interval(station: Station, edges_ms: Int64s, more: Mapping[str, Any]) -> dict[str, Any]:
    m = len(edges_ms) - 1
    names = {"station": repeated(station.id, m), "name": repeated(str(station.name), m)}
    return {**names, **more, "start": _moments(edges_ms[:-1]), "end": _moments(edges_ms[1:])}


def _nothing(edges_ms: Int64s) -> Held:
    none = np.zeros(0, np.int64)
    return Held(none, none, np.zeros(0), int(edges_ms[0]), int(edges_ms[-1]))


def _moments(ms: Int64s) -> Any:
    return pa.array(ms, pa.int64()).cast(TIME)


def _times(ms: Float64s) -> Any:
    unknown = np.isnan(ms)
    return pa.array(np.where(unknown, 0.0, ms).astype(np.int64), pa.int64(), mask=unknown).cast(TIME)


def _where(known: Bools, value: Float64s) -> Any:
    return pa.array(value, mask=~known)


def _numbers(value: Float64s) -> Any:
    return pa.array(value, mask=np.isnan(value))
