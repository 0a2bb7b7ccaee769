"""The feed: an Atom document (RFC 4287) with a CAP message in every entry, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from cloud.warnings.model import Message
from contract.clock import iso

ATOM = "http://www.w3.org/2005/Atom"


def render(messages: Sequence[Message], *, title: str, feed_id: str, base_url: str, now_ms: int) -> bytes:
    """messages: newest first. base_url: of the API, to link each message's own document."""
    feed = etree.Element(f"{{{ATOM}}}feed")
    _add(feed, "id", feed_id)
    _add(feed, "title", title)
    _add(feed, "updated", iso(messages[0].sent_ms if messages else now_ms))
    for m in messages:
        entry = _add(feed, "entry")
        _add(entry, "id", f"urn:cap:{m.id}")
        _add(entry, "title", f"{m.msg_type.value}: {m.level_word}, {m.incident}")
        _add(entry, "updated", iso(m.sent_ms))
        author = _add(entry, "author")
        _add(author, "name", title)
        link = _add(entry, "link")
        link.set("href", f"{base_url}/v1/warnings/{m.id}?format=cap")
        link.set("type", "application/cap+xml")
        content = _add(entry, "content")
        content.set("type", "application/cap+xml")
        content.append(etree.fromstring(m.cap_xml))
    xml: bytes = etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return xml


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{ATOM}}}{tag}")
    element.text = text
    return element
