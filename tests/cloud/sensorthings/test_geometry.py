"""Points and places as shapely (GEOS), which is somebody else's, sees them."""

from __future__ import annotations

import itertools

import pytest
import shapely

from cloud.sensorthings import geometry

PLACES = [
    "POINT (1 1)",
    "MULTIPOINT ((0 0), (1 1))",
    "MULTIPOINT (0 0, 1 1)",
    "LINESTRING (0 0, 2 2, 4 0)",
    "LINESTRING (0 0, 2 0, 2 2, 0 0)",
    "MULTILINESTRING ((0 0, 1 1), (3 3, 4 4))",
    "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))",
    "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 1 3, 3 3, 3 1, 1 1))",
    "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((2 2, 4 2, 4 4, 2 4, 2 2)))",
]
POINTS = [*itertools.product((0, 1, 2, 3, 4, 5), repeat=2), (0.5, 0.5), (2.5, 1.5), (-1, 2)]


@pytest.mark.parametrize("text", PLACES)
def test_relations_and_distances_are_those_of_geos(text: str) -> None:
    ours, theirs = geometry.of_wkt(text), shapely.from_wkt(text)
    assert geometry.length(ours) == pytest.approx(0 if ours.dimension == 2 else theirs.length)
    for p in POINTS:
        point = shapely.Point(p)
        at = (float(p[0]), float(p[1]))
        assert geometry.relation(at, ours) == point.relate(theirs), (p, text)
        assert geometry.distance(at, ours) == pytest.approx(point.distance(theirs)), (p, text)


@pytest.mark.parametrize(("pattern", "wanted"), [("T*F**F***", True), ("FF*FF****", False), ("0FFFFF212", True)])
def test_patterns(pattern: str, wanted: bool) -> None:
    inside = geometry.relation((1.0, 1.0), geometry.of_wkt(PLACES[6]))
    assert geometry.fits(inside, pattern) is wanted
    with pytest.raises(ValueError, match="nine of"):
        geometry.fits(inside, pattern[:-1])
