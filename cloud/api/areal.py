"""Rain over areas: the mean of each zone by the Thiessen polygons of the gauges that are known at the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response
from numpy.typing import NDArray

from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.rain import Fallen, RainAsked, fallen
from cloud.api.selection import zones_named
from cloud.api.series import answered
from cloud.api.series_tables import TIME
from cloud.api.tabled import range_of, tables_of
from cloud.api.turns import Turns
from cloud.hydrology.rainfall import HOUR_MS
from cloud.hydrology.thiessen import thiessen_weights
from cloud.series.figures import USABLE
from cloud.series.intervals import Interval, LocalDays, at_most, edges
from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.places import Zone
from contract.readings import Bools, Float64s, Int64s

_AT_ONCE = 1
_MOST_CELLS = 5_000_000  # gauges x intervals, which stand in memory
_MOST_GAUGES = 300  # each is cut against all others, for every set of them that is known
_ROWS = 10_000
_ZONE = {"zone": pa.string(), "name": pa.string()}
_WEIGHT = {**_ZONE, "channel": pa.uint32(), "station": pa.string(), "weight": pa.float64()}
_AREAL = {**_ZONE, "time": TIME, "mm": pa.float64(), "mm_per_h": pa.float64(), "gauges": pa.int64()}
_AREAL |= {"at_least": pa.bool_(), "uncertain": pa.bool_()}
_Areas = Annotated[
    list[Annotated[str, Query(max_length=200)]] | None,
    Query(max_length=1000, description="Zones over which the mean is taken, by id or name; all"),
]


def mount(app: FastAPI, services: Services) -> None:
    turns, days = Turns(_AT_ONCE, dear=True), ZoneInfo(services.catalogue.district.time_zone)

    @app.get("/v1/rain/areal")
    async def rain_areal(
        request: Request,
        asked: Annotated[RainAsked, Depends()],
        start: When,
        end: When,
        area: _Areas = None,
        interval: Interval = "1h",
        day_begins_h: Annotated[int, Query(ge=0, le=23, description="At which hour of the clock a day begins")] = 0,
    ) -> Response:
        """The mean rain over zones by intervals, by Thiessen polygons: each place of a zone has the rain of the gauge
        next to it. By zone and time.

        Of the gauges meant (all there are, where none is named) those count of which something is known throughout the
        interval, and the polygons are theirs: gauges, how many. mm is null where none is known. What a gauge counted
        after a silence is uncertain, and known.
        """
        start_ms, end_ms = range_of(start, end, "rain is looked at by the minute")
        zones, gauges = zones_named(services.catalogue, area or ()), _bounded(asked.gauges(services))
        if len(gauges) * at_most(interval, start_ms, end_ms) > _MOST_CELLS:
            what = f"{_MOST_CELLS} intervals of all gauges together are most: a shorter time, or a longer interval"
            raise Problem(413, "Too much for one answer", what)
        edges_ms = await turns.run(edges, interval, start_ms, end_ms, LocalDays(days, day_begins_h))
        now_ms = services.clock.now_ms()

        def rows() -> Iterator[list[dict[str, Any]]]:
            found = list(fallen(services.series, gauges, start_ms, end_ms))
            grid = _Grid.of(found, edges_ms, now_ms)
            for zone in zones:
                yield from _rows(zone, gauges, grid)

        return await answered(
            request, services, turns, tables_of(rows(), _AREAL), asked.shape, "areal-rain", end_ms + HOUR_MS
        )

    @app.get("/v1/rain/thiessen")
    async def thiessen(request: Request, asked: Annotated[RainAsked, Depends()], area: _Areas = None) -> Response:
        """What part of each zone is nearest to each gauge, while all of them are known; gauges of none are left out."""
        zones, gauges = zones_named(services.catalogue, area or ()), _bounded(asked.gauges(services))
        rows = (_weights(zone, gauges) for zone in zones)
        return await answered(request, services, turns, tables_of(rows, _WEIGHT), asked.shape, "thiessen", 0)


def _bounded(gauges: list[ChannelInfo]) -> list[ChannelInfo]:
    """Raises Problem(413)."""
    if len(gauges) > _MOST_GAUGES:
        what = f"{len(gauges)} gauges are meant, {_MOST_GAUGES} are most: name those in and around the area"
        raise Problem(413, "Too many gauges", what)
    return gauges


@dataclass(frozen=True, slots=True)
class _Grid:
    """Of each gauge and interval, shape (gauges, n). sets: shape (k, gauges), which gauges are known together, each
    throughout an interval that is no later than now. of_interval: shape (n,), the set of each."""

    edges_ms: Int64s
    mm: Float64s
    sets: Bools
    of_interval: Int64s
    at_least: Bools
    uncertain: Bools

    @classmethod
    def of(cls, found: Sequence[Fallen], edges_ms: Int64s, now_ms: int) -> _Grid:
        fell = [f.between(edges_ms)[0] for f in found]
        known = np.array([known_throughout(f, edges_ms, now_ms) for f in found])
        sets, of_interval = np.unique(known.T, axis=0, return_inverse=True)
        return cls(
            edges_ms,
            np.array([h.mm for h in fell]),
            sets,
            of_interval.reshape(-1),
            np.array([h.at_least for h in fell]),
            np.array([h.uncertain for h in fell]),
        )


def known_throughout(f: Fallen, edges_ms: Int64s, now_ms: int) -> Bools:
    """Between its first usable reading and its last, and as long after that as it may say nothing while all is well."""
    heard = f.readings.time_ms[np.isin(f.readings.flag, USABLE)]
    if not len(heard):
        return np.zeros(len(edges_ms) - 1, np.bool_)
    until_ms = min(int(heard[-1]) + f.gauge.heard_ms, max(now_ms, int(heard[-1])))
    return np.asarray((edges_ms[:-1] >= heard[0]) & (edges_ms[1:] <= until_ms))


def _rows(zone: Zone, gauges: Sequence[ChannelInfo], grid: _Grid) -> Iterator[list[dict[str, Any]]]:
    """Intervals in which the same gauges are known have the same polygons."""
    weight = np.zeros((len(gauges), len(grid.sets)))
    for n, known in enumerate(grid.sets):
        places = np.flatnonzero(known).tolist()
        if places:
            weight[places, n] = thiessen_weights(zone.area, [_place(gauges[p]) for p in places])
    each: Float64s = weight[:, grid.of_interval]
    some: Int64s = grid.sets.sum(axis=1)[grid.of_interval]
    mm = np.where(some > 0, (each * grid.mm).sum(axis=0), np.nan)
    hours = np.diff(grid.edges_ms) / HOUR_MS
    at_least, uncertain = (np.logical_or.reduce((each > 0) & doubt) for doubt in (grid.at_least, grid.uncertain))
    columns: list[NDArray[Any]] = [grid.edges_ms[:-1], mm, mm / hours, some, at_least, uncertain]
    for first in range(0, len(mm), _ROWS):
        part = (c[first : first + _ROWS].tolist() for c in columns)
        yield [
            {
                "zone": zone.id,
                "name": str(zone.name),
                "time": time,
                "mm": None if n == 0 else fell,
                "mm_per_h": None if n == 0 else rate,
                "gauges": n,
                "at_least": least,
                "uncertain": unsure,
            }
            for time, fell, rate, n, least, unsure in zip(*part, strict=True)
        ]


def _weights(zone: Zone, gauges: Sequence[ChannelInfo]) -> list[dict[str, Any]]:
    found = thiessen_weights(zone.area, [_place(g) for g in gauges])
    return [
        {"zone": zone.id, "name": str(zone.name), "channel": g.id, "station": g.station.id, "weight": float(w)}
        for g, w in zip(gauges, found, strict=True)
        if w > 0
    ]


def _place(gauge: ChannelInfo) -> tuple[float, float]:
    return gauge.station.lat, gauge.station.lon
