"""Mean rain over zones, against shapely's polygons and pandas, with gauges that come, go and fall silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import shapely
from fastapi import FastAPI

from cloud.api import areal, problems
from cloud.api.ports import Services
from cloud.hydrology.rainfall import Gauge
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import Zone
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

HOURS = 24
NOW_MS = START_MS + 40 * HOUR_MS
RANGE = {"start": START_MS, "end": START_MS + HOURS * HOUR_MS}
PLACES = {301: (34.71, 113.61), 302: (34.79, 113.63), 303: (34.75, 113.72)}
# From which hour to which each is heard.
HEARD = {301: (0, 24), 302: (0, 15), 303: (9, 24)}
AREA = {
    "north": [(34.75, 113.60), (34.75, 113.70), (34.80, 113.70), (34.80, 113.60)],
    "south": [(34.70, 113.60), (34.70, 113.70), (34.75, 113.70), (34.75, 113.60)],
}


def catalogue_of(small: Catalogue) -> Catalogue:
    gauge, zones = small.channels[301], {}
    for id, ring in AREA.items():
        zones[id] = cast(Zone, small.zones["north"].model_copy(update={"id": id, "area": tuple(ring)}))
    channels = {}
    for number, (lat, lon) in PLACES.items():
        station = gauge.station.model_copy(update={"id": f"r{number}", "lat": lat, "lon": lon})
        channels[number] = replace(gauge, id=number, station=station)
    return replace(small, zones=zones, channels=channels)


def by_minute(number: int) -> pd.Series:
    """What fell in each minute: whole tips of 0.2 mm."""
    rng = np.random.default_rng(number)
    mm = 0.2 * rng.poisson(0.4, HOURS * 60) * np.repeat(rng.random(HOURS) < 0.5, 60)
    return pd.Series(mm)


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    catalogue, store = catalogue_of(small_district), ParquetStore(tmp_path / "series")
    rows = []
    for number, (begins, ends) in HEARD.items():
        total = np.concatenate(([0.0], np.cumsum(by_minute(number)))) + 100
        rows += [(START_MS + 60_000 * m, number, total[m]) for m in range(begins * 60, ends * 60 + 1)]
    rows.sort()
    times, channels, mm = zip(*rows, strict=True)
    batch = ReadingBatch.of(times, channels, np.round(mm, 1), [Flag.PASS] * len(rows))
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    app = FastAPI()
    problems.install(app)
    areal.mount(app, cast(Services, SimpleNamespace(catalogue=catalogue, series=store, clock=clock)))
    yield Http(app)
    store.close()


def ask(http: Http, what: str, **params: Any) -> list[dict[str, Any]]:
    answer = http.get(f"/v1/rain/{what}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def parts(zone: str, numbers: tuple[int, ...]) -> dict[int, float]:
    ring = AREA[zone]
    scale = np.cos(np.radians(np.mean([lat for lat, _ in ring])))
    area = shapely.Polygon([(lon * scale, lat) for lat, lon in ring])
    points = {n: shapely.Point(PLACES[n][1] * scale, PLACES[n][0]) for n in numbers}
    if len(points) == 1:
        return dict.fromkeys(points, 1.0)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(list(points.values())), extend_to=area.buffer(1)).geoms
    return {n: sum(c.intersection(area).area for c in cells if c.contains(p)) / area.area for n, p in points.items()}


@pytest.mark.parametrize("zone", sorted(AREA))
def test_the_mean_of_those_that_are_known(http: Http, small_district: Catalogue, zone: str) -> None:
    heard_h = Gauge.of(small_district.channels[301]).heard_ms / HOUR_MS
    rows = ask(http, "areal", area=zone, **RANGE)
    assert [pd.Timestamp(r["time"]).value // 1_000_000 for r in rows] == [START_MS + h * HOUR_MS for h in range(HOURS)]
    for hour, row in enumerate(rows):
        known = tuple(n for n, (a, b) in HEARD.items() if a <= hour and hour + 1 <= b + (heard_h if b < 24 else 0))
        fell = {n: by_minute(n).iloc[60 * hour : 60 * hour + 60].sum() for n in known}
        expected = sum(w * fell[n] for n, w in parts(zone, known).items())
        assert row["gauges"] == len(known)
        # Single tips are spread over the time before them, by a minute here.
        assert row["mm"] == pytest.approx(expected, abs=0.021 * len(known) + 0.4)
    total = sum(r["mm"] for r in rows)
    (whole,) = ask(http, "areal", area=zone, interval="whole", channel=301, **RANGE)
    assert (whole["gauges"], whole["mm"]) == (1, pytest.approx(by_minute(301).sum(), abs=0.01))
    assert total > 10


def test_nothing_known_is_not_dry(http: Http) -> None:
    late = {"start": START_MS + 30 * HOUR_MS, "end": START_MS + 32 * HOUR_MS}
    assert {(r["mm"], r["gauges"]) for r in ask(http, "areal", **late)} == {(None, 0)}


def test_weights_are_said(http: Http) -> None:
    found = ask(http, "thiessen")
    for zone in AREA:
        weights = {r["channel"]: r["weight"] for r in found if r["zone"] == zone}
        expected = {n: w for n, w in parts(zone, tuple(PLACES)).items() if w > 1e-9}
        assert weights == pytest.approx(expected, abs=1e-6)


def test_refused(http: Http) -> None:
    assert http.get("/v1/rain/areal", params={**RANGE, "area": "nowhere"}).status_code == 404
    much = http.get(
        "/v1/rain/areal", params={"start": START_MS - 390 * 24 * HOUR_MS, "end": START_MS, "interval": "1min"}
    )
    assert much.status_code == 200  # of three gauges it is little
