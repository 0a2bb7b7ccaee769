"""The rain that fell at the gauge next to a station."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, hypot, radians
from typing import Any

import numpy as np
import pyarrow as pa

from cloud.api.ports import Services
from cloud.api.rain import RAIN, Fallen, fallen
from contract.catalogue.places import Station

RAIN_NEAR: Mapping[str, pa.DataType] = {"gauge": pa.uint32(), "rain_mm": pa.float64(), "rain_at_least": pa.bool_()}


class RainNear:
    """For one question, of a time: a gauge is read once, when it is asked for first."""

    def __init__(self, services: Services, start_ms: int, end_ms: int) -> None:
        self._services, self._start_ms, self._end_ms = services, start_ms, end_ms
        self._gauges = [c for _, c in sorted(services.catalogue.channels.items()) if c.quantity in RAIN]
        self._read: dict[int, Fallen] = {}

    def between(self, station: Station, start_ms: int, end_ms: int) -> dict[str, Any]:
        """A row's columns, as `RAIN_NEAR` has them; all None where there is no gauge."""
        if not self._gauges:
            return dict.fromkeys(RAIN_NEAR)
        gauge = min(self._gauges, key=lambda g: (_far(station, g.station), g.id))
        if gauge.id not in self._read:
            (self._read[gauge.id],) = fallen(self._services.series, [gauge], self._start_ms, self._end_ms)
        f = self._read[gauge.id]
        fell = f.between(np.array([start_ms, end_ms], np.int64))[0]
        mm = float(fell.mm[0]) if len(f.readings) else None
        return {"gauge": gauge.id, "rain_mm": mm, "rain_at_least": bool(fell.at_least[0])}


def _far(a: Station, b: Station) -> float:
    """In degrees of latitude."""
    return hypot(a.lat - b.lat, (a.lon - b.lon) * cos(radians(a.lat)))
