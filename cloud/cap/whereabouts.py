"""Whether the shapes of a message lie where they should: in a box that somebody names, and near one another. Pure.

Numbers that are exchanged (longitude, latitude) and both below 90 are a place on the Earth, too: only what is known
from elsewhere tells. Nothing is said where nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from cloud.cap.faults import Fault
from cloud.cap.rules import named, point_of
from cloud.cap.structure import content, fault
from contract.geometry import Point

_FAR_DEG, _NEAR_DEG = 10.0, 3.0  # one message tells of one region
_MEND = "write latitude first: lat,lon"


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the Earth, in degrees; its borders are in it. None is across the meridian of 180 degrees."""

    south: float
    west: float
    north: float
    east: float

    @classmethod
    def parse(cls, text: str) -> Box:
        """SOUTH,WEST,NORTH,EAST in degrees. Raises ValueError on anything else, with what to do.

        >>> Box.parse("28.4,76.8,28.9,77.4").holds((28.6, 77.2))
        True
        """
        wanted = "write SOUTH,WEST,NORTH,EAST in degrees, like 28.4,76.8,28.9,77.4"
        try:
            south, west, north, east = (float(part) for part in text.split(","))
        except ValueError as error:
            raise ValueError(f"{text!r} is no area: {wanted}") from error
        if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
            raise ValueError(f"{text!r} is no area: south before north, west before east; {wanted}")
        return cls(south, west, north, east)

    def holds(self, point: Point) -> bool:
        """point: (lat, lon)."""
        return self.south <= point[0] <= self.north and self.west <= point[1] <= self.east


def outside(alert: etree._Element, boxes: Sequence[Box], what: str) -> Iterator[Fault]:
    """The shapes that are not in any of these boxes. what: of the boxes, in words."""
    for node, points in _shapes(alert):
        beside = [p for p in points if not any(box.holds(p) for box in boxes)]
        if not beside:
            continue
        lat, lon = beside[0]
        if all(any(box.holds((lon, lat)) for box in boxes) for lat, lon in points):
            yield fault(node, f"{lat:g},{lon:g} is longitude, latitude: exchanged it lies in {what}", _MEND)
        else:
            yield fault(node, f"{lat:g},{lon:g} lies outside {what}", "correct it; or the message is of elsewhere")


def apart(alert: etree._Element) -> Iterator[Fault]:
    """Shapes that lie far from the first one, and beside it when their numbers are exchanged."""
    shapes = list(_shapes(alert))
    if not shapes:
        return
    first = _middle(shapes[0][1])
    for node, points in shapes[1:]:
        lat, lon = _middle(points)
        if _apart_deg(first, (lat, lon)) > _FAR_DEG and _apart_deg(first, (lon, lat)) < _NEAR_DEG:
            what = "exchanged it lies beside the first polygon or circle, as it is far from it"
            yield fault(node, f"{what}: one of them is longitude, latitude", _MEND)


def _shapes(alert: etree._Element) -> Iterator[tuple[etree._Element, Sequence[Point]]]:
    """The polygons and circles that can be read, with their points, each (lat, lon)."""
    for info in named(alert, "info"):
        for area in named(info, "area"):
            for name in ("polygon", "circle"):
                for node in named(area, name):
                    parts = content(node).split()[: 1 if name == "circle" else None]
                    points = [point_of(part) for part in parts]
                    if points and all(point is not None for point in points):
                        yield node, [point for point in points if point is not None]


def _middle(points: Sequence[Point]) -> Point:
    return math.fsum(lat for lat, _ in points) / len(points), math.fsum(lon for _, lon in points) / len(points)


def _apart_deg(a: Point, b: Point) -> float:
    return max(abs(a[0] - b[0]), abs((a[1] - b[1] + 180) % 360 - 180))
