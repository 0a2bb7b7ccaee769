"""Spells of levels over HTTP: cut at both ends, by zone and level, and beyond a page of incidents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from fastapi import FastAPI

from cloud.api import problems, zone_levels
from cloud.api.ports import Services
from cloud.ledger.open import open_ledger
from cloud.warnings.reader import Which
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import NameText
from tests.cloud.api.asking import Http
from tests.cloud.warnings.city import START_MS, city, history

LOG = history(3, 600)
NOW_MS = LOG[-1].now_ms + 60_000
HOUR_MS = 3_600_000


@pytest.fixture
def asking(small_district: Catalogue) -> Iterator[tuple[Http, Services]]:
    found = city(small_district)
    zones = {z: v.model_copy(update={"name": NameText.of(v.name)}) for z, v in found.zones.items()}
    whole = replace(found, zones=zones)
    view = open_view(open_ledger("sqlite://"), whole)
    view.apply(LOG)
    app = FastAPI()
    problems.install(app)
    clock, series = SimpleNamespace(now_ms=lambda: NOW_MS), SimpleNamespace(cursor=lambda: 1)
    services = cast(Services, SimpleNamespace(catalogue=whole, warnings=view.reader, clock=clock, series=series))
    zone_levels.mount(app, services)
    yield Http(app), services


def ask(http: Http, **params: Any) -> pd.DataFrame:
    answer = http.get("/v1/zones/levels", params={"start": START_MS, "end": NOW_MS, **params})
    assert answer.status_code == 200, answer.text
    columns = ["zone", "name", "level", "start", "end", "minutes", "goes_on", "incident"]
    found = pd.DataFrame(answer.json(), columns=columns)
    for name in ("start", "end"):
        found[name] = pd.to_datetime(found[name], utc=True, format="ISO8601")
    return found


def test_parts_of_a_time_add_up_to_the_whole(asking: tuple[Http, Services], monkeypatch: pytest.MonkeyPatch) -> None:
    http, services = asking
    whole = ask(http)
    assert len(services.warnings.listed(Which(), limit=1000)) > 2
    assert (whole.end > whole.start).all()
    cuts = [START_MS, START_MS + HOUR_MS, START_MS + 3 * HOUR_MS + 1234, NOW_MS]
    monkeypatch.setattr(zone_levels, "_PAGE", 2)
    parts = pd.concat([ask(http, start=a, end=b) for a, b in itertools.pairwise(cuts)])
    by = ["zone", "level"]
    assert parts.groupby(by).minutes.sum().round(6).equals(whole.groupby(by).minutes.sum().round(6))
    assert parts.goes_on.any()


def test_by_zone_and_level(asking: tuple[Http, Services]) -> None:
    http, _ = asking
    whole = ask(http)
    zone = whole.zone.iloc[0]
    assert ask(http, zone=zone).equals(whole[whole.zone == zone].reset_index(drop=True))
    red = ask(http, level="red")
    assert set(red.level) == {"red"}
    assert red.minutes.sum() == pytest.approx(whole[whole.level == "red"].minutes.sum())
    orange = ask(http, level="orange")
    assert orange.minutes.sum() == pytest.approx(whole[whole.level.isin(["red", "orange"])].minutes.sum())


def test_refused(asking: tuple[Http, Services]) -> None:
    http, _ = asking
    for params, status in (({"zone": "nowhere"}, 404), ({"level": "purple"}, 422), ({"end": START_MS}, 422)):
        assert http.get("/v1/zones/levels", params={"start": START_MS, "end": NOW_MS, **params}).status_code == status
