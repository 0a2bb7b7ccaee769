"""The feed: an Atom document (RFC 4287) of the CAP messages that are in force or new, newest first. Pure.

In two forms: with each CAP message inside its entry, and as the index that aggregators of CAP read, which hold a link
to each message (media type application/cap+xml). The heartbeat stands in both, in an element of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from lxml import etree

from cloud.delivery.heartbeat import Heartbeat
from cloud.delivery.readable import Info, infos
from cloud.warnings.model import Message, MsgType
from contract.clock import iso

ATOM = "http://www.w3.org/2005/Atom"
OURS = "urn:headwater:feed"


def shown(
    messages: Sequence[Message], now_ms: int, keep_ms: int, statuses: Collection[str], public: bool
) -> list[Message]:
    """What stands in the feed of these, in their order: what was sent in the last keep_ms, and the newest message of an
    incident while it is in force. statuses: of which; all when empty. public: no blind notices.
    """
    newest: set[str] = set()
    out = []
    for m in messages:
        first = m.incident not in newest
        newest.add(m.incident)
        if (statuses and m.status not in statuses) or (public and m.level is None):
            continue
        in_force = first and m.msg_type is not MsgType.CANCEL and m.expires_ms is not None and m.expires_ms > now_ms
        if in_force or now_ms - m.sent_ms <= keep_ms:
            out.append(m)
    return out


def render(
    messages: Sequence[Message],
    *,
    title: str,
    feed_id: str,
    base_url: str,
    now_ms: int,
    alert_url: Callable[[str], str] | None = None,
    self_url: str = "",
    inside: bool = True,
    languages: Sequence[str] = (),
    beat: Heartbeat | None = None,
) -> bytes:
    """messages: newest first. base_url: of the API, to link each message's own document; alert_url: other links by a
    message's id. self_url: of the feed. inside: the messages themselves, too. languages: of titles and summaries.
    """
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "hw": OURS})
    _add(feed, "id", feed_id)
    _add(feed, "title", title)
    _add(feed, "updated", iso(messages[0].sent_ms if messages else now_ms))
    if self_url:
        _add(feed, "link").attrib.update({"rel": "self", "href": self_url, "type": "application/atom+xml"})
    if beat is not None:
        said = {k: str(v) for k, v in beat.body().items() if v is not None}
        etree.SubElement(feed, f"{{{OURS}}}heartbeat").attrib.update(said)
    for m in messages:
        url = alert_url(m.id) if alert_url else f"{base_url}/v1/warnings/{m.id}?format=cap"
        _entry(feed, m, title, url, inside, languages)
    xml: bytes = etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return xml


def _entry(feed: etree._Element, m: Message, author: str, url: str, inside: bool, languages: Sequence[str]) -> None:
    info = _first_info(m, languages)
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:cap:{m.id}")
    _add(entry, "title", info.headline if info else f"{m.msg_type.value}: {m.level_word}, {m.incident}")
    _add(entry, "updated", iso(m.sent_ms))
    _add(entry, "published", iso(m.sent_ms))
    _add(_add(entry, "author"), "name", author)
    for scheme, term in (("msgType", m.msg_type.value), ("status", m.status), ("level", m.level_word)):
        _add(entry, "category").attrib.update({"scheme": f"{OURS}:{scheme}", "term": term})
    if info and info.description:
        _add(entry, "summary", info.description)
    _add(entry, "link").attrib.update({"rel": "alternate", "href": url, "type": "application/cap+xml"})
    if inside:
        content = _add(entry, "content")
        content.set("type", "application/cap+xml")
        content.append(etree.fromstring(m.cap_xml))


def _first_info(m: Message, languages: Sequence[str]) -> Info | None:
    try:
        found = infos(m.cap_xml, languages)
    except ValueError:
        return None
    return found[0] if found and found[0].headline else None


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{ATOM}}}{tag}")
    element.text = text
    return element
