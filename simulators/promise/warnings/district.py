"""A small district for one seed, and the editions of its rules and places that come at restarts."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.devices import Device
from contract.catalogue.rules import Level, Rule
from host.district_folder import load
from simulators.shipped import DISTRICT

# Zone -> its channels: an underpass and a street; one gateway has a channel in each of two zones.
PLACES = {"shakou": (101, 421), "weiwu": (201, 451), "riverside": (431,)}
OFF_DELAY_S, MIN_HOLD_S, STALE_S, EXPIRES_S = 300.0, 300.0, 600.0, 1800.0
# What other detectors watch has a gateway and zones of its own: each is held against its own truth.
RAIN_ZONE, RISE_ZONE = "hill", "brook"
RAIN_CHANNEL, RISE_CHANNEL = 611, 441
OTHERS_GATEWAY = "gw-radio"


@dataclass(frozen=True, slots=True)
class Edition:
    """The catalogue as it was from one start to another. what: in words, how it came out of the one before."""

    what: str
    catalogue: Catalogue


def first_edition(rng: random.Random, together: bool = False) -> Edition:
    """Two or three zones, one or two depth channels in each; delays short enough for a run of two hours.

    together: the first two zones share incidents.
    """
    zones = rng.sample(sorted(PLACES), rng.choice((2, 2, 3)))
    channels = {c for zone in zones for c in PLACES[zone]}
    at_once = rng.random() < 0.15  # a site that wants no on-delay
    period_s = rng.choice((30.0, 60.0, 60.0, 60.0))
    patience_s = rng.choice((60.0, 60.0, 180.0))  # of streets
    cut = _cut(tuple(sorted(zones)), tuple(sorted(channels)), at_once, period_s, patience_s, together)
    return Edition("first", cut)


def with_others(edition: Edition) -> Edition:
    """The same district with a rain gauge, and a sensor of which only the rate of rise is watched."""
    old = edition.catalogue
    period_s = next(iter(old.channels.values())).period_s
    whole = _whole()
    delays = {"off_delay_s": OFF_DELAY_S, "min_hold_s": MIN_HOLD_S, "stale_after_s": STALE_S}
    rain = {"channels": (RAIN_CHANNEL,), "detector": "rain_window", "hysteresis": 0.5, "on_delay_s": 0.0, **delays}
    rise = {"channels": (RISE_CHANNEL,), "detector": "rate_of_rise", "hysteresis": 1.0, "on_delay_s": 30.0, **delays}
    rules = (
        Rule(id="rain-5min", levels=_colours(3.0, 6.0, 9.0), settings={"window_s": 300}, **rain),
        Rule(
            id="rain-15min",
            levels=_colours(8.0, 15.0, 25.0),
            settings={"window_s": 900, "ends_when_dry_s": 300},
            **rain,
        ),
        Rule(id="rise", levels=_colours(3.0, 6.0, 10.0), settings={"window_s": 180}, **rise),
    )
    places = {RAIN_CHANNEL: RAIN_ZONE, RISE_CHANNEL: RISE_ZONE}
    channels = {
        c: replace(
            whole.channels[c],
            device=_paced(whole, c, period_s),
            gateway=OTHERS_GATEWAY,
            station=whole.channels[c].station.model_copy(update={"zone": zone}),
        )
        for c, zone in places.items()
    }
    like = whole.zones[whole.channels[RAIN_CHANNEL].station.zone]
    zones = {z: like.model_copy(update={"id": z, "name": z.title(), "incident_group": None}) for z in places.values()}
    new = replace(
        old,
        zones={**old.zones, **zones},
        stations={**old.stations, **{info.station.id: info.station for info in channels.values()}},
        channels={**old.channels, **channels},
        rules=(*old.rules, *rules),
    )
    return Edition(f"{edition.what} with rain and rise", new)


def _colours(blue: float, yellow: float, orange: float) -> dict[Level, float]:
    return {Level.BLUE: blue, Level.YELLOW: yellow, Level.ORANGE: orange}


def next_edition(old: Edition, rng: random.Random) -> Edition:
    """One thing is changed: a threshold, a level, a station, a zone's name."""
    change = rng.choice((_raise_thresholds, _lower_thresholds, _take_level_out, _remove_station, _rename_zone))
    return change(old.catalogue, rng)


def head_of(catalogue: Catalogue, zone: str) -> str:
    """The zone by which the incidents of a zone go: the first of those that share them."""
    group = catalogue.zones[zone].incident_group
    return next((z for z, other in catalogue.zones.items() if group and other.incident_group == group), zone)


