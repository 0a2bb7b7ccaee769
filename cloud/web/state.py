"""What the page shows, as plain data: one snapshot of the whole district, one hydrograph of a station."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from cloud.api.encoding import number
from cloud.api.latest import latest_json
from cloud.api.ports import Services
from cloud.hydrology.rainfall import Gauge, hyetograph
from cloud.overview.document import RAIN_BEFORE_MS, Shown, main_channel, overview
from cloud.overview.stations import is_unknown, weight
from cloud.series.base import TooMany
from cloud.series.columns import HOUR_MS
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import iso, to_ms
from contract.readings import Flag, ReadingBatch

_MAX_POINTS = 1500
_RAIN_STEP_S = 300
_MAX_ROWS = 1_000_000  # ten days by the second
_RAIN_ROWS = 100_000  # a gauge is heard once a minute; a counter that makes no sense is judged reading by reading
_LOOK = "Check links, power and gateways. Until readings come again, watch the roads by camera or on patrol."


def district_state(services: Services, shown: Shown) -> dict[str, Any]:
    """The overview with the names and places that the page shows with it."""
    catalogue = services.catalogue
    found = overview(services, shown)
    incidents = sorted(found.pop("incidents"), key=lambda i: (-i["opened_ms"], i["id"]))[:30]
    return {
        **found,
        "district": catalogue.district.name,
        "time_zone": catalogue.district.time_zone,
        "zones": [{"id": z.id, "name": z.name, "area": z.area} for z in catalogue.zones.values()],
        "stations": [_station(catalogue.stations[s["id"]], s, found["now"]) for s in found["stations"]],
        "pumps": [{**p, "name": catalogue.stations[p["station"]].name} for p in found["pumps"]],
        "warnings": [{**i, **_words(services, i)} for i in incidents],
    }


def _newest(services: Services, channel: int, start_ms: int, end_ms: int, at_most: int) -> ReadingBatch:
    """Its readings; of a channel with more than at_most those of the last part of the time: half of it, or a quarter,
    and so on."""
    while end_ms - start_ms > 1000:
        try:
            return services.series.raw([channel], start_ms, end_ms, at_most)
        except TooMany:
            start_ms = (start_ms + end_ms) // 2
    return ReadingBatch.empty()


def station_series(services: Services, station: Station, hours: float) -> dict[str, Any]:
    """Its level and its zone's rain over the last hours; thresholds; 5-minute rain intervals.

    Points and rain are [UTC ms, value]; null is a gap. rain_uncertain: starts of intervals whose rain was spread over a
    silence, or of which the counter lost a part. Readings flagged FAIL are left out. What was not
    reported did not leave the deadband: lines hold the last value.
    """
    now_ms = services.clock.now_ms()
    start_ms = now_ms - int(hours * HOUR_MS)
    main = main_channel(services.catalogue, station)
    thresholds = services.catalogue.thresholds(main) if main is not None else {}
    gauge = _gauge_near(services, station)
    out: dict[str, Any] = {
        "id": station.id,
        "name": station.name,
        "start": iso(start_ms),
        "end": iso(now_ms),
        "quantity": "",
        "unit": "",
        "points": [],
        "held_to": None,
        "thresholds": {level.value: v for level, v in thresholds.items()},
        "rain_from": "",
        "rain": [],
        "rain_uncertain": [],
        "rain_step_s": _RAIN_STEP_S,
    }
    if main is not None:
        info = services.catalogue.channels[main]
        out |= {"quantity": info.quantity.value, "unit": info.unit}
        if info.quantity is not Quantity.RAIN_TOTAL:
            out["points"] = _points(_newest(services, main, start_ms, now_ms + 1, _MAX_ROWS))
            condition = max(services.warnings.conditions([main]), key=weight, default=None)
            silent = is_unknown(condition, latest_json(services, [main])[0]["state"])
            out["held_to"] = None if silent else iso(now_ms)
    if gauge is not None:
        step_ms = _RAIN_STEP_S * 1000
        rows = _newest(services, gauge.id, start_ms - RAIN_BEFORE_MS, now_ms + 1, _RAIN_ROWS)
        found = hyetograph(rows, Gauge.of(gauge), start_ms // step_ms * step_ms, now_ms, step_ms)
        out["rain"] = [
            [t, round(mm, 2)] for t, mm in zip(found.start_ms.tolist(), found.mm.tolist(), strict=True) if mm > 0
        ]
        out["rain_uncertain"] = found.start_ms[found.uncertain | found.at_least].tolist()
        out["rain_from"] = gauge.station.name
    return out


def _points(rows: ReadingBatch) -> list[list[float | None]]:
    keep = rows.flag != Flag.FAIL
    rows = rows.take(keep)
    if len(rows) > _MAX_POINTS:  # thinned, but every peak stays
        size = math.ceil(len(rows) / (_MAX_POINTS // 2))
        starts = np.arange(0, len(rows), size)
        high = [a + int(np.nanargmax(np.nan_to_num(rows.value[a : a + size], nan=-np.inf))) for a in starts]
        rows = rows.take(np.unique(np.concatenate((starts, high, [len(rows) - 1]))))
    return [[t, number(v)] for t, v in zip(rows.time_ms.tolist(), rows.value.tolist(), strict=True)]


def _station(station: Station, now: Mapping[str, Any], now_iso: str) -> dict[str, Any]:
    """now: its row of the overview."""
    heard = now["time"]
    return {
        **now,
        "name": station.name,
        "zone": station.zone,
        "kind": station.kind.value,
        "lat": station.lat,
        "lon": station.lon,
        "age_s": None if heard is None else round((_ms(now_iso) - _ms(heard)) / 1000, 1),
    }


def _ms(moment: str) -> int:
    return to_ms(datetime.fromisoformat(moment))


def _words(services: Services, incident: Mapping[str, Any]) -> dict[str, str]:
    """What an incident is headed by, and what its level calls for. incident: as in the overview."""
    if incident["level"] is None:
        names = ", ".join(_zone_name(services, zone) for zone in incident["zones"])
        silent, watched = (sum(s[what] for s in incident["sight"]) for what in ("silent", "watched"))
        headline = f"{silent} of {watched} sensors silent: what the water does is not known"
        return {"zone_name": names, "headline": headline, "instruction": _LOOK}
    response = services.catalogue.response_plan.responses[Level(incident["level"])]
    return {
        "zone_name": _zone_name(services, incident["zone"]),
        "headline": response.headline,
        "instruction": response.instruction,
    }


def _zone_name(services: Services, zone: str) -> str:
    """By its id when the catalogue has it no longer."""
    found = services.catalogue.zones.get(zone)
    return zone if found is None else str(found.name)


def _gauge_near(services: Services, station: Station) -> ChannelInfo | None:
    """The rain gauge of the station's zone."""
    for c in services.catalogue.channels.values():
        if c.quantity is Quantity.RAIN_TOTAL and c.station.zone == station.zone:
            return c
    return None
