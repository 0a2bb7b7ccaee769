"""Where water goes, and events laid over one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from cloud.api.encoding import moment
from cloud.api.openapi import MOMENT_PATTERN
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.series import Shape, answered
from cloud.api.series_tables import TIME
from cloud.api.spells import read_held, water_of
from cloud.api.tabled import NAMES, names_of, tables_of
from cloud.api.turns import Turns
from cloud.hydrology.overlaps import overlaps
from cloud.hydrology.spells import Held
from cloud.hydrology.trend import trend
from contract.catalogue.catalogue import ChannelInfo
from contract.readings import Float64s

_AT_ONCE = 2
_MINUTE_MS = 60_000
_LONGEST_MIN = 31 * 1440
_MOST_CELLS = 2_000_000
_CM_PER_M = 100.0
_TREND = {**NAMES, "start": TIME, "end": TIME, "before_m": pa.float64(), "now_m": pa.float64()}
_TREND |= {"change_cm": pa.float64(), "trend_cm_per_10min": pa.float64()}
_Start = Annotated[str, Query(json_schema_extra={"pattern": MOMENT_PATTERN})]


def mount(app: FastAPI, services: Services) -> None:
    turns = Turns(_AT_ONCE, dear=True)

    @app.get("/v1/water/trend")
    async def water_trend(
        request: Request,
        selection: Annotated[Selection, Depends()],
        form: Annotated[Shape, Depends()],
        minutes: Annotated[float, Query(ge=1, le=1440, description="Length of the window")] = 10,
        at: Annotated[
            str | None, Query(description="When the window ends; now", json_schema_extra={"pattern": MOMENT_PATTERN})
        ] = None,
    ) -> Response:
        """Which way the water goes, by channel: what held at both ends of the window, in metres, the change between
        them, and the slope of Theil and Sen, which single echoes do not move, as centimetres in ten minutes.

        Channels of water alone (depth, stage, wet well). null where that is not known: a gauge that is silent for two
        heartbeats does not stand still.
        """
        end_ms = services.clock.now_ms() if at is None else moment(at, "at")
        start_ms = end_ms - round(minutes * _MINUTE_MS)
        infos = water_of(services.catalogue, selection)
        rows = ([_trend(c, h)] for c, _, h in read_held(services, infos, start_ms, end_ms, with_end=True))
        return await answered(request, services, turns, tables_of(rows, _TREND), form, "water-trend", end_ms)

    @app.get("/v1/water/compare")
    async def compare(
        request: Request,
        selection: Annotated[Selection, Depends()],
        form: Annotated[Shape, Depends()],
        event: Annotated[list[_Start], Query(min_length=2, max_length=10, description="When each begins: repeated")],
        minutes: Annotated[int, Query(ge=1, le=_LONGEST_MIN, description="For how long from each beginning")] = 240,
        before_min: Annotated[int, Query(ge=0, le=_LONGEST_MIN, description="And for how long before it")] = 30,
        step_min: Annotated[int, Query(ge=1, le=1440, description="Of a row")] = 5,
    ) -> Response:
        """Events laid over one another, aligned at their beginnings: a row for each channel and step, a column for each
        event, in the order of the question. minute: from the beginning, below 0 before it.

        Values are means over the step of what held, by time; null where nothing did. Where events begin say
        /v1/water/events and /v1/rain/events.
        """
        begins_ms = [moment(e, "event") for e in event]
        infos = selection.infos(services.catalogue)
        steps = np.arange(-before_min, minutes, step_min)
        if len(steps) * len(begins_ms) * len(infos) > _MOST_CELLS:
            what = f"{_MOST_CELLS} values are most: fewer channels, a shorter time, or a longer step_min"
            raise Problem(413, "Too much for one answer", what)
        edges = np.append(steps, minutes) * _MINUTE_MS
        schema = {**NAMES, "minute": pa.int64(), **{f"event_{n + 1}": pa.float64() for n in range(len(begins_ms))}}
        found = _compared(services, infos, begins_ms, edges)
        last_ms = max(begins_ms) + minutes * _MINUTE_MS
        return await answered(request, services, turns, tables_of(found, schema), form, "events-compared", last_ms)


def _trend(c: ChannelInfo, h: Held) -> dict[str, Any]:
    """h: with the end."""
    t = trend(h)
    return {
        **names_of(c),
        "start": h.from_ms,
        "end": h.to_ms - 1,
        "before_m": t.before,
        "now_m": t.now,
        "change_cm": None if t.change is None else t.change * _CM_PER_M,
        "trend_cm_per_10min": None if t.per_ms is None else t.per_ms * _CM_PER_M * 10 * _MINUTE_MS,
    }


def _compared(
    services: Services, infos: Sequence[ChannelInfo], begins_ms: Sequence[int], edges_ms: np.ndarray
) -> Iterator[list[dict[str, Any]]]:
    """edges_ms: of the steps, from the beginning of an event."""
    values: dict[int, list[Float64s]] = {c.id: [] for c in infos}
    for begin_ms in begins_ms:
        at_ms = edges_ms + begin_ms
        for c, _, h in read_held(services, infos, int(at_ms[0]), int(at_ms[-1])):
            values[c.id].append(_means(h, at_ms))
    minutes = (edges_ms[:-1] // _MINUTE_MS).tolist()
    for c in infos:
        names = names_of(c)
        columns = [[None if np.isnan(v) else v for v in of.tolist()] for of in values[c.id]]
        yield [
            {**names, "minute": minute, **{f"event_{n + 1}": v for n, v in enumerate(row)}}
            for minute, *row in zip(minutes, *columns, strict=True)
        ]


def _means(h: Held, edges_ms: np.ndarray) -> Float64s:
    """NaN where nothing held."""
    found, n = overlaps(h.begin_ms, h.end_ms, edges_ms), len(edges_ms) - 1
    ms = np.bincount(found.interval, found.ms, n)
    total = np.bincount(found.interval, found.ms * h.value[found.span], n)
    with np.errstate(invalid="ignore"):
        return np.where(ms > 0, total / ms, np.nan)
