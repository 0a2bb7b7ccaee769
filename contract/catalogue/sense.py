"""What each file allows by itself and a district cannot work with: zones that bound no area, stations far outside
theirs, rules that always warn or that take a quiet sensor for a silent one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contract.catalogue import fitting
from contract.catalogue.catalogue import Catalogue, ChannelInfo, Watch
from contract.catalogue.detectors import RateOfRiseSettings
from contract.catalogue.places import DistrictFile, Station, StationKind, Zone
from contract.catalogue.quantities import Quantity
from contract.geometry import outside_m, ring_fault

Found = Iterator[tuple[tuple[str | int, ...], str]]  # where in the file, and what is wrong

# How far outside its zone a station may stand. Gauges of rain and rivers speak for a zone from upstream.
FAR_M = 5_000.0
GAUGE_FAR_M = 50_000.0
_MOST_SAID = 5
# How deep water can stand; for slips of the pen where no channel says what it can read.
_DEEP_M = 30.0
_DEEPEST_M = {
    StationKind.STREET: 5.0,
    StationKind.SUBWAY_ENTRANCE: 10.0,
    StationKind.UNDERPASS: 15.0,
}
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
    yield from fitting.said_twice(catalogue.rules)
    for r, watch in enumerate(catalogue.watches):  # in the order of the file
        rule = watch.rule
        for path, what in (mistake for mistakes in _OF_A_WATCH for mistake in mistakes(watch, channels)):
            yield ("rules", r, *path), what
        for n, station in enumerate(rule.stations):
            if station in catalogue.stations and not any(
                c.station.id == station and c.quantity in rule.quantities for c in channels.values()
            ):
                of = " or ".join(sorted(q.value for q in rule.quantities))
                yield ("rules", r, "stations", n), f"rule {rule.id!r}: station {station!r} has no channel of {of}"
        slowest = max((channels[c] for c in watch.channels if c in channels), key=_longest_quiet_s, default=None)
        if slowest is not None and rule.stale_after_s < _longest_quiet_s(slowest):
            heartbeat_s, period_s = slowest.reporting.heartbeat_s, slowest.period_s
            what = f"rule {rule.id!r} takes channel {slowest.id} for silent after {rule.stale_after_s:g} s"
            why = f"but while nothing changes it reports every {heartbeat_s:g} s only (its heartbeat, read every"
            mend = f"write {heartbeat_s + period_s:g} or more, or shorten `reporting.heartbeat_s`"
            yield ("rules", r, "stale_after_s"), f"{what}, {why} {period_s:g} s): {mend}"


def watches_nothing(catalogue: Catalogue) -> list[str]:
    """What is allowed, for a district may grow, and yet worth a word: rules without a channel, and depths without a
    rule."""
    out = []
    for rule, channels in ((w.rule, w.channels) for w in catalogue.watches):
        if rule.station_kind is not None and not channels:
            of = " or ".join(sorted(q.value for q in rule.quantities))
            what = f"no station of kind {rule.station_kind} has a channel of {of}"
            out.append(f"rule {rule.id!r} watches nothing: {what}")
    depths = (c for c in catalogue.channels.values() if c.quantity is Quantity.DEPTH)
    unwatched = [c.id for c in depths if c.id not in catalogue.rules_by_channel]
    if unwatched:
        more = f" and {len(unwatched) - _MOST_SAID} more" if len(unwatched) > _MOST_SAID else ""
        said = ", ".join(map(str, unwatched[:_MOST_SAID]))
        out.append(f"no rule watches the depth of channel {said}{more}: it never warns")
    return out


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


def _cannot_mean(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """Levels that nobody can mean in the detector's unit, and a hysteresis by which they would never clear. Of a depth:
    deeper than water can stand at such a site, which is said where no channel has a range of its own."""
    rule, means = watch.rule, watch.rule.definition.levels
    if means is not None:
        unit = rule.definition.unit
        for level, value in rule.levels.items():
            if not means[0] <= value <= means[1]:
                what = f"rule {rule.id!r}: {level.value} at {value:g}: {rule.detector} is in {unit}"
                yield ("levels", level.value), f"{what}, write {means[0]:g} to {means[1]:g}"
                return
        level, lowest = min(rule.levels.items(), key=lambda item: item[1])
        if rule.hysteresis >= lowest:
            what = f"rule {rule.id!r}: {level.value} at {lowest:g} {unit} would never clear"
            yield ("hysteresis",), f"{what}: write a hysteresis below {lowest:g}"
    elif rule.detector == "threshold":
        level, highest = max(rule.levels.items(), key=lambda item: item[1])
        for channel in (channels[c] for c in watch.channels if c in channels):
            deepest_m = _DEEPEST_M.get(channel.station.kind, _DEEP_M)
            if channel.quantity is Quantity.DEPTH and channel.quality.fail_range is None and highest > deepest_m:
                what = f"rule {rule.id!r}: {level.value} at {highest:g} m: no water stands so deep at a"
                yield (
                    ("levels",),
                    f"{what} {channel.station.kind.value} ({deepest_m:g} m at most): levels are in metres",
                )
                return


def _never_falls_so_much(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """More rain within the rule's time than a gauge believes."""
    rule = watch.rule
    if rule.detector != "rain_window":
        return
    hours = float(rule.settings["window_s"]) / 3600
    level, highest = max(rule.levels.items(), key=lambda item: item[1])
    for channel in (channels[c] for c in watch.channels if c in channels):
        gauge = channel.quality.rain_gauge
        if gauge is not None and gauge.max_mm_per_h * hours < highest:
            most = f"{gauge.max_mm_per_h * hours:g} mm in {hours:g} h at most (`quality.rain_gauge.max_mm_per_h`)"
            what = f"rule {rule.id!r}: {level.value} at {highest:g} mm is never reached"
            yield ("levels",), f"{what}: channel {channel.id} counts {most}"
            return


