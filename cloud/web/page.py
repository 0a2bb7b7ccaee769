"""The page: static files of our own, and two documents of JSON that they ask for. It works without internet."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Annotated

import orjson
from fastapi import FastAPI, Query
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from cloud.api.encoding import json_of
from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.web.state import Shown, district_state, station_series

_STATIC = Path(__file__).parent / "static"
_SHARED_FOR_S = 1.0


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


def mount(app: FastAPI, services: Services) -> None:
    shared = SharedSnapshot(services)

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
        return json_of(station_series(services, found, hours))

    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
