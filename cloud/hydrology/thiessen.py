"""Areal rain by Thiessen polygons (Thiessen 1911): each place of an area has the rain of the nearest gauge. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.readings import Float64s

Point = tuple[float, float]  # latitude, longitude, degrees


def thiessen_weights(ring: Sequence[Point], gauges: Sequence[Point]) -> Float64s:
    """What part of an area is nearest to each gauge: shape (gauges,), together 1.

    ring: of the area, the first point repeated last or not, without a fault (`contract.geometry.ring_fault`). gauges:
    one at least, anywhere; of several in one place each has the same part. The ground is taken as flat, as it is within
    a district: an error of some 0.1 % over 50 km.
    """
    around = np.array(ring, np.float64)
    if (around[0] == around[-1]).all():
        around = around[:-1]
    scale = np.array([1.0, np.cos(np.radians(around[:, 0].mean()))])
    origin = around.mean(axis=0)
    area = (around - origin) * scale
    places, of, many = np.unique(
        (np.array(gauges, np.float64) - origin) * scale, axis=0, return_inverse=True, return_counts=True
    )
    parts = np.array([_area(_nearest(area, places, n)) for n in range(len(places))])
    return np.asarray((parts / parts.sum() / many)[of.reshape(-1)], np.float64)


def _nearest(area: Float64s, places: Float64s, n: int) -> Float64s:
    """The corners of what is nearer to place `n` than to any other."""
    out = area
    for other in np.delete(places, n, axis=0):
        toward = other - places[n]
        out = _cut(out, (out - (places[n] + other) / 2) @ toward)
        if not len(out):
            break
    return out


def _cut(corners: Float64s, beyond: Float64s) -> Float64s:
    """What lies on this side of a line (Sutherland and Hodgman 1974). beyond: shape (n,), how far each corner is past
    it. A ring that falls into several pieces stays one, with borders along the line that bound no area."""
    if not (beyond > 0).any():
        return corners
    after, beyond_after = np.roll(corners, -1, axis=0), np.roll(beyond, -1)
    out = []
    for a, b, da, db in zip(corners, after, beyond, beyond_after, strict=True):
        if da <= 0:
            out.append(a)
        if (da > 0) != (db > 0):
            out.append(a + (b - a) * (da / (da - db)))
    return np.array(out, np.float64).reshape(-1, 2)


def _area(corners: Float64s) -> float:
    """Shoelace."""
    if len(corners) < 3:
        return 0.0
    y, x = corners.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
