"""What the page shows, as plain data: one snapshot of the whole district, one hydrograph of a station."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cloud.api.encoding import number
from cloud.api.latest import LatestTable, latest_json, rows_of
from cloud.api.ports import Services
from cloud.hydrology.rainfall import hyetograph, increments
from cloud.series.columns import HOUR_MS
from cloud.warnings.incidents import incident_json
from cloud.warnings.model import ConditionSnapshot, Incident, Told
from cloud.web.gateways import gateway_state
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.conditions.state import ConditionState
from contract.readings import Flag, ReadingBatch

_MAIN = (Quantity.DEPTH, Quantity.STAGE, Quantity.RAIN_TOTAL)
_MAX_POINTS = 1500


class Shown:
    """What the page asks of a district again and again, found once: a few channels of each station, not all."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.main = {s.id: main_channel(catalogue, s) for s in catalogue.stations.values()}
        # pump stations: register -> channel
        self.pumps: dict[str, dict[str, int]] = {}
        for s in catalogue.stations.values():
            by_register = {catalogue.channels[c.id].register.name: c.id for c in s.channels}
            if "wet_well" in by_register:
                self.pumps[s.id] = by_register
        self.main_channels = {c for c in self.main.values() if c is not None}
        self.table = LatestTable(
            catalogue, sorted(self.main_channels.union(*(p.values() for p in self.pumps.values())))
        )


def district_state(services: Services, shown: Shown) -> dict[str, Any]:
    """Stations with their colour, pumps, warnings, links, the clock."""
    latest = {row["channel"]: row for row in rows_of(shown.table.columns(services))}
    conditions = {c.channel: c for c in services.warnings.conditions(shown.main_channels)}
    incidents = services.warnings.incidents(limit=30)
    told = services.warnings.messages_of([i.id for i in incidents])
    rain = rain_last_hour(services)
    ready, why = services.health.ready()
    catalogue = services.catalogue
    return {
        "now_ms": services.clock.now_ms(),
        "district": catalogue.district.name,
        "time_zone": catalogue.district.time_zone,
        "ready": ready,
        "why": why,
        "troubles": list(services.health.troubles()),
        "zones": [{"id": z.id, "name": z.name, "area": z.area} for z in catalogue.zones.values()],
        "stations": [
            _station(services, s, shown.main[s.id], latest, conditions, rain) for s in catalogue.stations.values()
        ],
        "pumps": [_pumps(catalogue.stations[s], by_register, latest) for s, by_register in shown.pumps.items()],
        "warnings": [_warning(services, i, told[i.id][:50]) for i in incidents],
        "gateways": [gateway_state(g) for g in services.health.gateways()],
        "quarantined": services.health.quarantine_count(),
    }


def rain_last_hour(services: Services) -> dict[int, float]:
    """Rain gauge channel -> mm in the 60 minutes before now; absent when nothing was heard in them."""
    now_ms = services.clock.now_ms()
    gauges = [n for n, c in services.catalogue.channels.items() if c.quantity is Quantity.RAIN_TOTAL]
    rows = services.series.raw(gauges, now_ms - HOUR_MS, now_ms + 1)
    out = {}
    for gauge in gauges:
        own = rows.take(rows.channel == gauge)
        if len(own):
            out[gauge] = float(increments(own.value, *_gauge(services.catalogue.channels[gauge])).sum())
    return out


