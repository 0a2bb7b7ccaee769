"""Rings of (lat, lon) points on the ground: whether one bounds an area, and how far a place lies outside it. Pure.

Degrees, WGS 84. Rings are as small as a district's zones: the ground is taken as flat around a place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.readings import Bools, Float64s

Point = tuple[float, float]
_MOST_CORNERS = 10_000  # of a ring whose crossings are looked for, which costs the square: some seconds
_LEAST_WIDTH_M = 0.5
_ALONG = 1e-9  # sine of an angle that is none: coordinates are rounded
_M_PER_DEGREE = 111_195.0  # of latitude, on a sphere of the Earth's mean radius (IUGG)


def ring_fault(points: Sequence[Point]) -> str | None:
    """Why these points bound no area, in words; None when they do. points: (lat, lon), the first repeated last or not.

    Crossings are looked for in rings of at most 10,000 corners.

    >>> ring_fault([(0, 0), (1, 1), (1, 0), (0, 1)])
    'its border crosses itself between points 1-2 and 3-4 (a bow-tie): name the points in the order around the area'
    """
    for n, (lat, lon) in enumerate(points, 1):
        if abs(lat) > 90 and abs(lon) <= 90:
            return f"point {n} has latitude {lat:g}: latitude comes first, and lies between -90 and 90"
        if abs(lat) > 90 or abs(lon) > 180:
            return f"point {n} ({lat:g}, {lon:g}) is not on the Earth: latitude to 90 degrees, longitude to 180"
    corners, number = _corners(points)
    if len(set(points)) < 3:
        return f"it has {len(set(points))} different points: an area needs three at least"
    if _width_m(corners) < _LEAST_WIDTH_M:
        return "its points lie on one line, or all but in one place: name the corners around the area"
    crossing = _crossing(corners) if len(corners) <= _MOST_CORNERS else None
    if crossing is not None:
        a, b = (number[n] for n in crossing)
        last = len(points) - (points[0] == points[-1])
        first, second = (f"{n}-{n % last + 1}" for n in (a, b))
        what = f"its border crosses itself between points {first} and {second} (a bow-tie)"
        return f"{what}: name the points in the order around the area"
    return None


def outside_m(points: Sequence[Point], lat: float, lon: float) -> float:
    """How far a place lies outside a ring, in metres; 0.0 inside it. points: (lat, lon), a ring without a fault."""
    y, x = np.array(points, np.float64).T
    y, x = (y - lat) * _M_PER_DEGREE, (x - lon) * _M_PER_DEGREE * np.cos(np.radians(lat))
    y2, x2 = np.roll(y, -1), np.roll(x, -1)
    straddles = (y > 0) != (y2 > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        east = x - y * (x2 - x) / (y2 - y) > 0
    if np.count_nonzero(straddles & east) % 2:
        return 0.0
    dy, dx = y2 - y, x2 - x
    length2 = dy * dy + dx * dx
    along = np.where(length2 > 0, -(y * dy + x * dx) / np.where(length2 > 0, length2, 1.0), 0.0)
    along = np.clip(along, 0.0, 1.0)
    return float(np.sqrt(np.min((y + along * dy) ** 2 + (x + along * dx) ** 2)))


def _corners(points: Sequence[Point]) -> tuple[Float64s, list[int]]:
    """Shape (n, 2), open, without repetitions one behind another; and which point each is, from 1."""
    kept: list[Point] = []
    number: list[int] = []
    for n, point in enumerate(points, 1):
        if not kept or point != kept[-1]:
            kept.append(point)
            number.append(n)
    while len(kept) > 1 and kept[0] == kept[-1]:
        kept.pop()
        number.pop()
    return np.array(kept, np.float64).reshape(-1, 2), number


def _width_m(corners: Float64s) -> float:
    """How far corners stand from the line that fits them best: the root of the mean square, in metres."""
    middle = corners.mean(axis=0)
    on_ground = (corners - middle) * _M_PER_DEGREE * [1.0, np.cos(np.radians(middle[0]))]
    return float(np.linalg.svd(on_ground, compute_uv=False)[1] / np.sqrt(len(corners)))


def _crossing(corners: Float64s) -> tuple[int, int] | None:
    """Two sides of an open ring that meet elsewhere than at the corner they share; None when none do."""
    n = len(corners)
    following = np.roll(corners, -1, axis=0)
    for i in range(n - 1):
        a, b = corners[i], following[i]
        others = np.arange(i + 1, n)
        c, d = corners[others], following[others]
        meet = _meet(a, b, c, d)
        # A neighbour shares a corner; it crosses when it runs back along this side.
        meet[0] = _runs_back(corners[i], following[i], d[0])
        if i == 0:
            meet[-1] = _runs_back(following[0], corners[0], c[-1])
        if meet.any():
            return i, int(others[np.argmax(meet)])
    return None


def _side(a: Float64s, b: Float64s, c: Float64s) -> Float64s:
    """Above 0 where c lies left of the line from a to b, below 0 right of it, 0 on it."""
    out: Float64s = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    return out


def _meet(a: Float64s, b: Float64s, c: Float64s, d: Float64s) -> Bools:
    """Where the side a-b and the sides c-d have a point in common; c, d: shape (n, 2)."""
    of_c, of_d, of_a, of_b = _side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b)
    within = np.ones(len(c), np.bool_)
    for axis in (0, 1):
        low, high = np.minimum(a[axis], b[axis]), np.maximum(a[axis], b[axis])
        within &= (np.maximum(c[:, axis], d[:, axis]) >= low) & (np.minimum(c[:, axis], d[:, axis]) <= high)
    return within & (np.sign(of_c) * np.sign(of_d) <= 0) & (np.sign(of_a) * np.sign(of_b) <= 0)


def _runs_back(a: Float64s, b: Float64s, c: Float64s) -> bool:
    """Whether going on from b to c leads back along a-b."""
    along, on = b - a, c - b
    straight = abs(_side(a, b, c)) <= _ALONG * np.hypot(*along) * np.hypot(*on)
    return bool(straight and np.dot(along, on) < 0)
