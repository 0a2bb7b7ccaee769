"""The pump stations of a district: which channel is which part of which pump, and what `pumps` finds of each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cloud.maintenance import pumps
from cloud.maintenance.gauges import restore_memory
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import Judgement, Place
from cloud.maintenance.pumps import Heard, Link, Part, Pump, Signal, Site, Station
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.quantities import Quantity
from contract.readings import Bools, Int64s, ReadingBatch

# Quantities of one pump each, in the order of its station's channels; and those of the station.
_OF_PUMP = {
    Quantity.PUMP_RUNNING: Part.RUNNING,
    Quantity.PUMP_FAULT: Part.FAULT,
    Quantity.STARTS: Part.STARTS,
    Quantity.CURRENT: Part.CURRENT,
}
_OF_STATION = {
    Quantity.WET_WELL: Part.WELL,
    Quantity.MAINS: Part.MAINS,
    Quantity.GENERATOR: Part.GENERATOR,
}


class Stations:
    """quiet_ms: by channel, after how long without a reading nothing is known of it."""

    def __init__(self, catalogue: Catalogue, quiet_ms: Mapping[int, int]) -> None:
        self.sites: list[Site] = []
        self._gateways: dict[str, str] = {}
        row = {c: n for n, c in enumerate(sorted(catalogue.channels))}
        self._part: dict[int, tuple[int, Part, int]] = {}  # row -> station, part, pump
        for station in catalogue.stations.values():
            infos = catalogue.station_channels(station.id)
            parts = list(_parts(infos))
            if not any(part is Part.RUNNING for _, part, _ in parts):
                continue
            count = max(station.pumps or 0, 1 + max(pump for _, _, pump in parts))
            most: list[float | None] = [None] * count
            for info, part, pump in parts:
                self._part[row[info.id]] = len(self.sites), part, pump
                if part is Part.CURRENT and info.quality.suspect_range is not None:
                    most[pump] = info.quality.suspect_range[1]
            judged = [info.id for info, part, _ in parts if part in (Part.WELL, Part.RUNNING)]
            self._gateways[station.id] = next(info.gateway for info, part, _ in parts if part is Part.RUNNING)
            self.sites.append(
                Site(
                    station.id,
                    count,
                    station.each_pump("start_m"),
                    station.each_pump("stop_m"),
                    station.each_pump("capacity_m3s"),
                    station.wet_well_area_m2,
                    station.drains_back_m,
                    any(part is Part.STARTS for _, part, _ in parts),
                    tuple(most),
                    max(quiet_ms[c] for c in judged),
                )
            )
        self._of_row = np.full(len(row), -1, np.int64)
        self._of_row[list(self._part)] = 1

    def gateway(self, station: str) -> str | None:
        """Whose readings tell of its pumps."""
        return self._gateways.get(station)

    def initial(self) -> list[Station]:
        return [pumps.initial(site) for site in self.sites]

    def take_in(self, states: list[Station], batch: ReadingBatch, entry: Int64s, row: Int64s, good: Bools) -> None:
        """Readings entry by entry, and by time. row: of the channel of each, -1: of none. good: which are usable."""
        own = np.flatnonzero((row >= 0) & (self._of_row[row] > 0)) if len(self._of_row) else row[:0]
        for k in own[np.lexsort((batch.time_ms[own], entry[own]))].tolist():
            n, part, pump = self._part[int(row[k])]
            known = float(batch.value[k]) if good[k] else None
            pumps.take_in(self.sites[n], states[n], Heard(int(batch.time_ms[k]), part, pump, known))

    def judge(
        self, states: Sequence[Station], dead: Collection[str], links: Mapping[str, Link], now_ms: int
    ) -> Judgement:
        """dead: gateways that are silent: that their pumps are not known is told with them. links: by gateway."""
        out = Judgement()
        for site, state in zip(self.sites, states, strict=True):
            found = pumps.judge_station(site, state, now_ms, links[self._gateways[site.id]])
            if self._gateways[site.id] in dead:
                out.unknown.update({f.key for f in found.found} | found.unknown)
                out.unknown.update({Place(kind, f"station/{site.id}") for kind in Kind})
                out.unknown.update({Place(kind, f"pump/{site.id}/{n + 1}") for kind in Kind for n in range(site.pumps)})
                continue
            out.found.extend(found.found)
            out.unknown.update(found.unknown)
        return out

    def dump(self, states: Sequence[Station]) -> dict[str, Any]:
        """As plain values for JSON."""
        return {site.id: asdict(state) for site, state in zip(self.sites, states, strict=True)}

    def restore(self, data: Mapping[str, Any]) -> list[Station]:
        """What `dump` gave; a station that has other pumps than then begins anew."""
        out = []
        for site in self.sites:
            body, fresh = data.get(site.id), pumps.initial(site)
            if body is None or len(body["pumps"]) != site.pumps or len(body["above_ms"]) != len(fresh.above_ms):
                out.append(fresh)
            else:
                out.append(_station(body))
        return out


def _parts(infos: Sequence[ChannelInfo]) -> list[tuple[ChannelInfo, Part, int]]:
    count: dict[Part, int] = defaultdict(int)
    out = []
    for info in sorted(infos, key=lambda c: c.id):
        if (part := _OF_STATION.get(info.quantity)) is not None:
            out.append((info, part, 0))
        elif (part := _OF_PUMP.get(info.quantity)) is not None:
            out.append((info, part, count[part]))
            count[part] += 1
    return out


def _station(body: Mapping[str, Any]) -> Station:
    def pair(found: Sequence[Any]) -> tuple[int, float]:
        return int(found[0]), float(found[1])

    def pump(p: Mapping[str, Any]) -> Pump:
        counted = restore_memory([p["counted"]["base"], p["counted"]["waits"]])
        running, fault, current = (Signal(**p[name]) for name in ("running", "fault", "current"))
        return Pump(running, fault, current, [int(ms) for ms in p["started_ms"]], counted)

    return Station(
        [pump(p) for p in body["pumps"]],
        list(body["above_ms"]),
        Signal(**body["well"]),
        Signal(**body["mains"]),
        Signal(**body["generator"]),
        body["over_ms"],
        [pair(each) for each in body["levels"]],
        [(int(who), int(ms)) for who, ms in body["first"]],
        body["inflow_m_per_s"],
    )
