"""What a template may say of an incident: its places worst first, with values, trends and times in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cloud.hydrology.return_period import return_period_years
from cloud.warnings.model import RAIN, Announcement, Evidence, Incident, Message, MsgType, Why
from cloud.warnings.values import (
    LEVELS,
    amount,
    clip,
    moment,
    name_of,
    named_amount,
    nothing,
    rarity,
    rises,
    span,
    trend,
)
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import Language, NameText
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import from_ms
from contract.conditions.state import ConditionState

NO_NAMES: Mapping[str, str] = MappingProxyType({})
MOST_PLACES = 5
_MOST_NAMES = 3  # of zones or places in one line
_ROOM: Mapping[Language, int] = {"zh": 24, "en": 34}  # characters for zones in a headline
_ZONES, _PLACES = ("个区域", "zones"), ("处", "places")
# How an incident came to its end, by why it is said; what is not here ended in dry readings.
_ENDED = {
    Why.ENDED_BY_PERSON: "person",
    Why.WITHDRAWN: "withdrawn",
    Why.CORRECTED: "corrected",
    Why.THRESHOLDS_CHANGED: "thresholds_changed",
    Why.NO_LONGER_WATCHED: "no_longer_watched",
    Why.SEEN_AGAIN: "seen",
}
_DOUBTS: Mapping[str, tuple[str, str]] = {
    "suspect": ("数据存疑，待核实", "the reading is doubtful"),
    "step to a constant": ("传感器可能被遮挡", "the sensor may be blocked"),
    "drift": ("传感器可能漂移", "the sensor may have drifted"),
}


class Place(NamedTuple):
    """One place of an incident, for a template. Texts are empty where nothing is known.

    value: with what it is of (`积水52厘米`); number: without. deep: the depth of water alone. trend: how it rises or
    falls; of rain within some hours, how rare that is here. rising: does it? level: its colour. at: when it was read.
    silent: nothing was heard since. doubt: why the value is doubted.
    """

    name: str
    value: str
    number: str
    deep: str
    trend: str
    rising: bool
    level: str
    at: str
    silent: bool
    doubt: str


class BlindZone(NamedTuple):
    """One zone of a blind notice, for a template. since: when the last of its sensors was read."""

    name: str
    silent: int
    watched: int
    since: str


class Response(NamedTuple):
    """What the district's response plan says of a level, for a template; empty where it says nothing."""

    headline: str
    instruction: str


def ended(announcement: Announcement) -> str:
    """How the incident ended, in a word; empty while it goes on."""
    return _ENDED.get(announcement.why, "dry") if announcement.msg_type is MsgType.CANCEL else ""


def worst_first(incident: Incident) -> list[Evidence]:
    """Of each place and quantity the evidence that weighs most: by level, then depths before others, then the higher
    value; what is silent behind what is not, of one level."""

    def weight(e: Evidence) -> tuple[object, ...]:
        silent = e.state is ConditionState.UNKNOWN
        value = -1.0 if e.value is None else e.value
        return -e.level.rank, e.quantity is not Quantity.DEPTH, silent, -value, e.key

    seen: set[tuple[object, Quantity]] = set()
    out = []
    for e in sorted(incident.evidence, key=weight):
        what = (_spot(e), e.quantity)  # of rain within several times that of the highest level
        if what not in seen:
            seen.add(what)
            out.append(e)
    return out


def _spot(e: Evidence) -> object:
    return e.station or e.key.target


def zones_of(incident: Incident) -> Sequence[str]:
    """The zones in which the incident is; the first gives its name."""
    return tuple(getattr(incident, "zones", ())) or (incident.zone,)


