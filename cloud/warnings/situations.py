"""Typical situations of a district, made up: what its messages would say. For `cap preview`, and to try templates at
the start on everything they may meet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloud.cap.check import check
from cloud.warnings import texts
from cloud.warnings.cap import CapWriter
from cloud.warnings.model import Announcement, Certainty, Evidence, Incident, Message, MsgType, Sight, Why
from cloud.warnings.settings import WarningSettings
from cloud.warnings.telling import Telling
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.names import Language
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from contract.documents import Mistake

_MINUTE_MS = 60_000
# Above a level's threshold by this much; where nothing else is known, a depth that the level may mean.
_ABOVE = 1.2
_DEPTHS_M = {Level.BLUE: 0.12, Level.YELLOW: 0.18, Level.ORANGE: 0.30, Level.RED: 0.60}


@dataclass(frozen=True, slots=True)
class Situation:
    """name: a word or two, for a heading. after_min: minutes since the one before."""

    name: str
    announcement: Announcement
    after_min: int


def situations(catalogue: Catalogue, zone: str, now_ms: int) -> Iterator[Situation]:
    """A flood of a zone from its first blue to its end, the other ends it may have, and silence in dry weather.

    now_ms: of the first, UTC.

    None in a district without channels.
    """
    watched, sure = _watched(catalogue, zone), Certainty.OBSERVED
    if not watched:
        return
    name = f"{catalogue.district.id}-{zone}-preview"
    opened = Incident(name, zone, Level.BLUE, Level.BLUE, sure, now_ms, now_ms, None, ())
    at = now_ms

    def told(
        name: str, why: Why, level: Level, seen: Sequence[Evidence], after_min: int = 10, certainty: Certainty = sure
    ) -> Situation:
        nonlocal opened, at
        at += after_min * _MINUTE_MS
        if why is not Why.RENEWAL:  # which tells again what was told
            fresh_ms = at - _MINUTE_MS // 2
            seen = [e if e.state is ConditionState.UNKNOWN else replace(e, time_ms=fresh_ms) for e in seen]
        peak = max(opened.peak_level, level, key=lambda x: x.rank)
        opened = replace(opened, level=level, peak_level=peak, certainty=certainty, updated_ms=at, evidence=tuple(seen))
        kind = MsgType.ALERT if why is Why.OPENED else MsgType.UPDATE
        return Situation(name, Announcement(opened, kind, why), after_min)

    first, others = watched[0], watched[1:]

    def of(c: ChannelInfo, level: Level, factor: float = _ABOVE, **more: Any) -> Evidence:
        return _evidence(catalogue, c, level, at - _MINUTE_MS // 2, factor, **more)

    yield told("opened", Why.OPENED, Level.BLUE, [of(first, Level.BLUE, rise_per_min=0.004)], 0)
    yield told("worse", Why.WORSE, Level.RED, [of(first, Level.RED, rise_per_min=0.06)])
    joined = [of(c, Level.ORANGE, rise_per_min=0.012) for c in others[:2]]
    yield told("joined", Why.JOINED, Level.RED, [of(first, Level.RED, 2.0, rise_per_min=0.05), *joined])
    played = [of(first, Level.RED, 2.0, rise_per_min=0.05, simulated=True), *joined]
    yield told("deeper", Why.DEEPER, Level.RED, [of(first, Level.RED, 4.0, rise_per_min=0.12), *joined])
    yield told("of simulated readings", Why.AREA, Level.RED, played)
    everywhere = [of(c, Level.YELLOW) for c in others]
    yield told("everywhere", Why.AREA, Level.RED, [of(first, Level.RED, 4.0, rise_per_min=0.0), *everywhere])
    yield told("renewal", Why.RENEWAL, Level.RED, [of(first, Level.RED, 4.0, rise_per_min=0.0), *everywhere], 50)
    doubtful = of(first, Level.RED, 4.0, doubt="step to a constant")
    yield told("doubtful", Why.CERTAINTY, Level.RED, [doubtful], 20, Certainty.LIKELY)
    silent = of(first, Level.RED, 4.0, state=ConditionState.UNKNOWN)
    yield told("held through silence", Why.CERTAINTY, Level.RED, [silent], 1500, Certainty.POSSIBLE)
    yield told("certain again", Why.CERTAINTY, Level.RED, [of(first, Level.RED, rise_per_min=-0.01)])
    yield told("an officer's decision", Why.DECISION, Level.RED, [of(first, Level.RED, rise_per_min=-0.01)])
    yield told("corrected", Why.CORRECTED, Level.ORANGE, [of(first, Level.ORANGE)])
    yield told("thresholds changed", Why.THRESHOLDS_CHANGED, Level.ORANGE, [of(first, Level.ORANGE)])
    yield told("some no longer watched", Why.NO_LONGER_WATCHED, Level.ORANGE, [of(first, Level.ORANGE)])
    yield told("eased", Why.EASED, Level.YELLOW, [of(first, Level.YELLOW, rise_per_min=-0.02)])
    yield told("without a value", Why.AREA, Level.BLUE, [replace(of(first, Level.BLUE), value=None)])
    ends = {
        "ended dry": Why.ENDED_DRY,
        "ended by the duty officer": Why.ENDED_BY_PERSON,
        "withdrawn (false alarm)": Why.WITHDRAWN,
        "withdrawn (corrected)": Why.CORRECTED,
        "stopped (thresholds changed)": Why.THRESHOLDS_CHANGED,
        "stopped (no longer watched)": Why.NO_LONGER_WATCHED,
    }
    at += 30 * _MINUTE_MS
    closed = replace(opened, updated_ms=at, closed_ms=at, evidence=())
    for n, (name, why) in enumerate(ends.items()):
        yield Situation(name, Announcement(closed, MsgType.CANCEL, why), 0 if n else 30)
    other = Announcement(closed, MsgType.CANCEL, Why.ENDED_DRY, of_depth=False)
    yield Situation("ended, of a river or a pump", other, 0)
    for n, seen in enumerate(_rain(catalogue, zone, at + 60 * _MINUTE_MS)):
        yield from _of_rain(f"{catalogue.district.id}-rain-{n}-preview", zone, seen, 60 if not n else 0)
        at += 60 * _MINUTE_MS if not n else 0
    yield from _blind(catalogue, zone, len(watched), at + 60 * _MINUTE_MS)


def _of_rain(name: str, zone: str, seen: Evidence, after_min: int) -> Iterator[Situation]:
    """Rain is all that speaks for a warning, which ends when it is over."""
    assert seen.time_ms is not None
    sure, at = Certainty.OBSERVED, seen.time_ms
    opened = Incident(name, zone, seen.level, seen.level, sure, at, at, None, (seen,))
    yield Situation(f"rain, {seen.level.value}", Announcement(opened, MsgType.ALERT, Why.OPENED), after_min)
    closed = replace(opened, closed_ms=at, evidence=())
    over = Announcement(closed, MsgType.CANCEL, Why.ENDED_DRY, of_depth=False, of_rain=True)
    yield Situation(f"rain, {seen.level.value}, ended", over, 0)


def _rain(catalogue: Catalogue, zone: str, time_ms: int) -> Iterator[Evidence]:
    """A sum of each level that the zone's rules have of rain, the lowest first."""
    sums = {
        level: (rule, channel, mm)
        for channel, rules in sorted(catalogue.rules_by_channel.items())
        for rule in rules
        if rule.detector == "rain_window" and catalogue.channels[channel].station.zone == zone
        for level, mm in rule.levels.items()
    }
    for level, (rule, channel, mm) in sorted(sums.items(), key=lambda item: item[0].rank):
        key = ConditionKey(Target.of_channel(channel), rule.id)
        station, over_s = catalogue.channels[channel].station.id, float(rule.settings["window_s"])
        active = ConditionState.ACTIVE
        yield Evidence(key, channel, station, Quantity.RAIN_SUM, level, active, mm * _ABOVE, time_ms, over_s=over_s)


