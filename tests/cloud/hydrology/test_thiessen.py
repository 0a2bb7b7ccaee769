"""Parts of an area by the nearest gauge, against another's Voronoi diagram and against darts."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.hydrology.thiessen import thiessen_weights

LAT, LON = 34.75, 113.62
SQUARE = [(34.7, 113.6), (34.7, 113.7), (34.8, 113.7), (34.8, 113.6)]
# An L, so that what is nearest to a gauge may fall into pieces.
BENT = [(34.70, 113.60), (34.70, 113.70), (34.73, 113.70), (34.73, 113.63), (34.80, 113.63), (34.80, 113.60)]


@pytest.mark.parametrize(
    ("gauges", "expected"),
    [
        ([(34.75, 113.65)], [1.0]),
        ([(30.0, 100.0)], [1.0]),
        ([(34.75, 113.62), (34.75, 113.68)], [0.5, 0.5]),
        ([(34.75, 113.60), (34.75, 113.65)], [0.25, 0.75]),
        ([(34.72, 113.65), (34.78, 113.65), (36.0, 113.65)], [0.5, 0.5, 0.0]),
        # Two in one mast have half of its part each.
        ([(34.75, 113.62), (34.75, 113.68), (34.75, 113.68)], [0.5, 0.25, 0.25]),
    ],
)
def test_of_a_square(gauges: list[tuple[float, float]], expected: list[float]) -> None:
    assert thiessen_weights(SQUARE, gauges) == pytest.approx(expected, abs=1e-9)
    assert thiessen_weights([*SQUARE, SQUARE[0]], gauges) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-40, 140), st.integers(-40, 140)), min_size=2, max_size=12, unique=True),
    st.sampled_from([SQUARE, BENT, BENT[::-1]]),
)
def test_as_shapely_has_it(places: list[tuple[int, int]], ring: list[tuple[float, float]]) -> None:
    gauges = [(34.7 + y / 1000, 113.6 + x / 1000) for y, x in places]
    scale = np.cos(np.radians(np.mean([lat for lat, _ in ring])))
    area = shapely.Polygon([(lon * scale, lat) for lat, lon in ring])
    points = [shapely.Point(lon * scale, lat) for lat, lon in gauges]
    cells = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=area.buffer(1.0)).geoms
    parts = [sum(c.intersection(area).area for c in cells if c.contains(p)) / area.area for p in points]
    assert thiessen_weights(ring, gauges) == pytest.approx(parts, abs=1e-6)


def test_by_darts() -> None:
    rng = np.random.default_rng(3)
    gauges = [(34.7 + y, 113.6 + x) for y, x in rng.random((6, 2)) / 10]
    darts = 34.7 + rng.random(200_000) / 10, 113.6 + rng.random(200_000) / 10
    scale = np.cos(np.radians(34.75))
    far = [(darts[0] - lat) ** 2 + ((darts[1] - lon) * scale) ** 2 for lat, lon in gauges]
    share = np.bincount(np.argmin(far, axis=0), minlength=6) / 200_000
    assert thiessen_weights(SQUARE, gauges) == pytest.approx(share, abs=0.01)
