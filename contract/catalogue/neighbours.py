"""Which stations lie near one another. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contract.catalogue.places import Station

WITHIN_M = 1000.0
_EARTH_M = 6_371_008.8  # mean radius (IUGG); on a sphere a distance of 1 km is right to 6 m


def neighbours_of(stations: Mapping[str, Station]) -> dict[str, tuple[str, ...]]:
    """Station id -> ids of its neighbours: those it names, else all within 1 km, in the order of `stations`.

    Costs a sort and, for each station, an array of those in its strip of latitude.
    """
    names = list(stations)
    lat, lon = (np.radians([getattr(stations[n], axis) for n in names]) for axis in ("lat", "lon"))
    order = np.argsort(lat, kind="stable")
    sorted_lat = lat[order]
    reach = WITHIN_M / _EARTH_M * 1.001  # a little more: rounding must leave nobody out
    first, last = np.searchsorted(sorted_lat, lat - reach), np.searchsorted(sorted_lat, lat + reach, side="right")
    out: dict[str, tuple[str, ...]] = {}
    for i, name in enumerate(names):
        declared = stations[name].neighbours
        if declared is not None:
            out[name] = tuple(declared)
            continue
        near = order[first[i] : last[i]]
        # The haversine formula: exact enough for metres, where the cosine rule is not.
        half = np.sin((lat[near] - lat[i]) / 2) ** 2
        half += np.cos(lat[near]) * np.cos(lat[i]) * np.sin((lon[near] - lon[i]) / 2) ** 2
        metres = 2 * _EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
        out[name] = tuple(names[j] for j in sorted(near[metres <= WITHIN_M].tolist()) if j != i)
    return out