class Telling:
    """Gives the variables of templates for the incidents of one district."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._time_zone = ZoneInfo(catalogue.district.time_zone)
        # Places are read together, and told in every language; they, their zones and the plan have the same names and
        # words again and again.
        self.local = lru_cache(maxsize=1024)(self._local)
        self._moment = lru_cache(maxsize=1024)(self._moment_of)
        self._station = lru_cache(maxsize=4096)(self._station_of)
        self._zone_name = lru_cache(maxsize=4096)(self._zone_name_of)
        self._response = lru_cache(maxsize=64)(self._response_of)
        self._contact = lru_cache(maxsize=8)(self._contact_of)

    def of(
        self,
        announcement: Announcement,
        earlier: Sequence[Message],
        now_ms: int,
        language: Language,
        status: str,
        found: Sequence[Evidence] | None = None,
        simulated: bool | None = None,
        names: Mapping[str, str] = NO_NAMES,
    ) -> dict[str, Any]:
        """earlier: the messages of the incident before, oldest first. status: of the message. found: the evidence,
        worst first, and simulated: `is_simulated`, where they are known already. names: of zones by id, for those that
        the catalogue has no longer."""
        incident, why = announcement.incident, announcement.why
        if why is Why.RENEWAL:  # the same text as before
            while earlier and earlier[-1].why is Why.RENEWAL:
                earlier = earlier[:-1]
            why = (earlier[-1].why if earlier else None) or Why.OPENED
            earlier = earlier[:-1]
        told_ms = max((m.sent_ms for m in earlier), default=incident.opened_ms)
        now = self.local(now_ms)
        today = now.date()
        common = {
            "why": why.value,
            "ended": ended(announcement),
            "of_depth": announcement.of_depth,
            "of_rain": announcement.of_rain or incident.of_rain,
            "rain_leads": announcement.of_rain or incident.of_rain,
            "status": status,
            "simulated": is_simulated(incident, earlier) if simulated is None else simulated,
            "district": _named(self._catalogue.district.name, language),
            "zone": self.zone_names(incident, language, names),
            "contact": self._contact(language),
            "opened": self._moment(incident.opened_ms, today, language),
            "lasted": span((now_ms - incident.opened_ms) / 1000, language),
            "sent": moment(now, today, language),
        }
        if incident.level is None or incident.peak_level is None:
            return {**common, **self._of_blind(incident, today, now_ms, language, names)}
        found = worst_first(incident) if found is None else found
        shown, rest = found[:MOST_PLACES], found[MOST_PLACES:]
        if len(rest) == 1:
            shown, rest = found, []
        levels = LEVELS[language]
        places = [self.place(e, today, language) for e in shown]
        water = [e.level for e in found if e.quantity not in RAIN] or ([] if found else [incident.level])
        lowest = min((e.level for e in rest), key=lambda level: level.rank, default=Level.BLUE)
        return {
            **common,
            "blind": False,
            "where": _listed(self._zones(zones_of(incident), language, names), _ZONES, language, _ROOM[language]),
            "certainty": incident.certainty.value,
            "level": levels[incident.level],
            "level_id": incident.level.value,
            "water_id": max(water, key=lambda level: level.rank).value if water else "",
            "rain_leads": common["rain_leads"] or incident.rain_leads,
            "peak": levels[incident.peak_level],
            "peak_id": incident.peak_level.value,
            "places": places,
            "worst": places[0] if places else _nowhere(levels[incident.level]),
            "fresh": self._fresh(found, shown, told_ms, today, language),
            "count": len({_spot(e) for e in found}),
            "more": len({_spot(e) for e in rest} - {_spot(e) for e in shown}),
            "more_level": levels[lowest],
            "response": self._response(incident.level, language),
            "told_so": bool(found) and _wet_and_not_falling(found[0]),
        }

    def _of_blind(
        self, incident: Incident, today: date, now_ms: int, language: Language, names: Mapping[str, str]
    ) -> dict[str, Any]:
        """What is said of a blind notice beside. Those first that have been silent for longest."""
        sight = sorted(incident.sight, key=lambda s: s.since_ms)
        shown = sight[:MOST_PLACES] if len(sight) > MOST_PLACES + 1 else sight
        return {
            "blind": True,
            "where": _listed(self._zones([s.zone for s in incident.sight], language, names), _ZONES, language),
            "zones": [
                BlindZone(
                    self._zone(s.zone, language, names),
                    s.silent,
                    s.watched,
                    self._moment(s.since_ms, today, language),
                )
                for s in shown
            ],
            "more": len(sight) - len(shown),
            "silent": sum(s.silent for s in sight),
            "watched": sum(s.watched for s in sight),
            "lasted": span((now_ms - min((s.since_ms for s in sight), default=now_ms)) / 1000, language),
        }

    def _fresh(
        self, found: Sequence[Evidence], shown: Sequence[Evidence], told_ms: int, today: date, language: Language
    ) -> str:
        """The places that reached their level since the last message, worst first; empty where none did. Those that
        are not shown below, with value and level: what a message is sent for stands in it."""
        listed = {_spot(e) for e in shown}
        fresh = {}
        for e in found:
            if e.since_ms is not None and e.since_ms > told_ms and (spot := _spot(e)) not in fresh:
                fresh[spot] = self._name(e, language) if spot in listed else self.brief(e, today, language)
        return _listed(list(fresh.values()), _PLACES, language)

    def brief(self, e: Evidence, today: date, language: Language) -> str:
        """A place with what it measures and its level, in a few words."""
        p = self.place(e, today, language)
        said = p.number if e.quantity is Quantity.DEPTH else p.value  # of others a number says not what it is of
        return f"{p.name}（{said}，{p.level}）" if language == "zh" else f"{p.name} ({said}, {p.level})"

    def _local(self, time_ms: int) -> datetime:
        """A moment in the district's time."""
        return from_ms(time_ms).astimezone(self._time_zone)

    def _moment_of(self, time_ms: int, today: date, language: Language) -> str:
        """A moment as it is said on a day, in the district's time."""
        return moment(self.local(time_ms), today, language)

    def _contact_of(self, language: Language) -> str:
        return _in_language(self._catalogue.response_plan.contact, language)

    def _response_of(self, level: Level, language: Language) -> Response:
        response = self._catalogue.response_plan.responses[level]
        return Response(
            _in_language(response.headline, language).rstrip(" .。"),
            " ".join(_in_language(response.instruction, language).split()),
        )

    def zone_names(self, incident: Incident, language: Language, names: Mapping[str, str] = NO_NAMES) -> str:
        """names: as in `of`."""
        return ("、" if language == "zh" else ", ").join(self._zones(zones_of(incident), language, names))

    def _zones(self, zones: Iterable[str], language: Language, names: Mapping[str, str]) -> list[str]:
        """Not twice that of a zone which has another id now."""
        out: list[str] = []
        for zone in zones:
            name = self._zone(zone, language, names)
            if zone in self._catalogue.zones or name not in out:
                out.append(name)
        return out

    def _zone(self, zone: str, language: Language, names: Mapping[str, str]) -> str:
        """As the catalogue has it; else as `names` has it, else by its id."""
        gone = zone not in self._catalogue.zones and zone in names
        return _named(names[zone], language) if gone else self._zone_name(zone, language)

    def _zone_name_of(self, zone: str, language: Language) -> str:
        """By its id when the catalogue has it no longer."""
        found = self._catalogue.zones.get(zone)
        return zone if found is None else _named(found.name, language)

    def place(self, e: Evidence, today: date, language: Language) -> Place:
        silent = e.state is ConditionState.UNKNOWN
        zh = language == "zh"
        if e.value is None:
            number = "无读数" if zh else "no reading"
            value = name_of(e.quantity, language) + number if zh else number
        else:
            number = amount(e.value, e.quantity, language)
            value = named_amount(number, e.quantity, language, e.over_s)
        dry = e.value is not None and number == nothing(e.quantity, language)
        deep = number if e.quantity is Quantity.DEPTH and e.value is not None and not dry else ""
        doubt = "" if not e.doubt else _DOUBTS.get(e.doubt, (e.doubt, e.doubt))[0 if zh else 1]
        return Place(
            name=self._name(e, language),
            value=value,
            number=number,
            deep=deep,
            trend="" if silent or dry else trend(e.rise_per_min, e.quantity, language) or self._rarity(e, language),
            rising=not silent and not dry and rises(e.rise_per_min, e.quantity),
            level=LEVELS[language][e.level],
            at="" if e.time_ms is None else self._moment(e.time_ms, today, language),
            silent=silent,
            doubt=clip(doubt, 60),
        )

    def _rarity(self, e: Evidence, language: Language) -> str:
        formula = self._catalogue.district.rain_formula
        if formula is None or e.over_s is None or e.value is None:
            return ""
        return rarity(return_period_years(formula, e.value, e.over_s / 60), language)

    def _name(self, e: Evidence, language: Language) -> str:
        """Where it was found: a station, or the zone as a whole; by its id when the catalogue has it no longer."""
        if e.station is not None:
            return self._station(e.station, language)
        return self._zone_name(str(e.key.target.id), language)

    def _station_of(self, station: str, language: Language) -> str:
        found = self._catalogue.stations.get(station)
        return station if found is None else _named(found.name, language)


