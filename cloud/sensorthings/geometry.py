"""Places in well-known text (OGC 06-103r4, 7), and how a point lies to one of them. Pure.

Longitude and latitude are taken as flat, as in PostGIS' geometry: distances and lengths are in degrees. All that we
serve are points, so nothing is answered here but for a point and a shape.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
Line = tuple[Point, ...]
_KINDS = {"POINT": 0, "MULTIPOINT": 0, "LINESTRING": 1, "MULTILINESTRING": 1, "POLYGON": 2, "MULTIPOLYGON": 2}
_WORDS = re.compile(
    r"\s*(?:SRID=(?P<srid>\d+);)?\s*(?P<kind>[A-Za-z]+)\s*Z?\s*(?P<rest>\(.*\))\s*", re.ASCII | re.DOTALL
)
_TOKEN = re.compile(r"\s*([(),]|[-+0-9.eE]+)", re.ASCII)
_MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Shape:
    """dimension: 0 of points, 1 of lines, 2 of areas. parts: points as lines of one; lines; areas as rings, the first
    of each the outer one."""

    dimension: int
    parts: tuple[tuple[Line, ...], ...]

    @property
    def point(self) -> Point | None:
        """Where it is, if it is one point."""
        only = self.dimension == 0 and len(self.parts) == 1
        return self.parts[0][0][0] if only else None


def point(lon: float, lat: float) -> Shape:
    return Shape(0, ((((lon, lat),),),))


def of_geojson(found: Any) -> Shape | None:
    """A point of RFC 7946; None for all else."""
    if isinstance(found, dict) and found.get("type") == "Point":
        lon, lat = found["coordinates"][:2]
        return point(lon, lat)
    return None


def of_wkt(text: str) -> Shape:
    """Raises ValueError with what is wrong."""
    found = _WORDS.fullmatch(text)
    kind = found["kind"].upper() if found else ""
    if found is None or kind not in _KINDS:
        raise ValueError(f"{text[:40]!r} is no place: write POINT (lon lat), or {', '.join(list(_KINDS)[1:])}")
    if found["srid"] not in (None, "4326"):
        raise ValueError(f"SRID {found['srid']} is not served: give degrees of WGS 84, 4326")
    nested = _nested(found["rest"])
    parts: tuple[tuple[Line, ...], ...]
    if kind in ("POINT", "LINESTRING"):
        parts = ((_line(nested),),)
    elif kind == "POLYGON":
        parts = (tuple(map(_line, nested)),)
    elif kind == "MULTIPOLYGON":
        parts = tuple(tuple(map(_line, rings)) for rings in nested)
    elif kind == "MULTILINESTRING":
        parts = tuple((_line(line),) for line in nested)
    else:
        parts = tuple((_line([p] if isinstance(p[0], float) else p),) for p in nested)
    _check(kind, parts)
    return Shape(_KINDS[kind], parts)


def _nested(text: str) -> list[Any]:
    """Lists of lists of positions, as the parentheses stand. Raises ValueError."""
    stack: list[list[Any]] = [[]]
    numbers: list[float] = []
    at = count = 0
    closed = "the parentheses of the place do not match"

    def flush() -> None:
        nonlocal numbers, count
        if numbers:
            if len(numbers) not in (2, 3):
                raise ValueError("a position is `longitude latitude`, with a blank between")
            count += 1
            if count > _MOST_POINTS:
                raise ValueError(f"more than {_MOST_POINTS} positions: simplify the place")
            stack[-1].append(list(numbers))
            numbers = []

    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at:].strip():
                raise ValueError(f"{text[at : at + 10]!r} is no part of a place")
            break
        at, piece = found.end(), found[1]
        if piece == "(":
            if len(stack) > 4:
                raise ValueError(closed)
            stack.append([])
        elif piece == ",":
            flush()
        elif piece == ")":
            flush()
            if len(stack) < 2:
                raise ValueError(closed)
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            numbers.append(float(piece))
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError(closed)
    out: list[Any] = stack[0][0]
    return out


def _line(positions: Sequence[Any]) -> Line:
    """Raises ValueError."""
    if not positions or not all(isinstance(p, list) and p and isinstance(p[0], float) for p in positions):
        raise ValueError("the parentheses do not fit this kind of place")
    return tuple((p[0], p[1]) for p in positions)


def _check(kind: str, parts: tuple[tuple[Line, ...], ...]) -> None:
    least = {"POINT": 1, "MULTIPOINT": 1, "LINESTRING": 2, "MULTILINESTRING": 2}.get(kind, 4)
    for line in (line for part in parts for line in part):
        if len(line) < least or (least == 1 and len(line) > 1):
            raise ValueError(f"{kind} has a part of {len(line)} positions; it needs {least}")
        if least == 4 and line[0] != line[-1]:
            raise ValueError("a ring ends where it begins: repeat its first position at its end")
        if not all(math.isfinite(x) and abs(x) <= 1e6 for p in line for x in p):
            raise ValueError("a position is no number of degrees")


def where(p: Point, shape: Shape) -> str:
    """`inside`, `border` or `outside`. A point is its own inside; of a line the ends are its border."""
    found = "outside"
    for part in shape.parts:
        here = _in_part(p, shape.dimension, part)
        if here == "inside":
            return here
        if here == "border":
            found = here
    return found


def _in_part(p: Point, dimension: int, part: tuple[Line, ...]) -> str:
    if dimension == 0:
        return "inside" if part[0][0] == p else "outside"
    if dimension == 1:
        line = part[0]
        if p in (line[0], line[-1]) and line[0] != line[-1]:
            return "border"
        return "inside" if _on(p, line) else "outside"
    if any(_on(p, ring) for ring in part):
        return "border"
    inside = _within(p, part[0]) and not any(_within(p, hole) for hole in part[1:])
    return "inside" if inside else "outside"


def _on(p: Point, line: Line) -> bool:
    return any(_apart(p, a, b) == 0.0 for a, b in itertools.pairwise(line))


def _within(p: Point, ring: Line) -> bool:
    """Even and odd: how often a ray to the east crosses the ring."""
    x, y = p
    inside = False
    for (x1, y1), (x2, y2) in itertools.pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def _apart(p: Point, a: Point, b: Point) -> float:
    (x, y), (x1, y1), (x2, y2) = p, a, b
    dx, dy = x2 - x1, y2 - y1
    length2 = dx * dx + dy * dy
    along = 0.0 if length2 == 0 else min(max(((x - x1) * dx + (y - y1) * dy) / length2, 0.0), 1.0)
    return math.hypot(x - x1 - along * dx, y - y1 - along * dy)


def distance(p: Point, shape: Shape) -> float:
    """In degrees; 0.0 within it."""
    if where(p, shape) != "outside":
        return 0.0
    out = math.inf
    for line in (line for part in shape.parts for line in part):
        pairs = zip(line, line[1:] or line, strict=False)
        out = min(out, *(_apart(p, a, b) for a, b in pairs))
    return out


def length(shape: Shape) -> float:
    """Of lines, in degrees; 0.0 of points and areas, as PostGIS says it."""
    if shape.dimension != 1:
        return 0.0
    return sum(math.dist(a, b) for part in shape.parts for line in part for a, b in itertools.pairwise(line))


def relation(p: Point, shape: Shape) -> str:
    """The nine intersections of a point's interior, border and outside with the shape's (DE-9IM; OGC 06-103r4, 6.1.15),
    row by row; F: none, else its dimension."""
    here = where(p, shape)
    point_row = "".join("0" if here == place else "F" for place in ("inside", "border", "outside"))
    if shape.dimension == 0:
        others = any(part[0][0] != p for part in shape.parts)
        return point_row + "FFF" + ("0" if others else "F") + "F2"
    open_ended = any(part[0][0] != part[0][-1] for part in shape.parts)
    border = "1" if shape.dimension == 2 else "0" if open_ended else "F"
    return f"{point_row}FFF{shape.dimension}{border}2"


def fits(relation: str, pattern: str) -> bool:
    """pattern: nine of 0, 1, 2, F, T (any dimension) and * (whatever). Raises ValueError."""
    if not re.fullmatch(r"[012FT*]{9}", pattern.upper(), re.ASCII):
        raise ValueError(f"{pattern[:20]!r} is no pattern: write nine of 0, 1, 2, F, T and *, as 'T*F**F***'")
    return all(
        wanted in ("*", is_) or (wanted == "T" and is_ != "F")
        for wanted, is_ in zip(pattern.upper(), relation, strict=True)
    )
