"""SensorThings over the small district, with a store that holds ten hours of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from fastapi import Depends, FastAPI

from cloud.api import parameters, problems
from cloud.api.ports import Services
from cloud.sensorthings.routes import ROOT, mount
from cloud.series.base import SeriesStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import START_MS, entry, tick

MINUTES = 600
NOW_MS = START_MS + MINUTES * 60_000
CHANNELS = (101, 201, 301)


def readings() -> ReadingBatch:
    """By the minute; each hour's last is missing, and every seventh suspect."""
    n = np.arange(MINUTES)
    time_ms = np.tile(START_MS + 60_000 * n, len(CHANNELS))
    value = np.concatenate([np.round(c + 0.001 * n, 3) for c in CHANNELS])
    lost = np.tile(n % 60 == 59, len(CHANNELS))
    flag = np.where(lost, Flag.MISSING, np.where(np.tile(n % 7 == 0, len(CHANNELS)), Flag.SUSPECT, Flag.PASS))
    return ReadingBatch.of(time_ms, np.repeat(CHANNELS, MINUTES), np.where(lost, np.nan, value), flag)


class Asked:
    def __init__(self, catalogue: Catalogue, store: SeriesStore) -> None:
        store.apply([entry(1, NOW_MS, readings()), tick(2, NOW_MS)])
        app = FastAPI(dependencies=[Depends(parameters.known)])
        problems.install(app)
        latest = SimpleNamespace(snapshot=lambda: ReadingBatch.of([NOW_MS], [101], [0.0]))
        clock = SimpleNamespace(now_ms=lambda: NOW_MS)
        mount(app, cast(Services, SimpleNamespace(catalogue=catalogue, series=store, clock=clock, latest=latest)))
        self.http = Http(app)

    def get(self, path: str, **options: Any) -> Any:
        """The document. options: `filter="..."` for `$filter`."""
        answer = self.http.get(f"{ROOT}/{path}", params=_params(options))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, path: str, **options: Any) -> tuple[int, str]:
        answer = self.http.get(f"{ROOT}/{path}", params=_params(options))
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.status_code, answer.json()["detail"]

    def follow(self, found: Any) -> list[dict[str, Any]]:
        """The entities of a page and of all that come after it, each page as its nextLink says."""
        out = list(found["value"])
        while "@iot.nextLink" in found:
            answer = self.http.get(found["@iot.nextLink"].removeprefix("http://test"))
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert found["value"]
            out += found["value"]
        return out


def ids(found: Any) -> list[Any]:
    return [e["@iot.id"] for e in found["value"]]


def _params(options: dict[str, Any]) -> dict[str, Any]:
    return {name if name == "resultFormat" else f"${name}": value for name, value in options.items()}
