"""What may stand in a CAP 1.2 message, as a table: order, how often, which words (OASIS, 1 July 2010, sections 3.2 and
3.4). Pure data; a test holds it beside OASIS' own schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SIGNATURES = "http://www.w3.org/2000/09/xmldsig#"
# 3.3.2: numeric offset, no fraction.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII)

Kind = Literal["text", "time", "language", "uri", "integer", "decimal"]


@dataclass(frozen=True, slots=True)
class Element:
    """A part of another. least, most: how often it stands (most 0: any number). words: the only ones it may hold.

    parts: what stands in it, in this order; empty for text.
    """

    name: str
    least: int = 0
    most: int = 1
    kind: Kind = "text"
    words: Sequence[str] = ()
    parts: Sequence[Element] = ()


_VALUE = (Element("valueName", 1), Element("value", 1))

_RESOURCE = (
    Element("resourceDesc", 1),
    Element("mimeType", 1),
    Element("size", kind="integer"),
    Element("uri", kind="uri"),
    Element("derefUri"),
    Element("digest"),
)

_AREA = (
    Element("areaDesc", 1),
    Element("polygon", most=0),
    Element("circle", most=0),
    Element("geocode", most=0, parts=_VALUE),
    Element("altitude", kind="decimal"),
    Element("ceiling", kind="decimal"),
)

_CATEGORIES = [
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
]
_RESPONSES = ["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"]

_INFO = (
    Element("language", kind="language"),
    Element("category", 1, 0, words=_CATEGORIES),
    Element("event", 1),
    Element("responseType", most=0, words=_RESPONSES),
    Element("urgency", 1, words=("Immediate", "Expected", "Future", "Past", "Unknown")),
    Element("severity", 1, words=("Extreme", "Severe", "Moderate", "Minor", "Unknown")),
    Element("certainty", 1, words=("Observed", "Likely", "Possible", "Unlikely", "Unknown")),
    Element("audience"),
    Element("eventCode", most=0, parts=_VALUE),
    Element("effective", kind="time"),
    Element("onset", kind="time"),
    Element("expires", kind="time"),
    Element("senderName"),
    Element("headline"),
    Element("description"),
    Element("instruction"),
    Element("web", kind="uri"),
    Element("contact"),
    Element("parameter", most=0, parts=_VALUE),
    Element("resource", most=0, parts=_RESOURCE),
    Element("area", most=0, parts=_AREA),
)

ALERT = Element(
    "alert",
    1,
    parts=(
        Element("identifier", 1),
        Element("sender", 1),
        Element("sent", 1, kind="time"),
        Element("status", 1, words=("Actual", "Exercise", "System", "Test", "Draft")),
        Element("msgType", 1, words=("Alert", "Update", "Cancel", "Ack", "Error")),
        Element("source"),
        Element("scope", 1, words=("Public", "Restricted", "Private")),
        Element("restriction"),
        Element("addresses"),
        Element("code", most=0),
        Element("note"),
        Element("references"),
        Element("incidents"),
        Element("info", most=0, parts=_INFO),
    ),
)


def places(element: Element) -> Mapping[str, int]:
    """The parts' names, each with its place in their order."""
    return {part.name: n for n, part in enumerate(element.parts)}
