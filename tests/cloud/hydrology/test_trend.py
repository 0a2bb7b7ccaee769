"""Trends of a window as a table: what is known at its ends, and slopes that one echo does not move."""

from __future__ import annotations

import numpy as np
import pytest

from cloud.hydrology.spells import Held
from cloud.hydrology.trend import trend


@pytest.mark.parametrize(
    ("holds", "before", "now", "per_ms"),
    [
        ([], None, None, None),
        ([(0, 100, 2.0)], 2.0, 2.0, 0.0),
        ([(0, 50, 1.0), (50, 100, 2.0)], 1.0, 2.0, 0.01),
        # One echo of 9 m between readings that rise by 1 m in all.
        ([(0, 25, 1.0), (25, 50, 1.25), (50, 55, 9.0), (55, 75, 1.55), (75, 100, 1.75)], 1.0, 1.75, 0.01),
        ([(0, 30, 1.0)], 1.0, None, None),  # silent since
        ([(80, 100, 1.0)], None, 1.0, None),  # heard but now: a fifth of the window says nothing of a slope
        ([(40, 60, 1.0), (60, 100, 1.5)], None, 1.5, 0.0083),
    ],
)
def test_trend(holds: list[tuple[int, int, float]], before: float, now: float, per_ms: float) -> None:
    begin, end, value = (np.array([h[k] for h in holds], t) for k, t in ((0, int), (1, int), (2, float)))
    found = trend(Held(begin, end, value, 0, 100))
    assert (found.before, found.now) == (before, now)
    assert found.per_ms == (None if per_ms is None else pytest.approx(per_ms, abs=0.004))
