"""What the page shows, as plain data: one snapshot of the whole district, one hydrograph of a station."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from cloud.api.encoding import number
from cloud.api.latest import LatestTable, latest_json, rows_of
from cloud.api.ports import Services
from cloud.delivery.state import sink_json
from cloud.hydrology.rainfall import Gauge, Rain, hyetograph, rain
from cloud.series.base import TooMany
from cloud.series.columns import HOUR_MS
from cloud.warnings.codec import incident_json, message_json
from cloud.warnings.model import ConditionSnapshot, Incident, MessageHead
from cloud.web.gateways import gateway_state
from cloud.web.pumps import pump_channels, pumps_state
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.clock import iso
from contract.conditions.state import ConditionState
from contract.readings import Flag, ReadingBatch

_MAIN = (Quantity.DEPTH, Quantity.STAGE, Quantity.RAIN_TOTAL)
_MAX_POINTS = 1500
_RAIN_STEP_S = 300
_MAX_ROWS = 1_000_000  # ten days by the second
_RAIN_ROWS = 100_000  # a gauge is heard once a minute; a counter that makes no sense is judged reading by reading
_GAUGE_ROWS = 20_000  # of each gauge, for the last hour
_LOOK = "Check links, power and gateways. Until readings come again, watch the roads by camera or on patrol."
_RAIN_BEFORE_MS = 6 * HOUR_MS  # so far back the reading is looked for from which the first gain counts


class Shown:
    """What the page asks of a district again and again, found once: a few channels of each station, not all."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.main = {s.id: main_channel(catalogue, s) for s in catalogue.stations.values()}
        found = {s.id: pump_channels(catalogue, s) for s in catalogue.stations.values()}
        self.pumps = {station: channels for station, channels in found.items() if channels is not None}
        self.gauges = sorted(n for n, c in catalogue.channels.items() if c.quantity is Quantity.RAIN_TOTAL)
        self.main_channels = {c for c in self.main.values() if c is not None}
        self.table = LatestTable(
            catalogue, sorted(self.main_channels.union(*(p.numbers() for p in self.pumps.values())))
        )


def district_state(services: Services, shown: Shown) -> dict[str, Any]:
    """Stations with their colour, pumps, warnings, links, the clock. Incidents and messages as the API gives them."""
    latest = {row["channel"]: row for row in rows_of(shown.table.columns(services))}
    conditions = {c.key.target.id: c for c in sorted(services.warnings.conditions(shown.main_channels), key=_weight)}
    incidents = services.warnings.incidents(limit=30)
    messages = services.warnings.messages_of([i.id for i in incidents])
    rain = rain_last_hour(services, shown.gauges)
    ready, why = services.health.ready()
    catalogue = services.catalogue
    return {
        "now": iso(services.clock.now_ms()),
        "district": catalogue.district.name,
        "time_zone": catalogue.district.time_zone,
        "ready": ready,
        "why": why,
        "troubles": list(services.health.troubles()),
        "zones": [{"id": z.id, "name": z.name, "area": z.area} for z in catalogue.zones.values()],
        "stations": [
            _station(services, s, shown.main[s.id], latest, conditions, rain) for s in catalogue.stations.values()
        ],
        "pumps": [pumps_state(catalogue.stations[s], channels, latest) for s, channels in shown.pumps.items()],
        "warnings": [_warning(services, i, messages[i.id][:50]) for i in incidents],
        "gateways": [gateway_state(g) for g in services.health.gateways()],
        "sinks": [sink_json(s, services.clock.now_ms()) for s in services.health.sinks()],
        "quarantined": services.health.quarantine_count(),
    }


def rain_last_hour(services: Services, gauges: Sequence[int]) -> dict[int, Rain]:
    """Rain gauge channel -> what fell in the 60 minutes before now; absent when nothing was heard in them, or
    far more than a gauge can say. gauges: rising."""
    now_ms = services.clock.now_ms()
    out = {}
    for channel, own in _rows_of(services, gauges, now_ms - _RAIN_BEFORE_MS - HOUR_MS, now_ms + 1):
        if len(own) and own.time_ms[-1] > now_ms - HOUR_MS:
            gauge = Gauge.of(services.catalogue.channels[channel])
            out[channel] = rain(own, gauge, now_ms - HOUR_MS, now_ms)
    return out


