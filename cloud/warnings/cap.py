"""CAP 1.2 (OASIS, 1 July 2010): an incident as an Alert, Update or Cancel. Pure.

What the schema does not enforce is done here: references on Update and Cancel, polygons closed and "lat,lon", times
without Z or fractions, expiry after sending. The words come from `cloud.warnings.texts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from cloud.cap.schema import NAMESPACE
from cloud.warnings.model import Announcement, Evidence, Incident, Message, MsgType, Why
from cloud.warnings.settings import WarningSettings
from cloud.warnings.telling import MOST_PLACES, NO_NAMES, Telling, ended, is_simulated, worst_first, zones_of
from cloud.warnings.texts import TemplateFault, Texts, Words, carried, language_of
from cloud.warnings.values import number
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import Language, NameText
from contract.catalogue.places import Zone
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level

_SEVERITY = {Level.RED: "Extreme", Level.ORANGE: "Severe", Level.YELLOW: "Moderate", Level.BLUE: "Minor"}
_URGENCY = {Level.RED: "Immediate", Level.ORANGE: "Immediate", Level.YELLOW: "Expected", Level.BLUE: "Expected"}
_RESPONSE = {Level.RED: "Evacuate", Level.ORANGE: "Avoid", Level.YELLOW: "Prepare", Level.BLUE: "Monitor"}
# Where rain weighs more than any water: in its way nobody is to go out.
_RESPONSE_TO_RAIN = {**_RESPONSE, Level.RED: "Shelter", Level.ORANGE: "Shelter"}
# How it ended -> responseType, urgency, severity, certainty. Without dry readings, or a person who says that it is
# over, nobody is told that all is clear.
_AFTER = {
    "dry": ("AllClear", "Past", "Minor", "Observed"),
    "person": ("AllClear", "Past", "Minor", "Observed"),
    "withdrawn": ("None", "Past", "Minor", "Unlikely"),
    "corrected": ("None", "Past", "Minor", "Unlikely"),
    "thresholds_changed": ("Assess", "Unknown", "Unknown", "Unknown"),
    "no_longer_watched": ("Assess", "Unknown", "Unknown", "Unknown"),
}
# Of a blind notice, which says nothing of water: responseType, urgency, severity, certainty; and of its end.
_BLIND = ("Monitor", "Unknown", "Unknown", "Unknown")
_SEEN = ("None", "Past", "Unknown", "Unknown")
_CIRCLE_KM = 0.1  # around each place that is named


class _Same(NamedTuple):
    """What an info block says in every language, as XML: how urgent and from when to when, parameters, places."""

    measures: str
    parameters: str
    places: str


class CapWriter:
    """Writes the messages of one district, in its languages, with the words of its templates and response plan.

    Raises TemplateFault when the district's templates cannot be read; `cloud.warnings.situations` finds that before.
    """

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._telling = Telling(catalogue)
        self._circle = lru_cache(maxsize=4096)(self._circle_of)
        self._polygons = {zone.id: _polygon(zone) for zone in catalogue.zones.values()}
        self._water_codes, self._rain_codes = (
            "".join(_pair("    ", "eventCode", _fit(name), _fit(value)) for name, value in codes.items())
            for codes in (settings.event_codes, settings.rain_event_codes)
        )
        self._texts: dict[str, Texts] = {}  # by language tag
        self._faults: list[str] = []
        for tag in settings.tags(catalogue):
            language = language_of(tag) or "en"
            self._texts[tag] = Texts(language, catalogue.texts.get(language))

    def time(self, time_ms: int) -> str:
        """CAP 1.2, 3.3.2: local time with a numeric offset, whole seconds; UTC as -00:00."""
        text = self._telling.local(time_ms).isoformat(timespec="seconds")
        return text.replace("+00:00", "-00:00")

    def identifier(self, time_ms: int, number: int) -> str:
        """ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N: district code, agency, local (Beijing) time, serial number."""
        stamp = self._telling.local(time_ms).strftime("%Y%m%d%H%M%S")
        return f"{self._catalogue.district.adcode}{self._settings.agency}_{stamp}_{number}"

    def write(
        self,
        announcement: Announcement,
        number: int,
        earlier: Sequence[Message],
        now_ms: int,
        names: Mapping[str, str] = NO_NAMES,
    ) -> Message:
        """The message. earlier: all messages of the incident before it, oldest first. names: of zones by id, for those
        that the catalogue has no longer."""
        incident, msg_type = announcement.incident, announcement.msg_type
        sender = _fit(self._catalogue.response_plan.sender)
        identifier = self.identifier(now_ms, number)
        simulated = is_simulated(incident, earlier)
        status = self._status(simulated, earlier)
        referred = self._referred(earlier, now_ms)
        expires_s = self._catalogue.response_plan.responses[incident.level or Level.BLUE].expires_s
        expires_ms = now_ms + round(expires_s * 1000)
        sent, expires = self.time(now_ms), self.time(expires_ms)
        found = worst_first(incident)
        xml = [
            f"<?xml version='1.0' encoding='UTF-8'?>\n"
            f'<alert xmlns="{NAMESPACE}">\n'
            f"  <identifier>{_fit(identifier)}</identifier>\n"
            f"  <sender>{sender}</sender>\n"
            f"  <sent>{sent}</sent>\n"
            f"  <status>{status}</status>\n"
            f"  <msgType>{msg_type.value}</msgType>\n"
            f"  <scope>Public</scope>\n"
        ]
        if status != "Actual":
            xml.append(f"  <note>{_note(simulated)}</note>\n")
        if referred:
            references = (f"{sender},{_fit(m.id)},{self.time(m.sent_ms)}" for m in referred)
            xml.append(f"  <references>{' '.join(references)}</references>\n")
        xml.append(f"  <incidents>{_fit(incident.id)}</incidents>\n")
        same = _Same(
            self._measures(announcement, sent, expires),
            "".join(self._parameters(announcement, found, simulated)),
            self._places(incident, found),
        )
        for tag, texts in self._texts.items():
            said = self._telling.of(announcement, earlier, now_ms, texts.language, status, found, simulated, names)
            zones = self._telling.zone_names(incident, texts.language, names)
            xml.append(self._info(incident, tag, texts.language, self._words(texts, said), zones, same))
        xml.append("</alert>\n")
        return Message(
            identifier,
            incident.id,
            now_ms,
            msg_type,
            incident.peak_level if msg_type is MsgType.CANCEL else incident.level,
            tuple(m.id for m in referred),
            "".join(xml).encode(),
            why=announcement.why,
            expires_ms=expires_ms,
            status=status,
            evidence=incident.evidence,
        )

    def faults(self) -> list[str]:
        """What was wrong with the district's templates since this was asked last; the messages are in our words."""
        found, self._faults = self._faults, []
        return found

    def _words(self, texts: Texts, said: Mapping[str, Any]) -> Words:
        """A warning in plain words is worth more than none in the district's own."""
        try:
            return texts.words(said)
        except TemplateFault as fault:
            if not texts.has_own:
                raise
            self._faults.append(f"the template {texts.language}.jinja of the district, line {fault.line}: {fault}")
            return Texts(texts.language).words(said)

    def _status(self, simulated: bool, earlier: Sequence[Message]) -> str:
        """What rests on a simulation is never Actual, whatever the settings say; what once did stays so to its end."""
        wanted = self._settings.status
        exercise = simulated or any(m.status == "Exercise" for m in earlier[-1:])
        return "Exercise" if wanted == "Actual" and exercise else wanted

    def _referred(self, earlier: Sequence[Message], now_ms: int) -> Sequence[Message]:
        """The earlier messages that this one names: those that hold still, and the last one in any case."""
        if self._settings.references == "all":
            return earlier
        return [m for m in earlier[:-1] if m.expires_ms is None or m.expires_ms > now_ms] + list(earlier[-1:])

    def _info(self, incident: Incident, tag: str, language: Language, words: Words, zones: str, same: _Same) -> str:
        """zones: their names."""
        contact = NameText.of(self._catalogue.response_plan.contact).into(language)
        contact = f"    <contact>{_fit(contact)}</contact>\n" if contact else ""
        return (
            "  <info>\n"
            f"    <language>{_fit(tag)}</language>\n"
            f"    <category>{'Infra' if incident.level is None else 'Safety'}</category>\n"
            f"    <event>{_escaped(words.event)}</event>\n"
            f"{same.measures}"
            f"    <senderName>{_escaped(words.sender)}</senderName>\n"
            f"    <headline>{_escaped(words.headline)}</headline>\n"
            f"    <description>{_escaped(words.description)}</description>\n"
            f"    <instruction>{_escaped(words.instruction)}</instruction>\n"
            f"{contact}"
            f"{same.parameters}"
            f"{_parameter('sign', _escaped(words.sign))}"
            f"{_parameter('sms', _escaped(words.sms))}"
            "    <area>\n"
            f"      <areaDesc>{_fit(zones)}</areaDesc>\n"
            f"{same.places}"
            "    </area>\n"
            "  </info>\n"
        )

    def _measures(self, announcement: Announcement, effective: str, expires: str) -> str:
        """From responseType to expires."""
        incident, how = announcement.incident, ended(announcement)
        level = incident.level
        if level is None:
            measures = _SEEN if how else _BLIND
        elif how:
            measures = _AFTER[how]
        else:
            responses = _RESPONSE_TO_RAIN if incident.rain_leads else _RESPONSE
            measures = (responses[level], _URGENCY[level], _SEVERITY[level], incident.certainty.value)
        codes = self._rain_codes if announcement.of_rain or incident.of_rain else self._water_codes
        response, urgency, severity, certainty = measures
        return (
            f"    <responseType>{response}</responseType>\n"
            f"    <urgency>{urgency}</urgency>\n"
            f"    <severity>{severity}</severity>\n"
            f"    <certainty>{certainty}</certainty>\n"
            f"{'' if level is None else codes}"  # there is none of silence
            f"    <effective>{effective}</effective>\n"
            f"    <expires>{expires}</expires>\n"
        )

    def _parameters(self, announcement: Announcement, found: Sequence[Evidence], simulated: bool) -> Iterator[str]:
        """A forecast will add `headwater:time_to_threshold` and `headwater:probability`; there is none yet."""
        incident = announcement.incident
        if incident.level is None or incident.peak_level is None:
            yield _parameter("silent", str(sum(s.silent for s in incident.sight)))
            yield _parameter("watched", str(sum(s.watched for s in incident.sight)))
        else:
            yield _parameter("level", incident.level.value)
            yield _parameter("peak_level", incident.peak_level.value)
        yield _parameter("why", announcement.why.value)
        if announcement.why is Why.RENEWAL:
            yield _parameter("renewal", "true")
        deepest = next((e for e in found if e.quantity is Quantity.DEPTH and e.value is not None), None)
        if deepest is not None and deepest.value is not None:
            yield _parameter("depth", f"{number(deepest.value, 2)} m")
            if deepest.rise_per_min is not None and math.isfinite(deepest.rise_per_min):
                yield _parameter("rise", f"{number(deepest.rise_per_min, 4)} m/min")
        if simulated:
            yield _parameter("simulated", "true")

    def _places(self, incident: Incident, found: Sequence[Evidence]) -> str:
        """The incident's zones, and a circle around each place that is named and stands for itself."""
        stations = dict.fromkeys(e.station for e in found[:MOST_PLACES] if e.station is not None)
        return "".join(
            (
                *(self._polygons.get(zone, "") for zone in zones_of(incident)),
                *(self._circle(station) for station in stations),
                _pair("      ", "geocode", "adcode", _fit(self._catalogue.district.adcode)),
            )
        )

    def _circle_of(self, station: str) -> str:
        found = self._catalogue.stations.get(station)
        return "" if found is None else f"      <circle>{found.lat:.5f},{found.lon:.5f} {_CIRCLE_KM:g}</circle>\n"