def _blind(catalogue: Catalogue, zone: str, watched: int, now_ms: int) -> Iterator[Situation]:
    """All sensors of the zone are silent in dry weather, and are heard again. now_ms: of the first, an hour later."""
    sight = (Sight(zone, watched, watched, now_ms - 70 * _MINUTE_MS),)
    name = f"{catalogue.district.id}-blind-preview"
    notice = Incident(
        name, zone, None, None, Certainty.UNKNOWN, now_ms, now_ms, None, (), tuple(s.zone for s in sight), sight=sight
    )
    yield Situation("sensors silent", Announcement(notice, MsgType.ALERT, Why.BLIND), 60)
    seen_ms = now_ms + 40 * _MINUTE_MS
    closed = replace(notice, updated_ms=seen_ms, closed_ms=seen_ms)
    yield Situation("sensors heard again", Announcement(closed, MsgType.CANCEL, Why.SEEN_AGAIN), 40)


def written(catalogue: Catalogue, settings: WarningSettings, zone: str, now_ms: int) -> Iterator[tuple[str, Message]]:
    """The situations as messages, each named: all of one incident, but for the last two."""
    writer, earlier, at = CapWriter(catalogue, settings), list[Message](), now_ms
    for number, situation in enumerate(situations(catalogue, zone, now_ms), 1):
        at += situation.after_min * _MINUTE_MS
        incident = situation.announcement.incident.id
        going_on = [m for m in earlier if m.msg_type is not MsgType.CANCEL and m.incident == incident]
        message = writer.write(situation.announcement, number, going_on, at)
        earlier.append(message)
        yield situation.name, message


