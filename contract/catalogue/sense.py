"""What each file allows by itself and a district cannot work with: zones that bound no area, stations far outside
theirs, rules that always warn or that take a quiet sensor for a silent one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contract.catalogue.catalogue import Catalogue, ChannelInfo, Watch
from contract.catalogue.places import DistrictFile, Station, StationKind, Zone
from contract.catalogue.quantities import Quantity
from contract.geometry import outside_m, ring_fault

Found = Iterator[tuple[tuple[str | int, ...], str]]  # where in the file, and what is wrong

# How far outside its zone a station may stand. Gauges of rain and rivers speak for a zone from upstream.
FAR_M = 5_000.0
GAUGE_FAR_M = 50_000.0
_GAUGES = (StationKind.RAIN, StationKind.RIVER)
# What may be below zero: a level below datum, water that runs the other way, frost.
_SIGNED = frozenset(
    {
        Quantity.STAGE,
        Quantity.WET_WELL,
        Quantity.FLOW,
        Quantity.VELOCITY,
        Quantity.TEMPERATURE,
        Quantity.SIGNAL_STRENGTH,
        Quantity.CURRENT,
        Quantity.POWER,
    }
)


def of_places(file: DistrictFile) -> Found:
    """Of `district.yaml`: the zones' areas, and where stations stand."""
    sound: dict[str, Zone] = {}
    for n, zone in enumerate(file.zones):
        fault = ring_fault(zone.area)
        if fault is not None:
            yield ("zones", n, "area"), f"the area of zone {zone.id!r} is none: {fault}"
        else:
            sound[zone.id] = zone
    for n, station in enumerate(file.stations):
        if station.zone in sound:
            what = _far(station, sound[station.zone])
            if what is not None:
                yield ("stations", n, "lat"), what


def _far(station: Station, zone: Zone) -> str | None:
    far_m = outside_m(zone.area, station.lat, station.lon)
    if far_m <= (GAUGE_FAR_M if station.kind in _GAUGES else FAR_M):
        return None
    swapped = abs(station.lon) <= 90 and outside_m(zone.area, station.lon, station.lat) <= FAR_M
    hint = "lat and lon look swapped" if swapped else "mend its lat and lon, its zone, or the zone's area"
    return f"station {station.id!r} stands {far_m / 1000:.0f} km outside its zone {zone.id!r}: {hint}"


def of_rules(catalogue: Catalogue) -> Found:
    """Of `rules.yaml`; rules may name channels that are not there."""
    channels = catalogue.channels
    for r, watch in enumerate(catalogue.watches):  # in the order of the file
        rule = watch.rule
        yield from (((*("rules", r), *path), what) for path, what in _never_clears(watch, channels))
        slowest = max((channels[c] for c in watch.channels if c in channels), key=_longest_quiet_s, default=None)
        if slowest is not None and rule.stale_after_s < _longest_quiet_s(slowest):
            heartbeat_s, period_s = slowest.reporting.heartbeat_s, slowest.period_s
            what = f"rule {rule.id!r} takes channel {slowest.id} for silent after {rule.stale_after_s:g} s"
            why = f"but while nothing changes it reports every {heartbeat_s:g} s only (its heartbeat, read every"
            mend = f"write {heartbeat_s + period_s:g} or more, or shorten `reporting.heartbeat_s`"
            yield ("rules", r, "stale_after_s"), f"{what}, {why} {period_s:g} s): {mend}"


def _longest_quiet_s(channel: ChannelInfo) -> float:
    """How long a sound channel may say nothing: its heartbeat, and the reading on which that falls."""
    return channel.reporting.heartbeat_s + channel.period_s


def _never_clears(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A level that clears below zero, of what is never below zero. Detectors other than `threshold` have own units."""
    rule = watch.rule
    watched = {channels[c].quantity for c in watch.channels if c in channels} or {rule.quantity}
    if rule.detector != "threshold" or watched <= _SIGNED:
        return
    level, lowest = min(rule.levels.items(), key=lambda item: item[1])
    if lowest <= 0:
        yield ("levels",), f"rule {rule.id!r}: {level.value} at {lowest:g} would always stand: write a value above 0"
    elif rule.hysteresis >= lowest:
        what = f"rule {rule.id!r}: {level.value} at {lowest:g} would clear below {lowest - rule.hysteresis:g}: never"
        yield ("hysteresis",), f"{what}. Write a hysteresis below {lowest:g}"