def station_series(services: Services, station: Station, hours: float) -> dict[str, Any]:
    """Its level and its zone's rain over the last hours; thresholds; 5-minute rain intervals.

    Points are [ms, value]; null is a gap. Readings flagged FAIL are left out. What was not reported did not leave the
    deadband: lines hold the last value.
    """
    now_ms = services.clock.now_ms()
    start_ms = now_ms - int(hours * HOUR_MS)
    main = main_channel(services.catalogue, station)
    rule = services.catalogue.rule_by_channel.get(main) if main is not None else None
    gauge = _gauge_near(services, station)
    out: dict[str, Any] = {
        "id": station.id,
        "name": station.name,
        "start_ms": start_ms,
        "end_ms": now_ms,
        "quantity": "",
        "unit": "",
        "points": [],
        "held_to_ms": None,
        "thresholds": {level.value: v for level, v in rule.levels.items()} if rule else {},
        "rain_from": "",
        "rain": [],
        "rain_step_ms": 300_000,
    }
    if main is not None:
        info = services.catalogue.channels[main]
        out |= {"quantity": info.quantity.value, "unit": info.unit}
        if info.quantity is not Quantity.RAIN_TOTAL:
            out["points"] = _points(services.series.raw([main], start_ms, now_ms + 1))
            condition = next(iter(services.warnings.conditions([main])), None)
            silent = _unknown(condition, latest_json(services, [main])[0])
            out["held_to_ms"] = None if silent else now_ms
    if gauge is not None:
        rows = services.series.raw([gauge.id], start_ms - HOUR_MS, now_ms + 1)
        first, depth = hyetograph(rows, *_gauge(gauge), start_ms // 300_000 * 300_000, now_ms, 300_000)
        out["rain"] = [[t, round(mm, 2)] for t, mm in zip(first.tolist(), depth.tolist(), strict=True) if mm > 0]
        out["rain_from"] = gauge.station.name
    return out


def main_channel(catalogue: Catalogue, station: Station) -> int | None:
    """The channel a station is known by."""
    for quantity in _MAIN:
        for c in station.channels:
            if catalogue.channels[c.id].quantity is quantity:
                return c.id
    return None


def _points(rows: ReadingBatch) -> list[list[float | None]]:
    keep = rows.flag != Flag.FAIL
    rows = rows.take(keep)
    if len(rows) > _MAX_POINTS:  # thinned, but every peak stays
        size = math.ceil(len(rows) / (_MAX_POINTS // 2))
        starts = np.arange(0, len(rows), size)
        high = [a + int(np.nanargmax(np.nan_to_num(rows.value[a : a + size], nan=-np.inf))) for a in starts]
        rows = rows.take(np.unique(np.concatenate((starts, high, [len(rows) - 1]))))
    return [[t, number(v)] for t, v in zip(rows.time_ms.tolist(), rows.value.tolist(), strict=True)]


def _station(
    services: Services,
    station: Station,
    main: int | None,
    latest: Mapping[int, Mapping[str, Any]],
    conditions: Mapping[int, ConditionSnapshot],
    rain: Mapping[int, float],
) -> dict[str, Any]:
    row = latest[main] if main is not None else {"value": None, "age_s": None, "state": "unknown"}
    condition = conditions.get(main) if main is not None else None
    unknown = _unknown(condition, row)
    held = condition.level.value if condition and condition.level else "normal"
    quantity = services.catalogue.channels[main].quantity.value if main is not None else ""
    value = rain.get(main) if quantity == Quantity.RAIN_TOTAL and main is not None else row["value"]
    return {
        "id": station.id,
        "name": station.name,
        "zone": station.zone,
        "kind": station.kind.value,
        "lat": station.lat,
        "lon": station.lon,
        "colour": "unknown" if unknown else held,
        "held": held,
        "quantity": quantity,
        "value": value,
        "unit": "mm in 1 h" if quantity == Quantity.RAIN_TOTAL else "m",
        "age_s": row["age_s"],
    }


def _unknown(condition: ConditionSnapshot | None, row: Mapping[str, Any]) -> bool:
    """A watched channel is unknown when its rule says so; another when it is silent for too long."""
    return condition.state is ConditionState.UNKNOWN if condition else row["state"] == "unknown"


def _pumps(station: Station, by_register: Mapping[str, int], latest: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    def now(name: str) -> float | None:
        row = latest[by_register[name]] if name in by_register else None
        return None if row is None or row["state"] == "unknown" else row["value"]

    pumps = [
        {"running": now(f"p{i}_running"), "fault": now(f"p{i}_fault"), "hours": now(f"p{i}_hours")} for i in (1, 2)
    ]
    return {
        "station": station.id,
        "name": station.name,
        "wet_well_m": now("wet_well"),
        "mains": now("mains"),
        "pumps": pumps,
    }


def _warning(services: Services, incident: Incident, told: Sequence[Told]) -> dict[str, Any]:
    response = services.catalogue.response_plan.responses[incident.level]
    messages = [{"id": m.id, "sent_ms": m.sent_ms, "msgType": m.msg_type.value, "level": m.level.value} for m in told]
    zone = services.catalogue.zones[incident.zone].name
    said = {"zone_name": zone, "headline": response.headline, "instruction": response.instruction}
    return {**incident_json(incident), **said, "messages": messages}


def _gauge_near(services: Services, station: Station) -> ChannelInfo | None:
    """The rain gauge of the station's zone."""
    for c in services.catalogue.channels.values():
        if c.quantity is Quantity.RAIN_TOTAL and c.station.zone == station.zone:
            return c
    return None


def _gauge(info: ChannelInfo) -> tuple[float | None, float]:
    """Where its counter wraps, and one tip, mm."""
    gauge = info.quality.rain_gauge
    return (gauge.wraps_at_mm, gauge.tip_mm) if gauge else (None, info.register.scale)