def _never_rises_so_fast(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A rise by which a channel would leave its range before there are readings enough; a window that holds too few."""
    rule = watch.rule
    if rule.detector != "rate_of_rise":
        return
    own = RateOfRiseSettings.model_validate(rule.settings)
    level, highest = max(rule.levels.items(), key=lambda item: item[1])
    for channel in (channels[c] for c in watch.channels if c in channels):
        if channel.period_s * 2 > own.window_s:
            what = f"rule {rule.id!r} looks at {own.window_s:g} s, and channel {channel.id} is read every"
            yield ("settings",), f"{what} {channel.period_s:g} s: write a window_s of {2 * channel.period_s:g} or more"
            return
        may_read = channel.quality.fail_range
        least_m = highest / 100 / 60 * 2 * channel.period_s
        if may_read is not None and may_read[1] - max(may_read[0], own.floor_m) < least_m:
            what = (
                f"rule {rule.id!r}: {level.value} at {highest:g} cm/min is never reached: within two readings channel"
            )
            yield ("levels",), f"{what} {channel.id} would rise by {least_m:g} m, and reads {may_read[1]:g} m at most"
            return


def _never_reached(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """A level beyond what a channel can measure: there every reading fails its quality test, and says nothing. Often it
    is written in centimetres."""
    rule = watch.rule
    if rule.detector != "threshold":
        return
    level, highest = max(rule.levels.items(), key=lambda item: item[1])
    ranges = ((channels[c], channels[c].quality.fail_range) for c in watch.channels if c in channels)
    for channel, may_read in ranges:
        if may_read is not None and may_read[1] < highest:
            unit = "" if channel.unit == "1" else f" {channel.unit}"
            what = f"rule {rule.id!r}: {level.value} at {highest:g}{unit} is never reached: channel {channel.id} reads"
            mend = f"Levels are in the quantity's unit ({channel.unit}); or give that channel a rule of its own"
            yield ("levels",), f"{what} {may_read[1]:g}{unit} at most (its `quality.fail_range`). {mend}"
            return


def _mixed(watch: Watch, channels: Mapping[int, ChannelInfo]) -> Found:
    """One list of levels for values of several quantities, or of another than the rule says."""
    rule = watch.rule
    named = [channels[c] for c in rule.channels if c in channels]
    if rule.detector != "threshold" or not named:
        return
    first = named[0]
    other = next((c for c in named if c.quantity is not first.quantity), None)
    if other is not None:
        what = f"rule {rule.id!r} holds channel {first.id} ({first.quantity.value}) and channel {other.id}"
        yield ("channels",), f"{what} ({other.quantity.value}) against the same levels: write a rule for each quantity"
    elif "quantity" in rule.model_fields_set and rule.quantity is not first.quantity:
        what = f"rule {rule.id!r} is of {rule.quantity.value}, its channel {first.id} of {first.quantity.value}"
        yield ("quantity",), f"{what}: leave the quantity out, or name other channels"


_OF_A_WATCH = (
    _never_clears,
    _never_reached,
    _mixed,
    _cannot_mean,
    _never_falls_so_much,
    _never_rises_so_fast,
    fitting.not_taken,
    fitting.counts_on,
    fitting.never_points_enough,
    fitting.waits_longer_than_evidence_holds,
    fitting.rises_from_where_nothing_reads,
    fitting.within_noise,
)
