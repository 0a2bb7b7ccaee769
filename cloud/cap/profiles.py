"""What large consumers ask beyond CAP 1.2. Pure.

google   Google Public Alerts, developers.google.com/public-alerts/guides/cap-requirements (read November 2026)
ipaws    OASIS CAP v1.2 USA Integrated Public Alert and Warning System Profile Version 1.0 (2009)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from lxml import etree

from cloud.cap.faults import Fault
from cloud.cap.rules import named, text_of
from cloud.cap.structure import content, fault
from cloud.cap.whereabouts import Box, outside

# The United States with Alaska, Hawaii, Puerto Rico and the Virgin Islands; Samoa; Guam, the Marianas and the Aleutians
# beyond 180 degrees.
_UNITED_STATES = (Box(17, -180, 72, -64), Box(-15, -172, -11, -168), Box(12, 144, 54, 180))


def _google(alert: etree._Element) -> Iterator[Fault]:
    infos = named(alert, "info")
    if not infos:
        yield fault(alert, "it has no info", "Google requires one of every message, a Cancel too")
    for info in infos:
        for name in ("expires", "description", "area"):
            if not named(info, name):
                yield fault(info, f"{name} is missing", "Google requires it")
        for area in named(info, "area"):
            if not any(named(area, name) for name in ("polygon", "circle", "geocode")):
                yield fault(area, "neither polygon, circle nor geocode", "Google requires one of them")
            for node in named(area, "polygon"):
                if re.search(r"\.\d{7,}", node.text or ""):
                    yield fault(node, "more than six decimals", "Google takes six at most")
            for node in named(area, "circle"):
                if re.search(r"\s0*\.?0+\s*$", node.text or ""):
                    yield fault(node, "a circle of radius 0", "Google cannot show it: give it a size")


def _ipaws(alert: etree._Element) -> Iterator[Fault]:
    if "IPAWSv1.0" not in [node.text for node in named(alert, "code")]:
        yield fault(alert, "there is no code IPAWSv1.0", "the profile requires <code>IPAWSv1.0</code>")
    infos = named(alert, "info")
    for info in infos:
        events = [code for code in named(info, "eventCode") if text_of(code, "valueName") == "SAME"]
        if len(events) != 1 or not re.fullmatch(r"[A-Z0-9]{3}", text_of(events[0], "value") or ""):
            yield fault(info, "it has not one eventCode SAME of three letters", "write one, like FFW for a flash flood")
        if not named(info, "expires"):
            yield fault(info, "expires is missing", "the profile requires it")
        if not named(info, "area"):
            yield fault(info, "area is missing", "the profile requires one")
        for area in named(info, "area"):
            codes = [
                text_of(code, "value") or "" for code in named(area, "geocode") if text_of(code, "valueName") == "SAME"
            ]
            if not codes or not all(re.fullmatch(r"\d{6}", code, re.ASCII) for code in codes):
                yield fault(area, "it has no geocode SAME of six digits", "the profile requires one")
    yield from outside(alert, _UNITED_STATES, "the United States and their territories")
    for name in ("category", "eventCode"):
        said = {tuple(content(node).split()) for info in infos for node in named(info, name)[:1]}
        if len(said) > 1:
            yield fault(alert, f"its infos differ in {name}", "the profile wants the same in all")


PROFILES: Mapping[str, Callable[[etree._Element], Iterator[Fault]]] = {"google": _google, "ipaws": _ipaws}