def _note(simulated: bool) -> str:
    """CAP 1.2, 3.2.1: what an exercise is for."""
    if simulated:
        return "Simulated readings; there is no such water. 模拟数据，并非真实积水。"
    return "An exercise or a test by the sender's settings; do not act on it. 演练或测试，请勿据此处置。"


def _polygon(zone: Zone) -> str:
    ring = list(zone.area)
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    return f"      <polygon>{' '.join(f'{lat:.5f},{lon:.5f}' for lat, lon in ring)}</polygon>\n"


def _parameter(name: str, value: str) -> str:
    return _pair("    ", "parameter", f"headwater:{name}", value)


def _pair(indent: str, tag: str, name: str, value: str) -> str:
    """name, value: escaped."""
    return (
        f"{indent}<{tag}>\n"
        f"{indent}  <valueName>{name}</valueName>\n"
        f"{indent}  <value>{value}</value>\n"
        f"{indent}</{tag}>\n"
    )


def _escaped(text: str) -> str:
    """Of a text that holds only what messages can carry."""
    return escape(text) if "&" in text or "<" in text or ">" in text else text


@lru_cache(maxsize=4096)
def _fit(text: str) -> str:
    """Escaped, without what no message can carry. Kept: names and ids come again and again."""
    return escape(carried(text))
