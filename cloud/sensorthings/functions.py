"""Operators and functions of $filter (OGC 18-088, 9.3.3.5) by name. Pure.

null in gives null out, but for `eq` and `ne`. Times are in UTC, so their parts are, too.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from cloud.sensorthings import geometry
from cloud.sensorthings.geometry import Point, Shape

_MOST_TEXT = 10_000
_SHAPES = "a property that holds a place, and geography'POINT (113.67 34.79)'"


class Wrong(ValueError):
    """What cannot be worked out, and what to write instead."""


def typed(name: str, count: int) -> None:
    """Raises Wrong for a function that there is not, or not with so many arguments."""
    if name in ("and", "or"):
        return
    takes = {"not": (1, 1), "now": (0, 0)}.get(name) or _TAKES.get(name)
    if takes is None:
        near = get_close_matches(name[:40], _TAKES, 1)
        raise Wrong(f"there is no function {name[:40]!r}" + (f": did you mean {near[0]}?" if near else ""))
    if not takes[0] <= count <= takes[1]:
        raise Wrong(f"{name} takes {' or '.join(map(str, sorted(set(takes))))} arguments, not {count}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return {str: "text", datetime: "time", timedelta: "duration", Shape: "place"}.get(type(value), "structure")


def _equal(a: Any, b: Any) -> bool:
    return bool(_kind(a) == _kind(b) and a == b) if a is not None and b is not None else a is b


def _ordered(name: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(a: Any, b: Any) -> bool:
        if a is None or b is None:
            return False
        if _kind(a) != _kind(b) or _kind(a) in ("truth", "place", "structure"):
            raise Wrong(
                f"{name} compares a {_kind(a)} with a {_kind(b)}: compare numbers, texts or times with their like"
            )
        return compare(a, b)

    return compared


def _arithmetic(name: str, work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def worked(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return None
        kinds = (_kind(a), _kind(b))
        if kinds == ("number", "number") or kinds in _TIMELY.get(name, ()):
            try:
                out = work(a, b)
            except ZeroDivisionError:
                return None
            except (OverflowError, ValueError) as error:
                raise Wrong(f"{name} gives what is too large: take smaller numbers") from error
            if isinstance(out, int) and abs(out) > 2**63:
                raise Wrong(f"{name} gives what is too large: take smaller numbers")
            return out
        raise Wrong(f"{name} cannot take a {kinds[0]} and a {kinds[1]}")

    return worked


_TIMELY = {
    "add": {("time", "duration"), ("duration", "time"), ("duration", "duration")},
    "sub": {("time", "duration"), ("time", "time"), ("duration", "duration")},
}


def _of(kinds: tuple[str, ...], work: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose arguments are of these kinds; null when one of them is."""

    def called(*args: Any) -> Any:
        if any(a is None for a in args):
            return None
        for n, (a, kind) in enumerate(zip(args, kinds, strict=False), 1):
            if _kind(a) != kind:
                raise Wrong(f"argument {n} is a {_kind(a)}, and a {kind} is wanted")
        return work(*args)

    called.takes = kinds  # type: ignore[attr-defined]  # read once, for `_TAKES`
    return called


