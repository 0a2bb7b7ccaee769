"""Stations, channels and readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from cloud.api.answers import csv_of, json_of, moment, number
from cloud.api.problems import Problem
from cloud.services import Services
from contract.clock import iso
from contract.readings import ReadingBatch

MAX_ROWS = 500_000
Channels = Annotated[list[int], Query(description="Channel numbers; may be repeated")]
When = Annotated[str, Query(description="RFC 3339 with a zone, or epoch milliseconds")]


def mount(app: FastAPI, services: Services) -> None:
    catalogue = services.catalogue

    @app.get("/v1/stations")
    def stations() -> Response:
        """Every station, with its zone, place and channels."""
        rows = [
            {
                "id": s.id,
                "name": s.name,
                "zone": s.zone,
                "kind": s.kind.value,
                "lat": s.lat,
                "lon": s.lon,
                "channels": [c.id for c in s.channels],
            }
            for s in catalogue.stations.values()
        ]
        return json_of(rows)

    @app.get("/v1/channels")
    def channels() -> Response:
        """Every channel, with its quantity, unit, source and thresholds."""
        return json_of([channel_json(services, number) for number in sorted(catalogue.channels)])

    @app.get("/v1/latest")
    async def latest() -> Response:
        """The newest reading of every channel; one never heard is there, too, as unknown."""
        return json_of(await run_in_threadpool(latest_json, services))

    @app.get("/v1/readings")
    async def readings(
        request: Request,
        channel: Channels,
        start: When,
        end: When,
        interval: Annotated[str, Query(pattern="^(raw|1h)$")] = "raw",
        format: Annotated[str | None, Query(pattern="^(json|csv)$")] = None,
    ) -> Response:
        """Readings, or hourly figures, with start <= time < end, by channel and time."""
        start_ms, end_ms = moment(start, "start"), moment(end, "end")
        if start_ms >= end_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        for wanted in channel:
            if wanted not in catalogue.channels:
                raise Problem(404, "No such channel", f"there is no channel {wanted}; see /v1/channels")
        as_csv = format == "csv" or (format is None and "text/csv" in request.headers.get("accept", ""))
        rows = await run_in_threadpool(_rows, services, channel, start_ms, end_ms, interval)
        if len(rows) > MAX_ROWS:
            what = f"{len(rows)} rows, at most {MAX_ROWS}: ask for a shorter time, fewer channels, or interval=1h"
            raise Problem(413, "Too much for one answer", what)
        return csv_of(rows) if as_csv else json_of(rows)


def _rows(services: Services, channels: list[int], start_ms: int, end_ms: int, interval: str) -> list[dict[str, Any]]:
    if interval == "raw":
        return batch_rows(services.series.raw(channels, start_ms, end_ms))
    h = services.series.hourly(channels, start_ms, end_ms)
    names = ("count", "minimum", "maximum", "mean", "first", "last")
    columns = [getattr(h, name).tolist() for name in names]
    return [
        {"time": iso(t), "channel": c, **{n: number(v) for n, v in zip(names, figures, strict=True)}}
        for t, c, *figures in zip(h.hour_ms.tolist(), h.channel.tolist(), *columns, strict=True)
    ]


# --- shapes ---


def channel_json(services: Services, number: int) -> dict[str, Any]:
    c = services.catalogue.channels[number]
    rule = services.catalogue.rule_by_channel.get(number)
    return {
        "id": c.id,
        "name": c.name,
        "station": c.station.id,
        "quantity": c.quantity.value,
        "unit": c.unit,
        "period_s": c.period_s,
        "gateway": c.gateway,
        "device": c.device.id,
        "thresholds": {level.value: v for level, v in rule.levels.items()} if rule else {},
    }


def latest_json(services: Services, channels: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Of all channels, or of these, in order of number.

    state: good, suspect, or unknown (missing, failed, never heard, or silent for two heartbeats).
    """
    now_ms = services.clock.now_ms()
    snapshot = services.latest.snapshot()
    columns = (snapshot.channel, snapshot.time_ms, snapshot.value, snapshot.flag)
    found = {c: (t, v, f) for c, t, v, f in zip(*(x.tolist() for x in columns), strict=True)}
    out = []
    for channel in sorted(services.catalogue.channels if channels is None else channels):
        info = services.catalogue.channels[channel]
        t, v, f = found.get(channel, (None, math.nan, 9))
        silent = t is None or now_ms - t > 2000 * info.reporting.heartbeat_s
        state = "unknown" if silent or f in (4, 9) else "suspect" if f == 3 else "good"
        out.append(
            {
                "channel": channel,
                "time": None if t is None else iso(t),
                "value": number(v),
                "flag": f,
                "age_s": None if t is None else round((now_ms - t) / 1000, 1),
                "state": state,
            }
        )
    return out


def batch_rows(batch: ReadingBatch) -> list[dict[str, Any]]:
    columns = (batch.time_ms, batch.channel, batch.value, batch.flag)
    return [
        {"time": iso(t), "channel": c, "value": number(v), "flag": f}
        for t, c, v, f in zip(*(x.tolist() for x in columns), strict=True)
    ]
