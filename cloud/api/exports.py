"""Files that other programs open: rain for SWMM, series for Delft-FEWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import Depends, FastAPI, Query
from fastapi.responses import Response, StreamingResponse

from cloud.api.areal import known_throughout
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.rain import RAIN, Fallen, RainAsked, fallen
from cloud.api.selection import Selection
from cloud.api.series import in_turns
from cloud.api.series_tables import title
from cloud.api.tabled import range_of, zone_named
from cloud.api.turns import Turns
from cloud.exports import pi_xml, swmm
from cloud.series.blocks import Wanted, blocks
from contract.catalogue.catalogue import ChannelInfo
from contract.readings import Flag, Int64s

_AT_ONCE = 2
_MINUTE_MS = 60_000
_WHY = "all of it goes into one file"
_MOST_CELLS = 5_000_000  # gauges x intervals
_MOST_READ = 50_000_000
_MINUTES = {"1min": 1, "5min": 5, "10min": 10, "15min": 15, "30min": 30, "1h": 60}
Step = Annotated[
    Literal["1min", "5min", "10min", "15min", "30min", "1h"], Query(description="Of rain; steps begin with the start")
]
_Zone = Annotated[str | None, Query(max_length=64, description="Of the file's clock; the district's")]


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)
    catalogue = services.catalogue

    @app.get("/v1/exports/swmm")
    async def swmm_rain(
        asked: Annotated[RainAsked, Depends()],
        start: When,
        end: When,
        step: Step = "5min",
        time_zone: _Zone = None,
    ) -> Response:
        """Rain as EPA SWMM, MIKE+ and others read it: a line a wet interval, by gauge. Comments say the clock, what is
        not known, and what is known only in part; a model reads on over them, and takes what has no line for dry."""
        start_ms, end_ms = range_of(start, end, _WHY)
        gauges, zone = asked.gauges(services), zone_named(time_zone, catalogue.district.time_zone)
        edges_ms = _edges(start_ms, end_ms, step, len(gauges))
        names = _stations(gauges)

        def pieces() -> Iterator[bytes]:
            yield swmm.head(_MINUTES[step], zone)
            for f in fallen(services.series, gauges, start_ms, end_ms):
                yield _swmm(names[f.channel.id], f, edges_ms, services.clock.now_ms(), zone)

        return await _file(turns, pieces(), "text/plain; charset=utf-8", "rain.dat")

    @app.get("/v1/exports/pi-xml")
    async def fews(
        selection: Annotated[Selection, Depends()],
        start: When,
        end: When,
        step: Step = "5min",
    ) -> Response:
        """Readings as Delft-FEWS imports them (PI-XML), a series a channel: as they came, with their flags; of a gauge
        the rain of each interval, at its end. Times are UTC."""
        start_ms, end_ms = range_of(start, end, _WHY)
        infos = selection.infos(catalogue)
        if sum((end_ms - start_ms) / max(c.period_s * 1000, 1) for c in infos) > _MOST_READ:
            raise Problem(413, "Too much for one file", "ask for a shorter time or fewer channels")
        edges_ms = _edges(start_ms, end_ms, step, 1)
        return await _file(turns, _pi_xml(services, infos, edges_ms), "application/xml", "series.xml")


def _edges(start_ms: int, end_ms: int, step: str, gauges: int) -> Int64s:
    """Raises Problem(413)."""
    step_ms = _MINUTES[step] * _MINUTE_MS
    if gauges * (end_ms - start_ms) > _MOST_CELLS * step_ms:
        raise Problem(413, "Too much for one file", "ask for a shorter time, fewer gauges or a longer step")
    return np.append(np.arange(start_ms, end_ms, step_ms, dtype=np.int64), end_ms)


async def _file(turns: Turns, pieces: Iterator[bytes], media_type: str, name: str) -> Response:
    headers = {"Cache-Control": "no-cache", "Content-Disposition": f'attachment; filename="headwater-{name}"'}
    return StreamingResponse(await in_turns(turns, pieces), media_type=media_type, headers=headers)


def _stations(gauges: Sequence[ChannelInfo]) -> dict[int, str]:
    """Of each gauge its station's id; where a station has several, with the channel's number."""
    every = [g.station.id for g in gauges]
    return {g.id: g.station.id if every.count(g.station.id) == 1 else f"{g.station.id}_{g.id}" for g in gauges}


def _swmm(name: str, f: Fallen, edges_ms: Int64s, now_ms: int, zone: ZoneInfo) -> bytes:
    fell, known = f.between(edges_ms)[0], known_throughout(f, edges_ms, now_ms)
    doubt = {"known": known, "at_least": fell.at_least, "uncertain": fell.uncertain}
    return swmm.gauge(name, fell.start_ms, int(edges_ms[-1]), fell.mm, zone, **doubt)


def _pi_xml(services: Services, infos: Sequence[ChannelInfo], edges_ms: Int64s) -> Iterator[bytes]:
    start_ms, end_ms = int(edges_ms[0]), int(edges_ms[-1])
    yield pi_xml.head()
    for c in infos:
        step_s = (int(edges_ms[1]) - start_ms) // 1000 if c.quantity in RAIN else None
        first_ms = start_ms if step_s is None else int(edges_ms[1])
        place = (title(c), c.station.lat, c.station.lon)
        parameter = c.quantity.value if step_s is None else "rain"
        location = f"{c.station.id}.{c.id}"
        yield pi_xml.begin(
            pi_xml.Header(location, parameter, *place, c.unit, first_ms, end_ms, step_s, step_s is not None)
        )
        if step_s is None:
            for block in blocks(services.series, [Wanted.of(c)], edges_ms):
                yield pi_xml.events(block.readings.time_ms, block.readings.value, block.readings.flag)
        else:
            for f in fallen(services.series, [c], start_ms, end_ms):
                yield _sums(f, edges_ms, services.clock.now_ms())
        yield pi_xml.end()
    yield pi_xml.tail()


def _sums(f: Fallen, edges_ms: Int64s, now_ms: int) -> bytes:
    """What is known in part is doubtful; what is not known is missing, not dry."""
    fell, known = f.between(edges_ms)[0], known_throughout(f, edges_ms, now_ms)
    flag = np.where(fell.at_least | fell.uncertain, Flag.SUSPECT, Flag.PASS).astype(np.uint8)
    return pi_xml.events(edges_ms[1:], np.where(known, fell.mm, np.nan), flag)