def _texts(work: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    return _of(("text",) * count, work)


def _concat(a: str, b: str) -> str:
    if len(a) + len(b) > _MOST_TEXT:
        raise Wrong(f"a text of more than {_MOST_TEXT} characters: join shorter ones")
    return a + b


def _substring(text: str, start: Any, count: Any = None) -> str:
    if any(not isinstance(x, int) or x < 0 for x in (start, 0 if count is None else count)):
        raise Wrong("substring takes whole numbers from 0")
    return text[start:] if count is None else text[start : start + count]


def _times(work: Callable[[datetime], Any]) -> Callable[..., Any]:
    return _of(("time",), work)


def _numbers(work: Callable[[float], int]) -> Callable[..., Any]:
    return _of(("number",), lambda x: work(x) if math.isfinite(x) else None)


def _places(work: Callable[[Point, Shape], Any]) -> Callable[..., Any]:
    """Of two places of which one is a point, in either order."""

    def either(a: Shape, b: Shape) -> Any:
        if a.point is not None:
            return work(a.point, b)
        if b.point is not None:
            return work(b.point, a)
        raise Wrong(f"one of the two places must be a point: give {_SHAPES}")

    return _of(("place", "place"), either)


def _inside(p: Point, shape: Shape) -> bool:
    return geometry.where(p, shape) == "inside"


def _st_within(a: Shape, b: Shape) -> bool:
    return a.point is not None and _inside(a.point, b)


def _st_relate(a: Shape, b: Shape, pattern: str) -> bool:
    if a.point is not None:
        found = geometry.relation(a.point, b)
    elif b.point is not None:
        seen = geometry.relation(b.point, a)
        found = "".join(seen[row + 3 * column] for row in range(3) for column in range(3))
    else:
        raise Wrong(f"one of the two places must be a point: give {_SHAPES}")
    try:
        return geometry.fits(found, pattern)
    except ValueError as error:
        raise Wrong(str(error)) from error


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    **{name: _ordered(name, getattr(operator, name)) for name in ("gt", "ge", "lt", "le")},
    "add": _arithmetic("add", operator.add),
    "sub": _arithmetic("sub", operator.sub),
    "mul": _arithmetic("mul", operator.mul),
    "div": _arithmetic("div", operator.truediv),
    "mod": _arithmetic("mod", math.fmod),
    "neg": _of(("number",), operator.neg),
    "substringof": _texts(lambda part, text: part in text, 2),
    "contains": _texts(lambda text, part: part in text, 2),
    "startswith": _texts(lambda text, part: text.startswith(part), 2),
    "endswith": _texts(lambda text, part: text.endswith(part), 2),
    "indexof": _texts(lambda text, part: text.find(part), 2),
    "length": _texts(len),
    "tolower": _texts(str.lower),
    "toupper": _texts(str.upper),
    "trim": _texts(str.strip),
    "concat": _texts(_concat, 2),
    "substring": _of(("text", "number", "number"), _substring),
    "year": _times(lambda t: t.year),
    "month": _times(lambda t: t.month),
    "day": _times(lambda t: t.day),
    "hour": _times(lambda t: t.hour),
    "minute": _times(lambda t: t.minute),
    "second": _times(lambda t: t.second),
    "fractionalseconds": _times(lambda t: t.microsecond / 1e6),
    "date": _times(lambda t: t.replace(hour=0, minute=0, second=0, microsecond=0)),
    "time": _times(lambda t: timedelta(hours=t.hour, minutes=t.minute, seconds=t.second, microseconds=t.microsecond)),
    "totaloffsetminutes": _times(lambda _: 0),
    "mindatetime": lambda: datetime.min.replace(tzinfo=UTC),
    "maxdatetime": lambda: datetime.max.replace(tzinfo=UTC),
    "round": _numbers(lambda x: math.floor(x + 0.5)),
    "floor": _numbers(math.floor),
    "ceiling": _numbers(math.ceil),
    "geo.distance": _places(geometry.distance),
    "geo.length": _of(("place",), geometry.length),
    "geo.intersects": _places(lambda p, s: geometry.where(p, s) != "outside"),
    "st_intersects": _places(lambda p, s: geometry.where(p, s) != "outside"),
    "st_disjoint": _places(lambda p, s: geometry.where(p, s) == "outside"),
    "st_touches": _places(lambda p, s: geometry.where(p, s) == "border"),
    "st_equals": _places(lambda p, s: s.point == p),
    "st_within": _of(("place", "place"), _st_within),
    "st_contains": _of(("place", "place"), lambda a, b: _st_within(b, a)),
    "st_relate": _of(("place", "place", "text"), _st_relate),
    "st_crosses": _places(lambda _p, _s: False),  # a point lies in a place or not
    "st_overlaps": _places(lambda _p, _s: False),
}
_LEAST = {"substring": 2}


def _takes(name: str, function: Callable[..., Any]) -> tuple[int, int]:
    kinds = getattr(function, "takes", None)
    most = len(kinds) if kinds is not None else len(inspect.signature(function).parameters)
    return _LEAST.get(name, most), most


_TAKES = {name: _takes(name, function) for name, function in FUNCTIONS.items()}
