"""Files for other programs, opened by them: SWMM runs with the rain, fewsxml reads the series."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import fewsxml
import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI

from cloud.api import exports, problems, rain
from cloud.api.ports import Services
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

DEPTH, GAUGE, HOURS = 101, 301, 30
NOW_MS = START_MS + 40 * HOUR_MS
TIME = {"start": START_MS, "end": START_MS + HOURS * HOUR_MS}
NETWORK = """
[OPTIONS]
FLOW_UNITS CMS
INFILTRATION HORTON
FLOW_ROUTING KINWAVE
START_DATE 07/20/2021
START_TIME 16:00
END_DATE 07/22/2021
END_TIME 00:00
WET_STEP 00:01
DRY_STEP 00:01
ROUTING_STEP 60
[RAINGAGES]
G VOLUME 0:{minutes:02} 1.0 FILE "{file}" r1 MM
[SUBCATCHMENTS]
S G O 1 100 100 1 0
[SUBAREAS]
S 0.01 0.1 0 0 100 OUTLET
[INFILTRATION]
S 3 0.5 4 7 0
[OUTFALLS]
O 0 FREE
"""
RUN = """
import sys
from pyswmm import Simulation, SystemStats
with Simulation(sys.argv[1]) as sim:
    for _ in sim: pass
    print(SystemStats(sim).runoff_stats["rainfall"])
"""


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    store, rng = ParquetStore(tmp_path / "series"), np.random.default_rng(4)
    minute = np.arange(HOURS * 60 + 1)
    wet = np.repeat(rng.random(HOURS + 1) < 0.4, 60)[: len(minute)]
    total = np.cumsum(0.2 * wet * rng.poisson(1.5, len(minute)))
    total[minute >= 900] -= 30  # another counter
    known = (minute < 1200) | (minute > 1500)
    depth = np.round(np.abs(np.sin(minute / 200)), 3)
    flag = rng.choice([Flag.PASS, Flag.NOT_EVALUATED, Flag.SUSPECT, Flag.FAIL, Flag.MISSING], len(minute))
    rows = pd.concat(
        [
            pd.DataFrame({"m": minute, "c": DEPTH, "v": np.where(flag == Flag.MISSING, np.nan, depth), "f": flag}),
            pd.DataFrame({"m": minute, "c": GAUGE, "v": np.round(total + 100, 1), "f": Flag.PASS})[known],
        ]
    ).sort_values(["m", "c"])
    batch = ReadingBatch.of((START_MS + 60_000 * rows.m).tolist(), rows.c.tolist(), rows.v.tolist(), rows.f.tolist())
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    clock, app = SimpleNamespace(now_ms=lambda: NOW_MS), FastAPI()
    problems.install(app)
    services = cast(Services, SimpleNamespace(catalogue=small_district, series=store, clock=clock))
    exports.mount(app, services)
    rain.mount(app, services)
    yield Http(app)
    store.close()


def ask(http: Http, path: str, **params: Any) -> Any:
    answer = http.get(path, params={**TIME, **params})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("minutes", [5, 15])
def test_swmm_runs_with_it_and_has_the_same_sum(http: Http, tmp_path: Path, minutes: int) -> None:
    answer = ask(http, "/v1/exports/swmm", step=f"{minutes}min")
    assert answer.headers["content-disposition"] == 'attachment; filename="headwater-rain.dat"'
    (tmp_path / "rain.dat").write_text(answer.text)
    model = tmp_path / "model.inp"
    model.write_text(NETWORK.format(minutes=minutes, file=tmp_path / "rain.dat"))
    said = subprocess.run(
        [sys.executable, "-c", RUN, str(model)], capture_output=True, text=True, check=True, timeout=120
    )
    (whole,) = ask(http, "/v1/rain/hyetograph", interval="whole", channel=GAUGE).json()
    assert float(said.stdout.split()[-1]) == pytest.approx(whole["mm"], abs=0.01)
    assert whole["mm"] > 50


def test_what_is_in_doubt_stands_in_comments(http: Http) -> None:
    lines = ask(http, "/v1/exports/swmm", end=NOW_MS).text.splitlines()
    comments = [line for line in lines if line.startswith(";")]
    assert "clock of Asia/Shanghai" in comments[0]
    assert "0:05" in comments[1]
    assert any("not known: 2021-07-21T14:" in line for line in comments)  # it ends at 14:00
    assert any("at least: 2021-07-20T22:55" in line for line in comments)
    assert any("counted after a silence: 2021-07-21T03:55:00Z to 2021-07-21T09:05:00Z" in line for line in comments)
    zoned = ask(http, "/v1/exports/swmm", end=NOW_MS, time_zone="UTC").text.splitlines()
    assert "clock of UTC" in zoned[0]
    here, there = lines[len(comments)].split(), zoned[len(comments)].split()
    place, utc = (pd.Timestamp(*map(int, words[1:6])) for words in (here, there))
    assert (place - utc, here[-1]) == (pd.Timedelta(hours=8), there[-1])


def test_fews_reads_the_series(http: Http, tmp_path: Path) -> None:
    path = tmp_path / "series.xml"
    path.write_bytes(ask(http, "/v1/exports/pi-xml", channel=[DEPTH, GAUGE], end=NOW_MS).content)
    depth, fell = fewsxml.read(str(path)).series
    head = depth.header
    assert (head.type, head.locationId, head.parameterId, head.units) == ("instantaneous", "u1.101", "depth", "m")
    rows = {e.date + "T" + e.time + "Z": (float(e.value), int(e.flag)) for e in depth.event}
    assert len(rows) == HOURS * 60 + 1
    assert {flag for _, flag in rows.values()} == {0, 3, 6, 9}
    assert all((value == -999.0) == (flag == 9) for value, flag in rows.values())
    assert (fell.header.type, fell.header.parameterId) == ("accumulative", "rain")
    by_interval = ask(http, "/v1/rain/hyetograph", interval="5min", channel=GAUGE, end=NOW_MS).json()
    assert len(fell.event) == len(by_interval)
    for event, row in zip(fell.event, by_interval, strict=True):
        begin = pd.Timestamp(row["time"]) + pd.Timedelta(minutes=5)
        assert pd.Timestamp(f"{event.date}T{event.time}Z") == begin
        if int(event.flag) == 9:
            assert begin > pd.Timestamp(START_MS + HOURS * HOUR_MS, unit="ms", tz="UTC")
            assert float(event.value) == -999.0
            continue
        assert float(event.value) == pytest.approx(row["mm"])
        assert int(event.flag) == (3 if row["at_least"] or row["uncertain"] else 0)


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("swmm", {"station": "s1"}, 422),
        ("swmm", {"step": "7min"}, 422),
        ("swmm", {"time_zone": "Nowhere/Nope"}, 422),
        ("swmm", {"start": START_MS - 399 * 24 * HOUR_MS, "end": START_MS, "step": "1min", "station": "nowhere"}, 404),
        ("pi-xml", {}, 422),
        ("pi-xml", {"channel": 7}, 404),
    ],
)
def test_refused(http: Http, path: str, params: dict[str, Any], status: int) -> None:
    assert http.get(f"/v1/exports/{path}", params={**TIME, **params}).status_code == status
