"""The district at a glance, as plain data: how every station, pump, incident, gateway and consumer stands now.

What does not change while a catalogue holds (names, places, areas, thresholds) is not in it: `/v1/stations` and its
like say that once. Ages are not in it either, for they differ every second: times are, and `now`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from cloud.api.latest import LatestTable, rows_of
from cloud.api.ports import Services
from cloud.delivery.state import sink_json
from cloud.hydrology.rainfall import Gauge, Rain, rain
from cloud.overview.gateways import gateway_state
from cloud.overview.pumps import pump_channels, pumps_state
from cloud.overview.stations import StationRows
from cloud.series.base import TooMany
from cloud.series.columns import HOUR_MS
from cloud.warnings.codec import incident_json, message_json
from cloud.warnings.model import Incident, MessageHead
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from contract.clock import iso
from contract.readings import ReadingBatch

_MAIN = (Quantity.DEPTH, Quantity.STAGE, Quantity.RAIN_TOTAL)
_GAUGE_ROWS = 20_000  # of each gauge, for the last hour
_INCIDENTS, _MESSAGES = 100, 50  # the newest incidents, and of each the newest messages
RAIN_BEFORE_MS = 6 * HOUR_MS  # so far back the reading is looked for from which the first gain counts


class Shown:
    """What is asked of a district again and again, found once: a few channels of each station, not all."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.main = {s.id: main_channel(catalogue, s) for s in catalogue.stations.values()}
        found = {s.id: pump_channels(catalogue, s) for s in catalogue.stations.values()}
        self.pumps = {station: channels for station, channels in found.items() if channels is not None}
        self.gauges = sorted(n for n, c in catalogue.channels.items() if c.quantity is Quantity.RAIN_TOTAL)
        self.main_channels = {c for c in self.main.values() if c is not None}
        self.pump_channels = sorted(set[int]().union(*(p.numbers() for p in self.pumps.values())))
        self.table = LatestTable(catalogue, sorted(self.main_channels.union(self.pump_channels)))
        self.stations = StationRows(catalogue, self.main)


def overview(services: Services, shown: Shown) -> dict[str, Any]:
    """Lists of rows in the order of what they are known by (`cloud.overview.changes`), and single fields."""
    catalogue, now_ms = services.catalogue, services.clock.now_ms()
    columns = shown.table.columns(services)
    of_pumps = np.isin(columns.channel, shown.pump_channels)
    latest = {row["channel"]: row for row in rows_of(columns.take(of_pumps))}
    conditions = services.warnings.conditions(shown.main_channels)
    incidents = services.warnings.incidents(limit=_INCIDENTS)
    messages = services.warnings.messages_of([i.id for i in incidents])
    ready, why = services.health.ready()
    return {
        "now": iso(now_ms),
        "district": {
            "id": catalogue.district.id,
            "name": catalogue.district.name,
            "names": catalogue.district.name.languages,
            "time_zone": catalogue.district.time_zone,
        },
        "ready": ready,
        "why": why,
        "troubles": list(services.health.troubles()),
        "quarantined": services.health.quarantine_count(),
        "stations": shown.stations.now(columns, conditions, rain_last_hour(services, shown.gauges)),
        "pumps": [pumps_state(station, channels, latest) for station, channels in sorted(shown.pumps.items())],
        "incidents": sorted((_incident(i, messages[i.id]) for i in incidents), key=lambda row: row["id"]),
        "gateways": sorted((gateway_state(g) for g in services.health.gateways()), key=lambda row: row["id"]),
        "sinks": sorted((sink_json(s, now_ms) for s in services.health.sinks()), key=lambda row: row["name"]),
    }


def rain_last_hour(services: Services, gauges: Sequence[int]) -> dict[int, Rain]:
    """Rain gauge channel -> what fell in the 60 minutes before now; absent when nothing was heard in them, or
    far more than a gauge can say. gauges: rising."""
    now_ms = services.clock.now_ms()
    out = {}
    for channel, own in _rows_of(services, gauges, now_ms - RAIN_BEFORE_MS - HOUR_MS, now_ms + 1):
        if len(own) and own.time_ms[-1] > now_ms - HOUR_MS:
            gauge = Gauge.of(services.catalogue.channels[channel])
            out[channel] = rain(own, gauge, now_ms - HOUR_MS, now_ms)
    return out


def main_channel(catalogue: Catalogue, station: Station) -> int | None:
    """The channel a station is known by."""
    for quantity in _MAIN:
        for c in station.channels:
            if catalogue.channels[c.id].quantity is quantity:
                return c.id
    return None


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


def _incident(incident: Incident, messages: Sequence[MessageHead]) -> dict[str, Any]:
    """As in /v1/warnings; messages: the newest first."""
    return {**incident_json(incident), "messages": [message_json(m) for m in messages[:_MESSAGES]]}
