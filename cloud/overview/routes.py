"""`/v1/overview`, and what changes in it as server-sent events (HTML standard, 9.2): what the page is made of."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import FastAPI, Header, Request
from fastapi.responses import Response

from cloud.api.answering import whose
from cloud.api.places import Events, Places, must_be_asked_for, with_retry
from cloud.api.ports import Services
from cloud.overview.document import Shown, overview
from cloud.overview.live import Overviews

_AT_ONCE, _EACH = 500, 250  # pages that are open: a wall and its department may share one session
_LIFE_S = 60.0  # then the caller comes again, and is asked who he is


def mount(app: FastAPI, services: Services) -> None:
    overviews = Overviews(partial(overview, services, Shown(services.catalogue)), services.clock.now_ms())
    places = Places(_AT_ONCE, _EACH)

    @app.get("/v1/overview")
    async def whole() -> Response:
        """How every station, pump, incident, gateway and consumer stands now, at most a second old. Of a station: its
        level, held also while its state is unknown, and its value with time and unit; of rain what fell in the last
        hour."""
        return Response((await overviews.newest()).body, media_type="application/json")

    @app.get("/v1/overview/stream")
    async def stream(request: Request, last_event_id: Annotated[str, Header(max_length=64)] = "") -> Events:
        """Server-sent events: `overview` (the whole) first, then `changes` about once a second: each field that
        differs, of each list the rows that are new or differ, and in `gone` what is no longer there. It ends after a
        minute; clients of EventSource come again by themselves and go on where they were. It wants
        `Accept: text/event-stream`, as they send it."""
        must_be_asked_for(request)
        return Events(with_retry(overviews.events(last_event_id, _LIFE_S)), places, whose(request.scope))
