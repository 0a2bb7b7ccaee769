"""CAP 1.2 (OASIS, 1 July 2010): an incident as an Alert, Update or Cancel. Pure.

What the schema does not enforce is done here: references on Update and Cancel, polygons closed and "lat,lon", times
without Z or fractions, expiry after sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from cloud.cap.schema import NAMESPACE
from cloud.warnings.incidents import Announcement
from cloud.warnings.model import Evidence, Message, MsgType
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import Zone
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import from_ms

_SEVERITY = {Level.RED: "Extreme", Level.ORANGE: "Severe", Level.YELLOW: "Moderate", Level.BLUE: "Minor"}
_URGENCY = {Level.RED: "Immediate", Level.ORANGE: "Immediate", Level.YELLOW: "Expected", Level.BLUE: "Expected"}
_RESPONSE = {Level.RED: "Evacuate", Level.ORANGE: "Avoid", Level.YELLOW: "Prepare", Level.BLUE: "Monitor"}
# OASIS event terms list 1.2: overland flood. GB/T 35561 waterlogging: unverified.
_EVENT_CODES = (("OET:v1.2", "OET-140"), ("GB/T35561", "11A02"))


class CapWriter:
    """Writes the messages of one district, with the words of its response plan and the times of its zone."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._catalogue, self._settings = catalogue, settings
        self._zone = ZoneInfo(catalogue.district.time_zone)

    def time(self, time_ms: int) -> str:
        """CAP 1.2, 3.3.2: local time with a numeric offset, whole seconds."""
        return from_ms(time_ms).astimezone(self._zone).isoformat(timespec="seconds")

    def identifier(self, time_ms: int, number: int) -> str:
        """ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N: district code, agency, Beijing time, serial number."""
        stamp = from_ms(time_ms).astimezone(self._zone).strftime("%Y%m%d%H%M%S")
        return f"{self._catalogue.district.adcode}{self._settings.agency}_{stamp}_{number}"

    def write(self, announcement: Announcement, number: int, earlier: Sequence[Message], now_ms: int) -> Message:
        """The message. earlier: all messages of the incident before it, oldest first."""
        incident, msg_type = announcement.incident, announcement.msg_type
        plan = self._catalogue.response_plan
        identifier = self.identifier(now_ms, number)
        nsmap: dict[Any, str] = {None: NAMESPACE}  # the stubs do not know the default namespace
        alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap=nsmap)
        _add(alert, "identifier", identifier)
        _add(alert, "sender", plan.sender)
        _add(alert, "sent", self.time(now_ms))
        _add(alert, "status", self._settings.status)
        _add(alert, "msgType", msg_type.value)
        _add(alert, "scope", "Public")
        if earlier:
            references = (f"{plan.sender},{m.id},{self.time(m.sent_ms)}" for m in earlier)
            _add(alert, "references", " ".join(references))
        _add(alert, "incidents", incident.id)
        expires_ms = now_ms + round(plan.responses[incident.level].expires_s * 1000)
        self._info(alert, announcement, now_ms, expires_ms)
        xml: bytes = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
        level = incident.peak_level if msg_type is MsgType.CANCEL else incident.level
        return Message(
            identifier,
            incident.id,
            now_ms,
            msg_type,
            level,
            tuple(m.id for m in earlier),
            xml,
            why=announcement.why,
            expires_ms=expires_ms,
            status=self._settings.status,
            evidence=incident.evidence,
        )

    def _info(self, alert: etree._Element, announcement: Announcement, now_ms: int, expires_ms: int) -> None:
        incident, cancel = announcement.incident, announcement.msg_type is MsgType.CANCEL
        district, zone = self._catalogue.district, self._catalogue.zones[announcement.incident.zone]
        response = self._catalogue.response_plan.responses[incident.level]
        info = _add(alert, "info")
        _add(info, "language", self._settings.language)
        _add(info, "category", "Safety")
        _add(info, "event", "Waterlogging")
        _add(info, "responseType", "AllClear" if cancel else _RESPONSE[incident.level])
        _add(info, "urgency", "Past" if cancel else _URGENCY[incident.level])
        _add(info, "severity", "Minor" if cancel else _SEVERITY[incident.level])
        _add(info, "certainty", incident.certainty.value)
        for name, value in _EVENT_CODES:
            _pair(info, "eventCode", name, value)
        _add(info, "effective", self.time(now_ms))
        _add(info, "expires", self.time(expires_ms))
        _add(info, "senderName", f"{district.name} drainage department")
        head = "Ended: " if cancel else ""
        _add(info, "headline", f"{head}{incident.level.value} waterlogging warning, {zone.name}: {response.headline}")
        _add(info, "description", self._description(announcement))
        _add(info, "instruction", "Return to normal watch." if cancel else response.instruction)
        if self._catalogue.response_plan.contact:
            _add(info, "contact", self._catalogue.response_plan.contact)
        _pair(info, "parameter", "headwater:level", incident.level.value)
        _pair(info, "parameter", "headwater:peak_level", incident.peak_level.value)
        _area(info, zone, district.adcode)

    def _description(self, announcement: Announcement) -> str:
        incident = announcement.incident
        if announcement.msg_type is MsgType.CANCEL:
            return f"The water has gone. The incident's highest level was {incident.peak_level.value}."
        parts = []
        for e in incident.evidence:
            depth = "no reading" if e.value is None else _said(e.value, e.quantity)
            heard = "" if e.time_ms is None else f" at {from_ms(e.time_ms).astimezone(self._zone):%H:%M}"
            silent = ", silent since: its level is held" if e.state.value == "unknown" else ""
            parts.append(f"{self._place(e, incident.zone)}: {depth}{heard} ({e.level.value}{silent})")
        return "; ".join(parts) + "."

    def _place(self, e: Evidence, zone: str) -> str:
        """Where it was found: a station, or the zone as a whole."""
        return self._catalogue.zones[zone].name if e.station is None else self._catalogue.stations[e.station].name


def _said(value: float, quantity: Quantity) -> str:
    """A value with its unit: depths in centimetres, as people say them."""
    return f"{value * 100:.0f} cm" if quantity is Quantity.DEPTH else f"{value:.2f} {quantity.unit}"


def _area(info: etree._Element, zone: Zone, adcode: str) -> None:
    area = _add(info, "area")
    _add(area, "areaDesc", zone.name)
    ring = list(zone.area)
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    _add(area, "polygon", " ".join(f"{lat:.5f},{lon:.5f}" for lat, lon in ring))
    _pair(area, "geocode", "adcode", adcode)


def _pair(parent: etree._Element, tag: str, name: str, value: str) -> None:
    element = _add(parent, tag)
    _add(element, "valueName", name)
    _add(element, "value", value)


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    element.text = text
    return element
