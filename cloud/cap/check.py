"""Everything wrong with a CAP message, or with each message of a feed that holds them. Pure.

Standard: CAP 1.2 (OASIS, 1 July 2010), its schema and what it says in words beside.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from lxml import etree

from cloud.cap import rules, structure, whereabouts
from cloud.cap.faults import Fault
from cloud.cap.profiles import PROFILES
from cloud.cap.schema import ALERT, NAMESPACE

MAX_BYTES = 4 * 1024 * 1024
MOST_FAULTS = 200  # that are said one by one
_FEEDS = ("{http://www.w3.org/2005/Atom}feed", "rss", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF")
_OTHER_CAP = re.compile(r"^(urn:oasis:names:tc:emergency:cap:1\.[01]|http://www\.incident\.com/cap/1\.0)$")
# What is no message, or none to be read: by what it is known, and the parts of its `Fault`.
_OTHERS = (
    (re.compile(rb"\A(\xef\xbb\xbf)?\s*\Z"), "file", "it is empty", "give a file with a message in it"),
    (re.compile(rb"\A\x1f\x8b"), "file", "it is packed by gzip", "unpack it first"),
    (re.compile(rb"\APK\x03\x04"), "file", "it is a ZIP archive", "unpack it, and check what is in it"),
    (
        re.compile(rb"\A(\xef\xbb\xbf)?\s*(<!DOCTYPE\s+html|<html)\b", re.IGNORECASE),
        "html",
        "it is no CAP message but a web page",
        "give the message itself, or its own address",
    ),
    (re.compile(rb"\A(\xef\xbb\xbf)?\s*[{[]"), "file", "it looks like JSON; CAP is XML", "give the message itself"),
    (  # its entities swell, or name other files
        re.compile(rb"<!DOCTYPE|<\x00!\x00D\x00O\x00C|\x00<\x00!\x00D\x00O\x00C"),
        "file",
        "it declares a document type",
        "CAP has none: take it out (nothing else was checked)",
    ),
)
# What XML 1.0 cannot hold, as it is and as a character reference.
_CONTROL = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bBcC]|0?[eE]|0?[fF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2\d|3[01]));"
)


def check(data: bytes, profiles: Sequence[str] = (), area: whereabouts.Box | None = None) -> list[Fault]:
    """Every fault, in the order of the text; empty for a good message. profiles: words of `profiles.PROFILES`.
    area: in which every polygon and circle is to lie."""
    if len(data) > MAX_BYTES:
        return [Fault(0, "file", f"it has {len(data)} bytes", f"a message has {MAX_BYTES} at most")]
    other = next((Fault(1, *said) for such, *said in _OTHERS if such.search(data)), None)
    if other is not None:
        return [other]
    found: list[Fault] = []
    root = _parsed(data, found)
    if root is None:
        return found
    alerts = [root]
    if root.tag in _FEEDS:
        alerts = list(root.iter(f"{{{NAMESPACE}}}alert"))
        if not alerts:
            found.append(
                structure.fault(root, "this feed holds no CAP 1.2 messages", "give the address of one of them")
            )
    elif root.tag != f"{{{NAMESPACE}}}alert":
        return [*found, _no_alert(root)]
    for alert in alerts:
        for judged in (
            structure.of_element(alert, ALERT),
            rules.of_alert(alert),
            whereabouts.apart(alert),
            whereabouts.outside(alert, [area], "the area that was given") if area is not None else (),
            *(PROFILES[p](alert) for p in profiles),
        ):
            found += itertools.islice(judged, MOST_FAULTS + 1)
        if len(found) > MOST_FAULTS:
            break
    found = sorted(set(found), key=lambda fault: fault.line)
    if len(found) > MOST_FAULTS:
        last = found[MOST_FAULTS - 1].line
        return [*found[:MOST_FAULTS], Fault(last, "file", "there are more faults", "mend these first")]
    return found


def _parser() -> etree.XMLParser:
    """One that reads nothing but what it is given, and no more of that than it says."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _parsed(data: bytes, found: list[Fault]) -> etree._Element | None:
    control = None if data[:2] in (b"\xff\xfe", b"\xfe\xff") else _CONTROL.search(data)
    if control is not None:  # the rest is checked without it
        line = data.count(b"\n", 0, control.start()) + 1
        what = f"it holds the control character {control[0].decode('ascii')!r}, which no XML can"
        found.append(Fault(line, "file", what, "take it out"))
        data = _CONTROL.sub(b"", data)
    try:
        return etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        found.append(
            Fault(line, "file", f"it is not well-formed XML ({error.msg})", "mend it: nothing more was checked")
        )
    except ValueError as error:  # an encoding that there is not
        found.append(Fault(1, "file", f"it cannot be read ({error})", "write it in UTF-8"))
    return None


def _no_alert(root: etree._Element) -> Fault:
    name = etree.QName(root)
    if name.localname == "alert":
        old = "CAP 1.0 and 1.1 are older forms: " if _OTHER_CAP.match(name.namespace or "") else ""
        what = f"its namespace is {name.namespace or 'none'!r}"
        return Fault(structure.line(root), "alert", what, f'{old}write <alert xmlns="{NAMESPACE}">')
    return Fault(structure.line(root), name.localname[:64], "it is no CAP message", f"alert of {NAMESPACE} comes first")
