"""The newest readings, and those of a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from cloud.api import rows
from cloud.api.dear import LargeAnswers, may_come
from cloud.api.encoding import moment
from cloud.api.hours import weighted
from cloud.api.latest import STATES, LatestColumns, LatestTable, SharedLatest, latest_body, levels
from cloud.api.latest_at import newest_at
from cloud.api.openapi import MOMENT_PATTERN, When
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.api.selection import Selection
from cloud.api.turns import Turns
from cloud.series.base import TooMany
from contract.catalogue.catalogue import Catalogue

MAX_ROWS = 1_000_000  # 500 channels by the minute are 720,000 a day; a million rows are some 75 MB
_AT_ONCE = 3  # questions for readings: two cores, and one that waits for a disk or a database
State = Literal["good", "suspect", "unknown"]
Channels = Annotated[list[int], Query(description="Channel numbers; may be repeated")]


class LatestWanted:
    """Which of the newest readings are given. A dependency."""

    def __init__(
        self,
        state: Annotated[list[State] | None, Query(max_length=3, description="In one of these states")] = None,
        above: Annotated[float | None, Query(allow_inf_nan=False, description="In the channels' unit")] = None,
        below: Annotated[float | None, Query(allow_inf_nan=False, description="In the channels' unit")] = None,
    ) -> None:
        self._states = [STATES.index(s) for s in state or STATES]
        self._above, self._below = above, below
        self.all = state is None and above is None and below is None

    def check(self, catalogue: Catalogue, channels: Sequence[int] | None) -> None:
        """Raises Problem(422) where channels of several units would be compared with one value."""
        if self._above is None and self._below is None:
            return
        units = sorted({catalogue.channels[c].unit for c in channels or catalogue.channels})
        if len(units) > 1:
            what = f"above and below compare with channels in {', '.join(units[:5])}: name one quantity"
            raise Problem(422, "These are of several units", what)

    def of(self, c: LatestColumns) -> LatestColumns:
        """A value that is not known is neither above nor below anything."""
        which = np.isin(c.state, self._states)
        if self._above is not None:
            which &= c.value > self._above
        if self._below is not None:
            which &= c.value < self._below
        return c if which.all() else c.take(which)


def mount(app: FastAPI, services: Services) -> None:
    catalogue = services.catalogue
    shared, turns, large = SharedLatest(services), Turns(_AT_ONCE, dear=True), LargeAnswers()

    @app.get("/v1/latest")
    async def latest(
        selection: Annotated[Selection, Depends()],
        wanted: Annotated[LatestWanted, Depends()],
        at: Annotated[
            str | None, Query(description="As it was at that time; now", json_schema_extra={"pattern": MOMENT_PATTERN})
        ] = None,
    ) -> Response:
        """The newest reading of every channel, or of those named, with its age, flag, state, and the highest level that
        a rule holds of it. One never heard is there, too, as unknown.

        at: the reading that was the newest then, by its own time; of a channel that had been silent for more than two
        heartbeats none. What levels were held then stands in /v1/zones/levels.
        """
        named = selection.names_any()
        channels = selection.channels(catalogue) if named else None
        if at is None and not named and wanted.all:
            return Response(await run_in_threadpool(shared.body), media_type="application/json")
        wanted.check(catalogue, channels)
        at_ms = None if at is None else _past(services, moment(at, "at"))
        if at_ms is None:
            body = await run_in_threadpool(_latest, services, channels, wanted, None)
        else:
            body = await turns.run(_latest, services, channels, wanted, at_ms)
        return Response(body, media_type="application/json")

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


def _past(services: Services, at_ms: int) -> int:
    """Raises Problem(422)."""
    if at_ms > services.clock.now_ms():
        raise Problem(
            422, "That is still to come", "at lies ahead of the cloud's clock: leave it out, or give a time past"
        )
    return at_ms


def _latest(services: Services, channels: Sequence[int] | None, wanted: LatestWanted, at_ms: int | None) -> memoryview:
    table = LatestTable(services.catalogue, channels)
    if at_ms is None:
        found = wanted.of(table.columns(services))
        return latest_body(found, levels(services, found))
    infos = [
        services.catalogue.channels[c] for c in sorted(services.catalogue.channels if channels is None else channels)
    ]
    return latest_body(wanted.of(table.columns_of(newest_at(services.series, infos, at_ms), at_ms)), None)


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
