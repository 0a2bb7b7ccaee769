"""Rings that bound an area, rings that do not, and how far a place lies outside one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from contract.geometry import Point, outside_m, ring_fault

SQUARE = [(34.80, 113.65), (34.80, 113.67), (34.78, 113.67), (34.78, 113.65)]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (SQUARE, None),
        ([*SQUARE, SQUARE[0]], None),
        ([SQUARE[0], *SQUARE], None),
        (SQUARE[::-1], None),
        ([(lon, lat) for lat, lon in SQUARE], "point 1 has latitude 113.65: latitude comes first"),
        ([(95.0, 113.0), *SQUARE], "point 1 (95, 113) is not on the Earth"),
        ([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]], "crosses itself between points 1-2 and 3-4 (a bow-tie)"),
        ([SQUARE[0]] * 4, "it has 1 different points"),
        ([SQUARE[0], SQUARE[1], SQUARE[0]], "it has 2 different points"),
        ([(0, 0), (1, 1), (2, 2)], "lie on one line"),
        ([(34.7, 113.6), (34.8, 113.7), (34.9, 113.8), (34.7, 113.6)], "lie on one line"),  # as decimals are rounded
        ([(34.700001, 113.6), (34.700002, 113.600001), (34.700001, 113.600002)], "all but in one place"),
        ([(34.7000, 113.60), (34.7000, 113.61), (34.7001, 113.61), (34.7001, 113.60)], None),  # 11 m wide
        ([*SQUARE, (34.77, 113.64), (34.79, 113.66)], "crosses itself"),  # back along its own border
        ([(0, 0), (0, 4), (2, 2), (0, 2), (2, 0)], "crosses itself"),  # a corner on another side
    ],
)
def test_what_bounds_no_area_is_said(points: list[Point], said: str | None) -> None:
    found = ring_fault(points)
    assert (found is None) if said is None else (found is not None and said in found), found


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=8))
def test_it_judges_as_shapely_does(points: list[Point]) -> None:
    deduplicated = [p for n, p in enumerate(points) if p != points[n - 1]]
    if len(set(points)) < 3:
        assert ring_fault(points) is not None
    else:
        assert (ring_fault(points) is None) == Polygon(deduplicated).is_valid


@pytest.mark.parametrize(
    ("lat", "lon", "metres"),
    [
        (34.79, 113.66, 0.0),
        (34.81, 113.66, 1112.0),  # a hundredth of a degree north
        (34.79, 113.68, 913.0),  # and east, at 34.79 degrees
        (34.81, 113.68, 1439.0),
        (39.90, 116.40, 621_000.0),  # Beijing, from Zhengzhou
    ],
)
def test_how_far_a_place_is_outside(lat: float, lon: float, metres: float) -> None:
    assert outside_m(SQUARE, lat, lon) == pytest.approx(metres, rel=0.02)
