"""The feed: an Atom document (RFC 4287) of the CAP messages that are in force or new, newest first. Pure.

In two forms: with each CAP message inside its entry, and as the index that aggregators of CAP read, which hold a link
to each message (media type application/cap+xml). The heartbeat stands in both, in an element of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

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
    made: MutableMapping[tuple[str, bool], Entry] | None = None,
) -> bytes:
    """messages: newest first. base_url: of the API, to link each message's own document; alert_url: other links by a
    message's id. self_url: of the feed. inside: the messages themselves, too. languages: of titles and summaries.
    made: entries by message's id and `inside`, of the same title and languages; what is missing is added. Making them
    is most of the work.
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
    around: bytes = etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    head, end, _ = around.rpartition(b"</feed>")
    known = {} if made is None else made
    pieces = [head]
    for m in messages:
        url = alert_url(m.id) if alert_url else f"{base_url}/v1/warnings/{m.id}?format=cap"
        entry = known.get((m.id, inside)) or known.setdefault((m.id, inside), _entry(m, title, inside, languages))
        pieces += [entry.before, quoteattr(url).encode(), entry.after]
    return b"".join([*pieces, end, b"\n"])


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands before and after the link's address, which depends on who asks."""

    before: bytes
    after: bytes


def _entry(m: Message, author: str, inside: bool, languages: Sequence[str]) -> Entry:
    info = _first_info(m, languages)
    title = info.headline if info else f"{m.msg_type.value}: {m.level_word}, {m.incident}"
    terms = (("msgType", m.msg_type.value), ("status", m.status), ("level", m.level_word))
    before = [
        f"  <entry>\n    <id>{escape(f'urn:cap:{m.id}')}</id>\n    <title>{escape(title)}</title>\n",
        f"    <updated>{iso(m.sent_ms)}</updated>\n    <published>{iso(m.sent_ms)}</published>\n",
        f"    <author><name>{escape(author)}</name></author>\n",
        *(f"    <category scheme={quoteattr(f'{OURS}:{s}')} term={quoteattr(term)}/>\n" for s, term in terms),
        f"    <summary>{escape(info.description)}</summary>\n" if info and info.description else "",
        '    <link rel="alternate" type="application/cap+xml" href=',
    ]
    cap = etree.tostring(etree.fromstring(m.cap_xml), encoding="UTF-8", xml_declaration=False) if inside else b""
    content = b'    <content type="application/cap+xml">%s</content>\n' % cap if inside else b""
    return Entry("".join(before).encode(), b"/>\n%s  </entry>\n" % content)


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
