"""CAP 1.2 (OASIS, 1 July 2010): an incident as an Alert, Update or Cancel. Pure.

What the schema does not enforce is done here: references on Update and Cancel, polygons closed and "lat,lon", times
without Z or fractions, expiry after sending. The words come from `cloud.warnings.texts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from cloud.cap.schema import NAMESPACE
from cloud.warnings.model import Announcement, Evidence, Incident, Message, MsgType, Why
from cloud.warnings.settings import WarningSettings
from cloud.warnings.telling import MOST_PLACES, Telling, ended, is_simulated, worst_first, zones_of
from cloud.warnings.texts import Texts, Words, language_of
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import Language, NameText
from contract.catalogue.places import Zone
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level

_SEVERITY = {Level.RED: "Extreme", Level.ORANGE: "Severe", Level.YELLOW: "Moderate", Level.BLUE: "Minor"}
_URGENCY = {Level.RED: "Immediate", Level.ORANGE: "Immediate", Level.YELLOW: "Expected", Level.BLUE: "Expected"}
_RESPONSE = {Level.RED: "Evacuate", Level.ORANGE: "Avoid", Level.YELLOW: "Prepare", Level.BLUE: "Monitor"}
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
_IN_CAP = f"{{{NAMESPACE}}}"
# Of a blind notice, which says nothing of water: responseType, urgency, severity, certainty; and of its end.
_BLIND = ("Monitor", "Unknown", "Unknown", "Unknown")
_SEEN = ("None", "Past", "Unknown", "Unknown")
_CIRCLE_KM = 0.1  # around each place that is named


class CapWriter:
    """Writes the messages of one district, in its languages, with the words of its templates and response plan.

    Raises TemplateFault when the district's templates cannot be read; `cloud.warnings.situations` finds that before.
    """

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._telling = Telling(catalogue)
        self._tags = settings.tags(catalogue)
        self._rings = {zone.id: _ring(zone) for zone in catalogue.zones.values()}
        self._texts: dict[Language, Texts] = {}
        for tag in self._tags:
            language = language_of(tag) or "en"
            self._texts[language] = Texts(language, catalogue.texts.get(language))

    def time(self, time_ms: int) -> str:
        """CAP 1.2, 3.3.2: local time with a numeric offset, whole seconds; UTC as -00:00."""
        text = self._telling.local(time_ms).isoformat(timespec="seconds")
        return text.replace("+00:00", "-00:00")

    def identifier(self, time_ms: int, number: int) -> str:
        """ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N: district code, agency, local (Beijing) time, serial number."""
        stamp = self._telling.local(time_ms).strftime("%Y%m%d%H%M%S")
        return f"{self._catalogue.district.adcode}{self._settings.agency}_{stamp}_{number}"

    def write(self, announcement: Announcement, number: int, earlier: Sequence[Message], now_ms: int) -> Message:
        """The message. earlier: all messages of the incident before it, oldest first."""
        incident, msg_type = announcement.incident, announcement.msg_type
        plan = self._catalogue.response_plan
        identifier = self.identifier(now_ms, number)
        status = self._status(incident, earlier)
        referred = self._referred(earlier, now_ms)
        nsmap: dict[Any, str] = {None: NAMESPACE}  # the stubs do not know the default namespace
        alert = etree.Element(_IN_CAP + "alert", nsmap=nsmap)
        _add(alert, "identifier", identifier)
        _add(alert, "sender", plan.sender)
        _add(alert, "sent", self.time(now_ms))
        _add(alert, "status", status)
        _add(alert, "msgType", msg_type.value)
        _add(alert, "scope", "Public")
        if status != "Actual":
            _add(alert, "note", self._note(incident, earlier))
        if referred:
            references = (f"{plan.sender},{m.id},{self.time(m.sent_ms)}" for m in referred)
            _add(alert, "references", " ".join(references))
        _add(alert, "incidents", incident.id)
        expires_ms = now_ms + round(plan.responses[incident.level or Level.BLUE].expires_s * 1000)
        for tag in self._tags:
            language = language_of(tag) or "en"
            words = self._texts[language].words(self._telling.of(announcement, earlier, now_ms, language, status))
            self._info(alert, announcement, tag, words, (now_ms, expires_ms), is_simulated(incident, earlier))
        xml: bytes = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
        return Message(
            identifier,
            incident.id,
            now_ms,
            msg_type,
            incident.peak_level if msg_type is MsgType.CANCEL else incident.level,
            tuple(m.id for m in referred),
            xml,
            why=announcement.why,
            expires_ms=expires_ms,
            status=status,
            evidence=incident.evidence,
        )

    def _status(self, incident: Incident, earlier: Sequence[Message]) -> str:
        """What rests on a simulation is never Actual, whatever the settings say; what once did stays so to its end."""
        wanted = self._settings.status
        exercise = is_simulated(incident, earlier) or any(m.status == "Exercise" for m in earlier[-1:])
        return "Exercise" if wanted == "Actual" and exercise else wanted

    def _note(self, incident: Incident, earlier: Sequence[Message]) -> str:
        """CAP 1.2, 3.2.1: what an exercise is for."""
        if is_simulated(incident, earlier):
            return "Simulated readings; there is no such water. 模拟数据，并非真实积水。"
        return "An exercise or a test by the sender's settings; do not act on it. 演练或测试，请勿据此处置。"

    def _referred(self, earlier: Sequence[Message], now_ms: int) -> Sequence[Message]:
        """The earlier messages that this one names: those that hold still, and the last one in any case."""
        if self._settings.references == "all":
            return earlier
        return [m for m in earlier[:-1] if m.expires_ms is None or m.expires_ms > now_ms] + list(earlier[-1:])

    def _info(
        self,
        alert: etree._Element,
        announcement: Announcement,
        tag: str,
        words: Words,
        effective_expires_ms: tuple[int, int],
        simulated: bool,
    ) -> None:
        incident, how = announcement.incident, ended(announcement)
        language = language_of(tag) or "en"
        level = incident.level
        if level is None:
            measures = _SEEN if how else _BLIND
        elif how:
            measures = _AFTER[how]
        else:
            measures = (_RESPONSE[level], _URGENCY[level], _SEVERITY[level], incident.certainty.value)
        response, urgency, severity, certainty = measures
        info = _add(alert, "info")
        _add(info, "language", tag)
        _add(info, "category", "Infra" if level is None else "Safety")
        _add(info, "event", words.event)
        _add(info, "responseType", response)
        _add(info, "urgency", urgency)
        _add(info, "severity", severity)
        _add(info, "certainty", certainty)
        if level is not None:  # the codes are of water
            for name, value in self._settings.event_codes.items():
                _pair(info, "eventCode", name, value)
        _add(info, "effective", self.time(effective_expires_ms[0]))
        _add(info, "expires", self.time(effective_expires_ms[1]))
        _add(info, "senderName", words.sender)
        _add(info, "headline", words.headline)
        _add(info, "description", words.description)
        _add(info, "instruction", words.instruction)
        contact = NameText.of(self._catalogue.response_plan.contact).into(language)
        if contact:
            _add(info, "contact", contact)
        found = worst_first(incident)
        self._parameters(info, announcement, found, words, simulated)
        self._area(info, incident, found, language)

    def _parameters(
        self, info: etree._Element, announcement: Announcement, found: Sequence[Evidence], words: Words, simulated: bool
    ) -> None:
        """A forecast will add `headwater:time_to_threshold` and `headwater:probability`; there is none yet."""
        incident = announcement.incident
        if incident.level is None or incident.peak_level is None:
            _pair(info, "parameter", "headwater:silent", str(sum(s.silent for s in incident.sight)))
            _pair(info, "parameter", "headwater:watched", str(sum(s.watched for s in incident.sight)))
        else:
            _pair(info, "parameter", "headwater:level", incident.level.value)
            _pair(info, "parameter", "headwater:peak_level", incident.peak_level.value)
        _pair(info, "parameter", "headwater:why", announcement.why.value)
        if announcement.why is Why.RENEWAL:
            _pair(info, "parameter", "headwater:renewal", "true")
        deepest = next((e for e in found if e.quantity is Quantity.DEPTH and e.value is not None), None)
        if deepest is not None and deepest.value is not None:
            _pair(info, "parameter", "headwater:depth", f"{deepest.value:.2f} m")
            if deepest.rise_per_min is not None:
                _pair(info, "parameter", "headwater:rise", f"{deepest.rise_per_min:.4f} m/min")
        if simulated:
            _pair(info, "parameter", "headwater:simulated", "true")
        _pair(info, "parameter", "headwater:sign", words.sign)
        _pair(info, "parameter", "headwater:sms", words.sms)

    def _area(self, info: etree._Element, incident: Incident, found: Sequence[Evidence], language: Language) -> None:
        """The incident's zones, and a circle around each place that is named and stands for itself."""
        area = _add(info, "area")
        _add(area, "areaDesc", self._telling.zone_names(incident, language))
        for zone in zones_of(incident):
            if zone in self._rings:
                _add(area, "polygon", self._rings[zone])
        stations = dict.fromkeys(e.station for e in found[:MOST_PLACES] if e.station is not None)
        for station in (self._catalogue.stations.get(s) for s in stations):
            if station is not None:
                _add(area, "circle", f"{station.lat:.5f},{station.lon:.5f} {_CIRCLE_KM:g}")
        _pair(area, "geocode", "adcode", self._catalogue.district.adcode)


def _ring(zone: Zone) -> str:
    ring = list(zone.area)
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    return " ".join(f"{lat:.5f},{lon:.5f}" for lat, lon in ring)


def _pair(parent: etree._Element, tag: str, name: str, value: str) -> None:
    element = _add(parent, tag)
    _add(element, "valueName", name)
    _add(element, "value", value)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, _IN_CAP + tag)
    element.text = text
    return element