def _rows_of(
    services: Services, channels: Sequence[int], start_ms: int, end_ms: int
) -> Iterator[tuple[int, ReadingBatch]]:
    """The readings of each. A channel that is flooded is passed over: nobody else is to wait for it."""
    try:
        rows = services.series.raw(channels, start_ms, end_ms, _GAUGE_ROWS * len(channels))
    except TooMany:
        for channel in channels:
            with suppress(TooMany):
                yield channel, services.series.raw([channel], start_ms, end_ms, _GAUGE_ROWS)
        return
    starts = np.searchsorted(rows.channel, channels)
    ends = np.searchsorted(rows.channel, channels, side="right")
    for channel, first, end in zip(channels, starts.tolist(), ends.tolist(), strict=True):
        if end - first <= _GAUGE_ROWS:
            yield channel, rows.take(slice(first, end))


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
            condition = max(services.warnings.conditions([main]), key=_weight, default=None)
            silent = _unknown(condition, latest_json(services, [main])[0])
            out["held_to"] = None if silent else iso(now_ms)
    if gauge is not None:
        step_ms = _RAIN_STEP_S * 1000
        rows = _newest(services, gauge.id, start_ms - _RAIN_BEFORE_MS, now_ms + 1, _RAIN_ROWS)
        found = hyetograph(rows, Gauge.of(gauge), start_ms // step_ms * step_ms, now_ms, step_ms)
        out["rain"] = [
            [t, round(mm, 2)] for t, mm in zip(found.start_ms.tolist(), found.mm.tolist(), strict=True) if mm > 0
        ]
        out["rain_uncertain"] = found.start_ms[found.uncertain | found.at_least].tolist()
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
    conditions: Mapping[int | str, ConditionSnapshot],
    rain: Mapping[int, Rain],
) -> dict[str, Any]:
    row = latest[main] if main is not None else {"value": None, "age_s": None, "state": "unknown"}
    condition = conditions.get(main) if main is not None else None
    unknown = _unknown(condition, row)
    held = condition.level.value if condition and condition.level else "normal"
    quantity = services.catalogue.channels[main].quantity.value if main is not None else ""
    fell = rain.get(main) if quantity == Quantity.RAIN_TOTAL and main is not None else None
    value = (fell.mm if fell else None) if quantity == Quantity.RAIN_TOTAL else row["value"]
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
        "sure": _sure(fell),
        "age_s": row["age_s"],
    }


def _sure(fell: Rain | None) -> str:
    """What keeps a sum of rain from being exact: "at least", "uncertain", "provisional"; empty when nothing does."""
    if fell is None:
        return ""
    words = {"at least": fell.at_least, "uncertain": fell.uncertain, "provisional": fell.provisional}
    return next((word for word, so in words.items() if so), "")


def _weight(condition: ConditionSnapshot) -> tuple[int, bool]:
    """Of several rules on a channel the page shows the one that says most: its highest level, and what is unknown."""
    level = -1 if condition.level is None else condition.level.rank
    return level, condition.state is ConditionState.UNKNOWN


def _unknown(condition: ConditionSnapshot | None, row: Mapping[str, Any]) -> bool:
    """A watched channel is unknown when its rule says so; another when it is silent for too long."""
    return condition.state is ConditionState.UNKNOWN if condition else row["state"] == "unknown"


def _warning(services: Services, incident: Incident, messages: Sequence[MessageHead]) -> dict[str, Any]:
    """An incident as in /v1/warnings, with its zone's name and what its level calls for."""
    if incident.level is None:
        names = ", ".join(_zone_name(services, zone) for zone in incident.zones)
        silent, watched = (sum(s.silent for s in incident.sight), sum(s.watched for s in incident.sight))
        headline = f"{silent} of {watched} sensors silent: what the water does is not known"
        words = {"zone_name": names, "headline": headline, "instruction": _LOOK}
    else:
        response = services.catalogue.response_plan.responses[incident.level]
        words = {
            "zone_name": _zone_name(services, incident.zone),
            "headline": response.headline,
            "instruction": response.instruction,
        }
    return {**incident_json(incident), **words, "messages": [message_json(m) for m in messages]}


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