# One of each level, of an end and of silence.
_OF_EACH = frozenset({"opened", "worse", "corrected", "eased", "ended dry", "sensors silent"})


def untellable(catalogue: Catalogue, settings: WarningSettings, now_ms: int = 1_626_768_000_000) -> Iterator[str]:
    """What could not be told: a message of every level and zone is written and looked through as a consumer would."""
    writer = CapWriter(catalogue, settings)
    for zone in catalogue.zones:
        at, earlier = now_ms, list[Message]()
        for situation in situations(catalogue, zone, now_ms):
            at += situation.after_min * _MINUTE_MS
            if situation.name not in _OF_EACH:
                continue
            going_on = [] if situation.announcement.msg_type is MsgType.ALERT else earlier
            try:
                message = writer.write(situation.announcement, len(earlier) + 1, going_on, at)
                wrong = [*writer.faults(), *map(str, check(message.cap_xml))]
            except (ValueError, TypeError, LookupError, ArithmeticError) as error:
                wrong = [f"{type(error).__name__}: {error}"]
            else:
                earlier.append(message)
            if wrong:
                yield f"zone {zone!r}, {situation.name!r} cannot be told: {wrong[0]}"
                break


def template_mistakes(catalogue: Catalogue, now_ms: int = 1_626_768_000_000) -> list[Mistake]:
    """What is wrong with a district's own templates: every situation of every zone must come out."""
    if not catalogue.texts:
        return []
    telling = Telling(catalogue)
    cases: dict[Language, list[Mapping[str, Any]]] = {language: [] for language in catalogue.texts}
    for zone in catalogue.zones:
        at = now_ms
        for situation in situations(catalogue, zone, now_ms):
            at += situation.after_min * _MINUTE_MS
            for language, found in cases.items():
                for status in ("Actual", "Exercise"):
                    found.append(telling.of(situation.announcement, (), at, language, status))
    return texts.mistakes(catalogue.texts, cases)


def _watched(catalogue: Catalogue, zone: str) -> list[ChannelInfo]:
    """What the zone's messages would tell of: watched channels, depths first; any channel where none is watched."""
    channels = [c for c in catalogue.channels.values() if c.station.zone == zone]
    watched = (
        [c for c in channels if c.id in catalogue.rules_by_channel] or channels or list(catalogue.channels.values())
    )
    return sorted(watched, key=lambda c: (c.quantity is not Quantity.DEPTH, c.id))


def _evidence(catalogue: Catalogue, c: ChannelInfo, level: Level, time_ms: int, factor: float, **more: Any) -> Evidence:
    rules = [r for r in catalogue.rules_by_channel.get(c.id, ()) if r.detector == "threshold"]
    thresholds = rules[0].levels if rules else {}
    value = thresholds.get(level, max(thresholds.values(), default=_DEPTHS_M[level])) * factor
    given = {"rise_per_min": None, "since_ms": None, "doubt": "", "state": ConditionState.ACTIVE} | more
    key = ConditionKey(Target.of_channel(c.id), rules[0].id if rules else "")
    state = given.pop("state")
    return Evidence(key, c.id, c.station.id, c.quantity, level, state, value, time_ms, **given)
