"""What CAP 1.2 says in words and its schema does not check: references, areas, order of times, languages, and
simulations that say they are real. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator

from lxml import etree

from cloud.cap.faults import Fault
from cloud.cap.schema import NAMESPACE
from cloud.cap.structure import content, fault, local, time_of
from contract.geometry import Point, ring_fault

LONGEST_HEADLINE = 160
_FURTHEST_KM = 20_040  # half of the equator
_PARTED = re.compile(r"[\s,<&]")
# "Exercise caution" and "fire drill" are said in earnest; these are not.
_PRETENDED = re.compile(
    r"simulat|\b(this is|is only|only) an? (exercise|drill|test)\b|\b(exercise|drill)( message| only|:)"
    r"|\btest message\b"
    r"|\btest only\b|^\W*test( test)*\W*[:：!\]】]"
    r"|^\W*(exercise|drill)\b(?! (caution|care|extreme|great|due|good))|模拟|仿真|演练|演习|推演"
    r"|[【（(\[]测试|测试(消息|信息|短信|预警|数据)|仅供测试|[为是]测试",
    re.I,
)
# China lies within these; a polygon that does so only with its numbers exchanged is lon,lat.
_CHINA_LAT, _CHINA_LON = (3.0, 54.0), (73.0, 136.0)


def named(node: etree._Element, name: str) -> list[etree._Element]:
    return node.findall(f"{{{NAMESPACE}}}{name}")


def text_of(node: etree._Element, name: str) -> str | None:
    found = node.find(f"{{{NAMESPACE}}}{name}")
    return None if found is None else content(found)


def of_alert(alert: etree._Element) -> Iterator[Fault]:
    """What is wrong with a message beside its structure."""
    for name in ("identifier", "sender"):
        for node in named(alert, name):
            bad = _PARTED.search(content(node))
            if bad:
                what = f"{content(node)[:64]!r} holds {bad[0]!r}"
                yield fault(node, what, "no blanks, commas, < or & (3.2.1): references could not name it")
    yield from _of_references(alert)
    infos, kind = named(alert, "info"), text_of(alert, "msgType")
    if not infos and kind in ("Alert", "Update"):
        yield fault(alert, f"this {kind} has no info", "say in an info what happens, where, and what to do")
    for scope, needed in (("Restricted", "restriction"), ("Private", "addresses")):
        if text_of(alert, "scope") == scope and not (text_of(alert, needed) or "").strip():
            yield fault(alert, f"{needed} is missing", f"scope {scope} requires it")
    languages: dict[str, int] = {}
    for info in infos:
        language = (text_of(info, "language") or "en-US").lower()
        languages[language] = languages.get(language, 0) + 1
        if languages[language] == 2:
            yield fault(info, f"there are two infos of the language {language}", "one a language: join them")
        yield from _of_info(alert, info)
    if text_of(alert, "status") == "Actual":
        yield from _of_pretence(alert)
    for node in alert.iter():
        for part in (node.text, node.tail):
            control = next((c for c in part or "" if unicodedata.category(c) == "Cc" and c not in "\t\n\r"), None)
            if control is not None and isinstance(node.tag, str):
                yield fault(node, f"it holds the control character U+{ord(control):04X}", "take it out")


def _of_references(alert: etree._Element) -> Iterator[Fault]:
    found, kind = named(alert, "references"), text_of(alert, "msgType")
    if not content(found[0]).strip() if found else True:
        if kind in ("Update", "Cancel", "Ack", "Error"):
            yield fault(alert, f"this {kind} has no references", "name the messages it is of: sender,identifier,sent")
        elif found:
            yield fault(found[0], "it is empty", "name messages, or take it out")
        return
    sent = time_of(text_of(alert, "sent"))
    own = ",".join(text_of(alert, name) or "" for name in ("sender", "identifier", "sent"))
    for reference in content(found[0]).split():
        parts = reference.split(",")
        at = time_of(parts[2]) if len(parts) == 3 else None
        wanted = "write sender,identifier,sent of the earlier message, blanks between several"
        if len(parts) != 3 or not all(parts):
            yield fault(found[0], f"{reference[:80]!r} is no reference", wanted)
            return  # parts of one by themselves are none either
        elif at is None:
            what = f"{reference[:120]!r} is no reference: {parts[2][:40]!r} is no time as CAP writes it"
            yield fault(found[0], what, f"{wanted}; a time is like 2021-07-20T16:04:00+08:00")
        elif sent is not None and at > sent:
            what = f"{reference[:120]!r} names a message that is sent later than this one"
            yield fault(found[0], what, "name earlier messages, with the time that stands in their sent")
        elif reference == own:
            yield fault(found[0], "the message refers to itself", wanted)


def _of_info(alert: etree._Element, info: etree._Element) -> Iterator[Fault]:
    for node in named(info, "headline"):
        length = len(content(node).strip())
        if length > LONGEST_HEADLINE:
            yield fault(node, f"the headline has {length} characters", f"at most {LONGEST_HEADLINE} reach everybody")
    at = {name: time_of(text_of(info, name)) for name in ("effective", "onset", "expires")}
    sent, expires = time_of(text_of(alert, "sent")), at["expires"]
    if expires is not None:
        node = named(info, "expires")[0]
        if sent is not None and expires <= sent:
            yield fault(node, "the message expires before or when it is sent", "expires must come after sent")
        for name in ("effective", "onset"):
            begins = at[name]
            if begins is not None and begins > expires:
                yield fault(named(info, name)[0], f"{name} comes after expires", "a message expires after it begins")
    for area in named(info, "area"):
        yield from _of_area(area)


def _of_area(area: etree._Element) -> Iterator[Fault]:
    in_china = any(
        re.fullmatch(r"[1-9]\d{5}(\d{6})?", text_of(code, "value") or "", re.ASCII) for code in named(area, "geocode")
    )
    for node in named(area, "polygon"):
        said = _of_polygon(content(node), in_china)
        if said is not None:
            yield fault(node, *said)
    for node in named(area, "circle"):
        said = _of_circle(content(node))
        if said is not None:
            yield fault(node, *said)
    if named(area, "ceiling") and not named(area, "altitude"):
        yield fault(named(area, "ceiling")[0], "there is no altitude", "ceiling needs one (3.2.4)")


def point_of(text: str) -> Point | None:
    """lat,lon as numbers; None of anything else."""
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        return None
    return (lat, lon) if math.isfinite(lat) and math.isfinite(lon) else None


def _of_polygon(text: str, in_china: bool) -> tuple[str, str] | None:
    shape = "write points lat,lon with blanks between them, the first again at the end"
    points: list[Point] = []
    for part in text.split():
        point = point_of(part)
        if point is None:
            return f"{part[:40]!r} is no point", shape
        points.append(point)
    swapped = _swapped(points, in_china)
    if swapped is not None:
        return swapped
    if len(points) < 4:
        return f"a polygon of {len(points)} points", f"CAP wants four at least, the first again at the end: {shape}"
    if points[0] != points[-1]:
        return "the polygon is open: its last point is not its first", "write the first point again at the end"
    what = ring_fault(points)
    return None if what is None else (what, shape)


def _of_circle(text: str) -> tuple[str, str] | None:
    shape = "write lat,lon, a blank, and the radius in kilometres, like 34.75,113.68 0.5"
    parts = text.split()
    point = point_of(parts[0]) if parts else None
    if point is None:
        return f"{text[:40]!r} has no centre", shape
    swapped = _swapped([point], False)
    if swapped is not None:
        return swapped
    if len(parts) == 1:
        return "the circle has no radius", shape
    try:
        radius = float(parts[1])
    except ValueError:
        radius = math.nan
    if len(parts) > 2 or not (math.isfinite(radius) and radius >= 0):
        return f"{text[:40]!r} is no circle", shape
    if radius > _FURTHEST_KM:
        return f"a radius of {radius:g} km is more than the whole Earth", f"the radius is in kilometres: {shape}"
    return None


def _swapped(points: list[Point], in_china: bool) -> tuple[str, str] | None:
    for lat, lon in points:
        if abs(lat) > 90 and abs(lon) <= 90:
            return f"{lat:g},{lon:g} is longitude, latitude", "write latitude first: lat,lon"
        if abs(lat) > 90 or abs(lon) > 180:
            return f"{lat:g},{lon:g} is not on the Earth", "latitude to 90 degrees, longitude to 180: lat,lon"
    exchanged = all(_in_china(lon, lat) and not _in_china(lat, lon) for lat, lon in points)
    if in_china and points and exchanged:
        return "it looks like longitude, latitude: exchanged it lies in China, as the geocode says", "write lat,lon"
    return None


def _in_china(lat: float, lon: float) -> bool:
    return _CHINA_LAT[0] <= lat <= _CHINA_LAT[1] and _CHINA_LON[0] <= lon <= _CHINA_LON[1]


def _of_pretence(alert: etree._Element) -> Iterator[Fault]:
    """Actual, and something in it says simulation or drill."""
    mend = "write status Exercise or Test: people act on Actual"
    status = named(alert, "status")[0]
    for node in alert.iter():
        if not isinstance(node.tag, str):
            continue
        text = content(node) if len(node) == 0 else ""
        if local(node) in ("parameter", "eventCode"):
            name, value = text_of(node, "valueName") or "", (text_of(node, "value") or "").strip().lower()
            if re.search(r"simulat", name, re.I) and value not in ("false", "0", "no", ""):
                yield fault(status, f"Actual, and the parameter {name[:64]} says {value[:40]!r}", mend)
                return
        elif local(node) not in ("valueName", "uri", "web", "derefUri"):
            said = _PRETENDED.search(text)
            if said is not None:
                yield fault(status, f"Actual, and {local(node)} says {said[0]!r}", mend)
                return
