"""The newest readings, and those of a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from cloud.api import rows
from cloud.api.dear import LargeAnswers, may_come
from cloud.api.encoding import moment
from cloud.api.hours import weighted
from cloud.api.latest import LatestTable, SharedLatest
from cloud.api.openapi import When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.turns import Turns
from cloud.series.base import TooMany

MAX_ROWS = 1_000_000  # 500 channels by the minute are 720,000 a day; a million rows are some 75 MB
_AT_ONCE = 3  # questions for readings: two cores, and one that waits for a disk or a database
Channels = Annotated[list[int], Query(description="Channel numbers; may be repeated")]


def mount(app: FastAPI, services: Services) -> None:
    catalogue = services.catalogue
    shared, turns, large = SharedLatest(services), Turns(_AT_ONCE), LargeAnswers()

    @app.get("/v1/latest")
    async def latest(selection: Annotated[Selection, Depends()]) -> Response:
        """The newest reading of every channel, or of those named; one never heard is there, too, as unknown."""
        if selection.names_any():
            table = LatestTable(catalogue, selection.channels(catalogue))
            return Response(await run_in_threadpool(table.json, services), media_type="application/json")
        return Response(await run_in_threadpool(shared.body), media_type="application/json")

    @app.get("/v1/readings")
    async def readings(
        request: Request,
        channel: Channels,
        start: When,
        end: When,
        interval: Annotated[str, Query(pattern="^(raw|1h)$")] = "raw",
        format: Annotated[str | None, Query(pattern="^(json|csv)$")] = None,
    ) -> Response:
        """Readings with start <= time < end, or the figures of whole hours that start then, by channel and time.

        Of an hour, mean, minimum and maximum are of the time for which values held (see /v1/series); null where none
        was usable, or where the readings that would tell were let go. count: of the readings but those missing.
        """
        start_ms, end_ms = moment(start, "start"), moment(end, "end")
        if start_ms >= end_ms:
            raise Problem(422, "The range is empty", "start must come before end")
        for wanted in channel:
            if wanted not in catalogue.channels:
                raise Problem(404, "No such channel", f"there is no channel {wanted}; see /v1/channels")
        as_csv = format == "csv" or (format is None and "text/csv" in request.headers.get("accept", ""))
        hourly = interval == "1h"
        async with large.turn(request, may_come(catalogue, channel, start_ms, end_ms)):
            body = await turns.run(_body, services, channel, start_ms, end_ms, hourly, as_csv)
        return Response(body, media_type="text/csv" if as_csv else "application/json")


def _body(
    services: Services, channels: list[int], start_ms: int, end_ms: int, hourly: bool, as_csv: bool
) -> memoryview:
    """Raises Problem(413)."""
    try:
        if hourly:
            now_ms = services.clock.now_ms()
            hours = weighted(services.series, services.catalogue, channels, start_ms, end_ms, now_ms, MAX_ROWS)
            figures = hours.rows
            _bounded(len(figures.channel))
            return rows.hourly_csv(figures) if as_csv else rows.hourly_json(figures)
        batch = services.series.raw(channels, start_ms, end_ms, MAX_ROWS)
    except TooMany as error:
        raise _too_much() from error
    return rows.readings_csv(batch) if as_csv else rows.readings_json(batch)


def _bounded(count: int) -> None:
    if count > MAX_ROWS:
        raise _too_much()


def _too_much() -> Problem:
    what = f"more than {MAX_ROWS} rows: ask for a shorter time, fewer channels, or interval=1h"
    return Problem(413, "Too much for one answer", what)
