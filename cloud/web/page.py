"""The page: static files of our own, and two documents of JSON that they ask for. It works without internet."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Annotated

import orjson
from fastapi import FastAPI, Query
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from cloud.api.answering import RETRY_AFTER_S
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.overview.document import Shown
from cloud.web.state import district_state, station_series
from contract.catalogue.places import Station

_STATIC = Path(__file__).parent / "static"
_SHARED_FOR_S = 1.0
_MOST_WAITING = 8  # of the threads that answer: the others are for the page itself, and for the API
_KEPT = 16  # hydrographs; one has at most 1,500 points and 2,880 intervals


class SharedSnapshot:
    """However many people look, the district is asked once a second."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._shown = Shown(services.catalogue)
        self._lock = threading.Lock()
        self._body = b""
        self._made_s = -_SHARED_FOR_S

    def body(self) -> bytes:
        with self._lock:
            if time.monotonic() - self._made_s >= _SHARED_FOR_S:
                self._body = orjson.dumps(district_state(self._services, self._shown))
                self._made_s = time.monotonic()
            return self._body


class SharedStations:
    """Hydrographs, made one at a time. Whoever asks for one that is made by now, and was begun after he asked or within
    the last second, gets the same; when too many wait, others are told to come again."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn, self._counting = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._made: OrderedDict[tuple[str, float], tuple[float, bytes]] = OrderedDict()

    def body(self, station: Station, hours: float) -> bytes:
        """Raises Problem(503)."""
        asked_s = time.monotonic()
        with self._counting:
            if self._waiting >= _MOST_WAITING:
                raise Problem(
                    503, "Too much at once", f"come again in {RETRY_AFTER_S} s", {"Retry-After": str(RETRY_AFTER_S)}
                )
            self._waiting += 1
        try:
            with self._turn:
                return self._shared(station, hours, asked_s)
        finally:
            with self._counting:
                self._waiting -= 1

    def _shared(self, station: Station, hours: float, asked_s: float) -> bytes:
        key = (station.id, hours)
        began_s, body = self._made.pop(key, (-math.inf, b""))
        if began_s < asked_s - _SHARED_FOR_S:
            began_s = time.monotonic()
            body = orjson.dumps(station_series(self._services, station, hours))
        self._made[key] = (began_s, body)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return body


def mount(app: FastAPI, services: Services) -> None:
    shared, stations = SharedSnapshot(services), SharedStations(services)

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        return FileResponse(_STATIC / "index.html")

    @app.get("/page/state", include_in_schema=False)
    def state() -> Response:
        return Response(shared.body(), media_type="application/json", headers={"cache-control": "no-store"})

    @app.get("/page/station/{name}", include_in_schema=False)
    def station(name: str, hours: Annotated[float, Query(gt=0, le=240)] = 12) -> Response:
        found = services.catalogue.stations.get(name)
        if found is None:
            raise Problem(404, "No such station", f"there is no station {name!r}; see /v1/stations")
        return Response(stations.body(found, hours), media_type="application/json")

    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