def _listed(names: Sequence[str], what: tuple[str, str], language: Language, room: int | None = None) -> str:
    """Three names at the most, in `room` characters; of more the first and how many others. what: zh and en."""
    zh = language == "zh"
    text = ("、" if zh else ", ").join(names)
    if len(names) == 1 or (len(names) <= _MOST_NAMES and (room is None or len(text) <= room)):
        return text
    if not names:
        return ""
    if zh:
        return f"{clip(names[0], 20)}等{len(names)}{what[0]}"
    return f"{clip(names[0], 34 if room is None else room - 17, '...')} and {len(names) - 1} more {what[1]}"


def is_simulated(incident: Incident, earlier: Sequence[Message]) -> bool:
    """Does it rest on a simulated gateway, or did it ever?"""
    told = (incident.evidence, *(m.evidence for m in earlier))
    return incident.simulated or any(e.simulated for evidence in told for e in evidence)


def _named(name: str, language: Language) -> str:
    return NameText.of(name).into(language)


def _nowhere(level: str) -> Place:
    return Place("", "", "", "", "", False, level, "", False, "")


def _wet_and_not_falling(e: Evidence) -> bool:
    """May the response plan's own words of water, which may say that it rises, stand beside this?"""
    falling = e.rise_per_min is not None and e.rise_per_min < 0
    return (
        e.over_s is None
        and e.value is not None
        and not _is_nothing(e)
        and not falling
        and e.state is not ConditionState.UNKNOWN
    )


def _is_nothing(e: Evidence) -> bool:
    """Is it a value that is said as 0?"""
    return e.value is not None and amount(e.value, e.quantity, "en") == nothing(e.quantity, "en")


def _in_language(text: NameText, language: Language) -> str:
    """A text of the response plan in a language; empty when it is written in the other one only."""
    if text.languages:
        return text.languages.get(language, "")
    return str(text) if language_of_text(text) == language else ""


def language_of_text(text: str) -> Language:
    """What a plain text is written in: Chinese when any of its characters is."""
    return "zh" if any("\u3400" <= c <= "\u9fff" or "\U00020000" <= c <= "\U0003ffff" for c in text) else "en"
