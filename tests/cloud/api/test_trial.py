"""Other thresholds over HTTP: rows of now beside rows of what is tried, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI

from cloud.api import problems, trial
from cloud.api.ports import Services
from cloud.log.base import NewEntry
from cloud.log.sqlite import SqliteLog
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from tests.cloud.api.asking import Http
from tests.cloud.warnings.city import START_MS, city, history

ENTRIES = history(2, 300)
END_MS = ENTRIES[-1].now_ms + 1
FIRST_MS = ENTRIES[0].now_ms


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    log = SqliteLog.in_folder(tmp_path)
    for e in ENTRIES:
        log.append([NewEntry(e.gateway, 1, e.offset, e.lane, e.now_ms, e.now_ms, e.payload, e.kind)], e.now_ms)
    app = FastAPI()
    problems.install(app)
    services = SimpleNamespace(
        catalogue=city(small_district),
        log=log,
        clock=SimpleNamespace(now_ms=lambda: END_MS),
        series=SimpleNamespace(cursor=lambda: 1),
        warning_settings=WarningSettings(),
    )
    trial.mount(app, cast(Services, services))
    yield Http(app)
    log.close()


def ask(http: Http, **params: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/rules/try", params={"start": FIRST_MS, "end": END_MS, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_now_and_tried_stand_side_by_side(http: Http) -> None:
    rows = ask(http, blue=0.05, red=0.2)
    now, tried = ([r for r in rows if r["rules"] == word] for word in ("now", "tried"))
    assert now
    assert tried
    assert sum(r["red"] is not None for r in tried) >= sum(r["red"] is not None for r in now)
    assert {r["yellow"] for r in tried} == {None}
    for r in rows:
        assert r["messages"] >= 1
        assert min(t for t in (r["blue"], r["yellow"], r["orange"], r["red"]) if t) >= r["opened"]
    # Of one channel alone: the others stay as they are.
    (first, *_), other = now, [r for r in ask(http, channel=9, blue=4.9) if r["rules"] == "tried"]
    assert first | {"rules": "tried"} in other or len(other) < len(now)


def test_only_what_was_received_in_the_time_counts(http: Http) -> None:
    middle_ms = (FIRST_MS + END_MS) // 2
    early = ask(http, red=0.2, end=middle_ms)
    assert all(r["closed"] is None or r["closed"] < trial.iso(middle_ms) for r in early)
    assert {r["opened"] for r in early} <= {r["opened"] for r in ask(http, red=0.2)}


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({}, 422, "give the thresholds that are to be tried"),
        ({"blue": 0.4, "red": 0.2}, 422, "levels must rise from blue to red"),
        ({"red": 40}, 422, "is never reached"),
        ({"red": 0.2, "hysteresis": 0.5}, 422, "would clear below"),
        ({"red": 0.2, "end": FIRST_MS + 49 * 3_600_000}, 413, "48 hours at most"),
        ({"red": 0.2, "start": START_MS - 3 * 3_600_000}, 422, "it begins at 2021-07-20T"),
        ({"red": 0.2, "channel": 7777}, 404, "there is no channel"),
    ],
)
def test_refused(http: Http, params: dict[str, Any], status: int, said: str) -> None:
    answer = http.get("/v1/rules/try", params={"start": FIRST_MS, "end": END_MS, **params})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
