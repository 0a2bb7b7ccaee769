"""Whether a message is built as the schema wants it: names, order, how often, words, times. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from urllib.parse import urlsplit

import langcodes
from lxml import etree

from cloud.cap.faults import Fault
from cloud.cap.schema import NAMESPACE, SIGNATURES, TIME, Element, places

_FURTHEST = timedelta(hours=14)
_MOST_COUNTED = 1000  # parts of one element among which one is named by its number
_SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}"


def local(node: etree._Element) -> str:
    return etree.QName(node).localname


def line(node: etree._Element) -> int:
    """Where it stands in the text, from 1."""
    found = node.sourceline
    return found if isinstance(found, int) else 0


def content(node: etree._Element) -> str:
    """All text in an element."""
    return "".join(str(part) for part in node.itertext())


def path(node: etree._Element) -> str:
    """Of the element from its alert, each with its number where it has brothers: `alert/info[2]/area/polygon`."""
    names: list[str] = []
    at: etree._Element | None = node
    while at is not None:
        above = at.getparent()
        twins = [] if above is None or len(above) > _MOST_COUNTED else above.findall(str(at.tag))
        number = f"[{twins.index(at) + 1}]" if len(twins) > 1 else ""
        names.append(local(at) + number)
        if local(at) == "alert":
            break
        at = above
    return "/".join(reversed(names))


def fault(node: etree._Element, what: str, mend: str) -> Fault:
    return Fault(line(node), path(node), what, mend)


def of_element(node: etree._Element, element: Element) -> Iterator[Fault]:
    """What is wrong with an element and all in it, by the table."""
    for name in node.attrib:
        if not str(name).startswith(_SCHEMA_LOCATION):
            yield fault(node, f"it has the attribute {str(name)[:64]!r}", "CAP has none: take it out")
    if not element.parts:
        if any(isinstance(part.tag, str) for part in node):
            yield fault(node, "elements stand in it", "it holds text only")
        yield from _of_text(node, element)
        return
    if (node.text or "").strip() or any((part.tail or "").strip() for part in node):
        yield fault(node, "text stands between its elements", "take it out")
    yield from _of_parts(node, element)


def _of_parts(node: etree._Element, element: Element) -> Iterator[Fault]:
    order, parts = places(element), {part.name: part for part in element.parts}
    count: Counter[str] = Counter()
    last = -1
    for part in node:
        if not isinstance(part.tag, str):
            continue  # a comment
        namespace, name = etree.QName(part).namespace, local(part)
        if namespace != NAMESPACE:
            if not (namespace == SIGNATURES and element.name == "alert"):
                what = f"it is of the namespace {namespace!r}"
                yield fault(part, what, f"CAP 1.2 has {NAMESPACE} only (and a signature at the end)")
            last = len(order)
            continue
        if name not in parts:
            near = get_close_matches(name, parts, n=1)
            mend = f"perhaps {near[0]!r} is meant" if near else "take it out"
            yield fault(part, f"CAP 1.2 has no such element in {element.name}", mend)
            continue
        if order[name] < last:
            before = next(
                (e.name for e in element.parts if order[e.name] > order[name] and count[e.name]), "a signature"
            )
            yield fault(part, f"element order: it stands behind {before}", f"CAP wants {name} before {before}")
        last = max(last, order[name])
        count[name] += 1
        if parts[name].most and count[name] == parts[name].most + 1:
            yield fault(part, f"it stands more than once in {element.name}", "one is allowed")
        yield from of_element(part, parts[name])
    for part_of in element.parts:
        if part_of.least and not count[part_of.name]:
            yield fault(node, f"{part_of.name} is missing", f"CAP requires it in every {element.name}")


def _of_text(node: etree._Element, element: Element) -> Iterator[Fault]:
    text = content(node)
    if element.words and text not in element.words:
        near = get_close_matches(text.strip().capitalize(), element.words, n=1)
        meant = f"perhaps {near[0]!r}, " if near else ""
        yield fault(node, f"{text[:64]!r} is no word for it", f"write {meant}one of {', '.join(element.words)}")
    elif element.kind == "text" and element.least and not text.strip():
        yield fault(node, "it is empty", "CAP requires it: say it")
    elif element.kind == "time":
        said = _of_time(text)
        if said is not None:
            yield fault(node, *said)
    elif element.kind in _KINDS and not _KINDS[element.kind][0](text):
        _, what, mend = _KINDS[element.kind]
        yield fault(node, f"{text[:64]!r} is {what}", mend)


def time_of(text: str | None) -> datetime | None:
    """A time as CAP writes it; None when it is none. No place is further than 14 hours from UTC (XML Schema, 3.2.7)."""
    if text is None or not TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if abs(time.utcoffset() or timedelta()) <= _FURTHEST else None


def _of_time(text: str) -> tuple[str, str] | None:
    if time_of(text) is not None:
        return None
    wanted = "write it like 2021-07-20T16:04:00+08:00"
    if re.search(r"[A-Za-z]\s*$", text.strip()):
        return f"the time {text[:40]!r} ends with a letter for its zone", f"{wanted}, UTC as -00:00"
    if re.search(r"\d[.,]\d", text):
        return f"the time {text[:40]!r} has a fraction of a second", f"whole seconds: {wanted}"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text.strip(), re.ASCII):
        return f"the time {text[:40]!r} has no offset from UTC", wanted
    if TIME.fullmatch(text):
        return f"{text!r} is no time: there is no such day, hour or offset", wanted
    return f"{text[:40]!r} is no time", wanted


def _is_language(text: str) -> bool:
    """RFC 5646, with subtags that its registry knows."""
    if not re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", text):
        return False
    if not langcodes.tag_is_valid(text):
        return False  # that of "zh-UK" is: it is first written as zh-GB
    return text.lower().startswith("i-") or langcodes.Language.get(text, normalize=False).is_valid()


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", text)


# Of each kind of text: what is one, what the others are, and what to write.
_KINDS: Mapping[str, tuple[Callable[[str], object], str, str]] = {
    "language": (_is_language, "no language tag", "write one of RFC 5646, like zh-CN or en"),
    "uri": (_is_uri, "no full address", "write one like https://example.org/warnings/1"),
    "integer": (re.compile(r"\s*[-+]?[0-9]+\s*").fullmatch, "no whole number", "write bytes, like 20480"),
    "decimal": (
        re.compile(r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*").fullmatch,
        "no number",
        "write feet above mean sea level, like 120.5",
    ),
}
