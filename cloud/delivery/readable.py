"""What a CAP message says to people, and a CAP message in some of its languages only. Pure.

Source: CAP 1.2, 3.2.2: an info block for each language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
_SMS = "headwater:sms"


@dataclass(frozen=True, slots=True)
class Info:
    """What one info block says. sms: in one short sentence; the headline where there is none."""

    language: str
    headline: str
    description: str
    instruction: str
    sms: str

    @property
    def text(self) -> str:
        """Of some sentences."""
        return "\n\n".join(part for part in (self.description, self.instruction) if part)


def infos(cap_xml: bytes, languages: Sequence[str] = ()) -> list[Info]:
    """In the message's order; of these languages (`zh` means `zh-CN`, too), or all where it has none of them: nobody
    goes without a warning for want of a language. Raises ValueError on what is no XML."""
    return [_info(e) for e in _chosen(_parsed(cap_xml), languages)[0]]


def in_languages(cap_xml: bytes, languages: Sequence[str]) -> bytes:
    """The message without the info blocks of other languages; as it is where nothing is to be taken out."""
    if not languages:
        return cap_xml
    alert = _parsed(cap_xml)
    _, others = _chosen(alert, languages)
    for e in others:
        alert.remove(e)
    if not others:
        return cap_xml
    out: bytes = etree.tostring(alert, xml_declaration=True, encoding="UTF-8")
    return out


def _parsed(cap_xml: bytes) -> etree._Element:
    try:
        return etree.fromstring(cap_xml, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ValueError(f"the message is no XML: {error}") from error


def _chosen(alert: etree._Element, languages: Sequence[str]) -> tuple[list[etree._Element], list[etree._Element]]:
    """Info blocks to keep, and the others."""
    found = list(alert.iterfind(f"{_CAP}info"))
    kept = [e for e in found if not languages or _speaks(_said(e, "language") or "en-US", languages)] or found
    return kept, [e for e in found if e not in kept]


def _speaks(tag: str, languages: Sequence[str]) -> bool:
    return any(tag.lower() == wanted.lower() or tag.lower().startswith(f"{wanted.lower()}-") for wanted in languages)


def _info(e: etree._Element) -> Info:
    sms = next((_said(p, "value") for p in e.iterfind(f"{_CAP}parameter") if _said(p, "valueName") == _SMS), "")
    headline = _said(e, "headline") or _said(e, "event")
    return Info(_said(e, "language"), headline, _said(e, "description"), _said(e, "instruction"), sms or headline)


def _said(e: etree._Element, tag: str) -> str:
    return (e.findtext(f"{_CAP}{tag}") or "").strip()
