"""Events of water, gaps in readings, and how much of a time is known, by channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.known import Known, believed, known
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.rain_near import RAIN_NEAR, RainNear
from cloud.api.selection import Selection
from cloud.api.series import Shape, answered
from cloud.api.series_tables import TIME
from cloud.api.tabled import NAMES, names_of, range_of, tables_of
from cloud.api.turns import Turns
from cloud.hydrology.rainfall import HOUR_MS
from cloud.hydrology.spells import Held, WaterEvent, water_events
from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.quantities import WATER
from contract.readings import ReadingBatch

_AT_ONCE = 2
_WHY = "every reading is looked at"
_EVENT = {**NAMES, "above": pa.float64(), "start": TIME, "end": TIME, "minutes": pa.float64(), "peak": pa.float64()}
_EVENT |= {"peak_time": TIME, "above_s": pa.float64(), "unknown_s": pa.float64(), "began_unseen": pa.bool_()}
_EVENT |= {"ended_unseen": pa.bool_(), "goes_on": pa.bool_()}
_GAP = {**NAMES, "start": TIME, "end": TIME, "seconds": pa.float64()}
_WHOLE = {**NAMES, "start": TIME, "end": TIME, "known_s": pa.float64(), "known_share": pa.float64()}
_WHOLE |= {"readings": pa.int64(), "usable": pa.int64(), "gaps": pa.int64(), "longest_gap_s": pa.float64()}

Row = dict[str, Any]


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    @app.get("/v1/water/events")
    async def water_events_of(
        request: Request,
        selection: Annotated[Selection, Depends()],
        form: Annotated[Shape, Depends()],
        start: When,
        end: When,
        above: Annotated[
            float | None, Query(allow_inf_nan=False, description="In the channel's unit; its lowest threshold")
        ] = None,
        apart_min: Annotated[float, Query(ge=0, le=2880, description="Water gone for so long: another event")] = 60,
        rain_h: Annotated[
            int | None, Query(ge=0, le=240, description="With the rain from so many hours before each event to its end")
        ] = None,
    ) -> Response:
        """When water stood above a value: start, end, peak and when it was first there, by channel and time.

        above_s: for how long it was known to stand above. unknown_s: of the event. began_unseen, ended_unseen: nothing
        is known of the moment before or after, so that it was longer, perhaps. goes_on: it stands at the end. gauge:
        the next one to the station; rain_mm: what it counted, null where it was never heard.
        """
        start_ms, end_ms = range_of(start, end, _WHY)
        limits = _limits(services.catalogue, water_of(services.catalogue, selection), above)
        infos = [services.catalogue.channels[c] for c in limits]
        apart_ms = round(apart_min * 60_000)
        made = None if rain_h is None else RainNear(services, start_ms - rain_h * HOUR_MS, end_ms)

        def rows_of(c: ChannelInfo, h: Held) -> list[Row]:
            found = [_event(c, limits[c.id], e) for e in water_events(h, limits[c.id], apart_ms)]
            if made is None:
                return found
            early_ms = (rain_h or 0) * HOUR_MS
            return [{**row, **made.between(c.station, row["start"] - early_ms, row["end"])} for row in found]

        rows = (rows_of(c, h) for c, _, h in read_held(services, infos, start_ms, end_ms))
        schema = _EVENT if made is None else {**_EVENT, **RAIN_NEAR}
        return await answered(request, services, turns, tables_of(rows, schema), form, "water-events", end_ms)

    @app.get("/v1/gaps")
    async def gaps(
        request: Request,
        selection: Annotated[Selection, Depends()],
        form: Annotated[Shape, Depends()],
        start: When,
        end: When,
        least_min: Annotated[float, Query(ge=0, le=44_640, description="Shorter ones are left out")] = 0,
    ) -> Response:
        """When nothing was known of a channel: the last usable reading held no longer (two heartbeats), or a failed one
        had come. By channel and time."""
        start_ms, end_ms = range_of(start, end, _WHY)
        infos = selection.infos(services.catalogue)
        rows = (_gaps(c, h, round(least_min * 60_000)) for c, _, h in read_held(services, infos, start_ms, end_ms))
        return await answered(request, services, turns, tables_of(rows, _GAP), form, "gaps", end_ms)

    @app.get("/v1/completeness")
    async def completeness(
        request: Request,
        selection: Annotated[Selection, Depends()],
        form: Annotated[Shape, Depends()],
        start: When,
        end: When,
    ) -> Response:
        """For how much of a time something was known of each channel, with its readings and gaps."""
        start_ms, end_ms = range_of(start, end, _WHY)
        infos = selection.infos(services.catalogue)
        rows = ([_whole(c, readings, h)] for c, readings, h in read_held(services, infos, start_ms, end_ms))
        return await answered(request, services, turns, tables_of(rows, _WHOLE), form, "completeness", end_ms)


def water_of(catalogue: Catalogue, selection: Selection) -> list[ChannelInfo]:
    """Of what is meant the channels of water. Raises Problem(404, 422)."""
    water = [c for c in selection.infos(catalogue) if c.quantity in WATER]
    if not water:
        what = f"no channel of {', '.join(WATER)} is among what you name; see /v1/channels"
        raise Problem(422, "There is no water", what)
    return water


def _limits(catalogue: Catalogue, water: Sequence[ChannelInfo], above: float | None) -> dict[int, float]:
    """By channel: what it must stand above. Raises Problem(422)."""
    if above is not None:
        return {c.id: above for c in water}
    lowest = {c.id: min(levels.values()) for c in water if (levels := catalogue.thresholds(c.id))}
    if not lowest:
        what = "none of these channels has thresholds in rules.yaml: say `above`, in the channel's unit"
        raise Problem(422, "There is no threshold", what)
    return lowest


def read_held(
    services: Services, infos: Sequence[ChannelInfo], start_ms: int, end_ms: int, with_end: bool = False
) -> Iterator[Known]:
    """Of each channel, rising, the readings of the time and what they held in it, no later than now. with_end: a
    reading of its last moment counts as well."""
    to_ms = max(start_ms, min(end_ms, services.clock.now_ms())) + with_end
    for c, readings, h in known(services.series, infos, start_ms, to_ms):
        yield c, readings.take(readings.time_ms >= start_ms), h


def _event(c: ChannelInfo, above: float, e: WaterEvent) -> Row:
    return {
        **names_of(c),
        "above": above,
        "start": e.begin_ms,
        "end": e.end_ms,
        "minutes": (e.end_ms - e.begin_ms) / 60_000,
        "peak": e.peak,
        "peak_time": e.peak_ms,
        "above_s": e.above_ms / 1000,
        "unknown_s": e.unknown_ms / 1000,
        "began_unseen": e.began_unseen,
        "ended_unseen": e.ended_unseen,
        "goes_on": e.goes_on,
    }


def _gaps(c: ChannelInfo, h: Held, least_ms: int) -> list[Row]:
    begins, ends = h.gaps(least_ms)
    return [
        {**names_of(c), "start": b, "end": e, "seconds": (e - b) / 1000}
        for b, e in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def _whole(c: ChannelInfo, readings: ReadingBatch, h: Held) -> Row:
    """Of a time that is still to come nothing is said: `end` is no later than now."""
    begins, ends = h.gaps()
    length_ms = h.to_ms - h.from_ms
    return {
        **names_of(c),
        "start": h.from_ms,
        "end": h.to_ms,
        "known_s": h.known_ms / 1000,
        "known_share": h.known_ms / length_ms if length_ms else None,
        "readings": len(readings),
        "usable": int(believed(readings).sum()),
        "gaps": len(begins),
        "longest_gap_s": float((ends - begins).max(initial=0)) / 1000,
    }