def first_name(zone: str) -> str:
    """By which a zone went before it was renamed."""
    return zone.split("-new", maxsplit=1)[0]


@cache
def _whole() -> Catalogue:
    return load(DISTRICT)


@cache
def _cut(
    zones: tuple[str, ...],
    channels: tuple[int, ...],
    at_once: bool,
    period_s: float,
    patience_s: float,
    together: bool,
) -> Catalogue:
    whole = _whole()
    infos = {c: replace(whole.channels[c], device=_paced(whole, c, period_s)) for c in channels}
    stations = {infos[c].station.id: infos[c].station for c in channels}
    deep = tuple(c for c in channels if infos[c].station.kind == "underpass")
    flat = tuple(c for c in channels if c not in deep)
    delays = {"off_delay_s": OFF_DELAY_S, "min_hold_s": MIN_HOLD_S, "stale_after_s": STALE_S}
    steps = {Level.BLUE: 0.10, Level.YELLOW: 0.15, Level.ORANGE: 0.25, Level.RED: 0.50}
    rules = [Rule(id="deep", channels=deep, levels=steps, on_delay_s=0 if at_once else 30, **delays)] if deep else []
    rules.append(Rule(id="flat", channels=flat, levels={**steps, Level.RED: 0.40}, on_delay_s=patience_s, **delays))
    plan = whole.response_plan
    responses = {level: r.model_copy(update={"expires_s": EXPIRES_S}) for level, r in plan.responses.items()}
    return replace(
        whole,
        zones={
            zone: whole.zones[zone].model_copy(update={"incident_group": "core" if together and n < 2 else None})
            for n, zone in enumerate(zones)
        },
        stations=stations,
        channels=infos,
        rules=tuple(rules),
        response_plan=plan.model_copy(update={"responses": responses}),
    )


def _paced(whole: Catalogue, channel: int, period_s: float) -> Device:
    return whole.channels[channel].device.model_copy(update={"period_s": period_s})


def _with_levels(old: Catalogue, at: int, levels: dict[Level, float]) -> Catalogue:
    rules = list(old.rules)
    rules[at] = rules[at].model_copy(update={"levels": levels})
    return replace(old, rules=tuple(rules))


def _raise_thresholds(old: Catalogue, rng: random.Random) -> Edition:
    at = rng.randrange(len(old.rules))
    rule = old.rules[at]
    more = rng.choice((0.05, 0.2, 0.6))
    return Edition(f"{rule.id} +{more} m", _with_levels(old, at, {k: v + more for k, v in rule.levels.items()}))


def _lower_thresholds(old: Catalogue, rng: random.Random) -> Edition:
    at = rng.randrange(len(old.rules))
    rule = old.rules[at]
    return Edition(f"{rule.id} x0.8", _with_levels(old, at, {k: v * 0.8 for k, v in rule.levels.items()}))


def _take_level_out(old: Catalogue, rng: random.Random) -> Edition:
    at = rng.randrange(len(old.rules))
    rule = old.rules[at]
    if len(rule.levels) == 1:
        return _lower_thresholds(old, rng)
    gone = rng.choice(sorted(rule.levels, key=lambda level: level.rank))
    return Edition(
        f"{rule.id} without {gone.value}", _with_levels(old, at, {k: v for k, v in rule.levels.items() if k != gone})
    )


def _remove_station(old: Catalogue, rng: random.Random) -> Edition:
    if len(old.channels) < 3:
        return _rename_zone(old, rng)
    gone = rng.choice(sorted(old.channels))
    channels = {c: info for c, info in old.channels.items() if c != gone}
    rules = [rule.model_copy(update={"channels": tuple(c for c in rule.channels if c != gone)}) for rule in old.rules]
    stations = {info.station.id: info.station for info in channels.values()}
    kept = tuple(rule for rule in rules if rule.channels)
    return Edition(f"without channel {gone}", replace(old, stations=stations, channels=channels, rules=kept))


def _rename_zone(old: Catalogue, rng: random.Random) -> Edition:
    gone = rng.choice(sorted(old.zones))
    new = f"{gone}-new"
    zones = {
        (new if z == gone else z): (zone.model_copy(update={"id": new}) if z == gone else zone)
        for z, zone in old.zones.items()
    }
    channels = {
        c: replace(info, station=info.station.model_copy(update={"zone": new})) if info.station.zone == gone else info
        for c, info in old.channels.items()
    }
    stations = {info.station.id: info.station for info in channels.values()}
    return Edition(f"zone {gone} is {new}", replace(old, zones=zones, stations=stations, channels=channels))
