"""Trends, events laid over one another and the rain that made them, computed again by pandas and scipy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from scipy.stats import theilslopes

from cloud.api import problems, rain, spells, water
from cloud.api.ports import Services
from cloud.api.series_tables import hold_ms
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.api.test_spells import HOURS, NOW_MS, known, readings
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

DEPTH, STREET, RAIN = 101, 201, 301
SEEDS = {DEPTH: 1, STREET: 2}


def tips() -> pd.DataFrame:
    """By the minute, whole tips, so that each falls within an hour before its reading."""
    rng = np.random.default_rng(8)
    total = np.round(np.cumsum(rng.choice([0.0, 0.2], HOURS * 60, p=[0.8, 0.2])), 1)
    return pd.DataFrame({"second": 60 * np.arange(HOURS * 60), "value": total, "flag": Flag.PASS, "channel": RAIN})


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    store = ParquetStore(tmp_path / "series")
    rows = pd.concat([*(readings(c, seed) for c, seed in SEEDS.items()), tips()]).sort_values(["second", "channel"])
    times = (START_MS + 1000 * rows.second).tolist()
    batch = ReadingBatch.of(times, rows.channel.tolist(), rows.value.tolist(), rows.flag.tolist())
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    app = FastAPI()
    problems.install(app)
    services = cast(Services, SimpleNamespace(catalogue=small_district, series=store, clock=clock))
    for part in (spells, water, rain):
        part.mount(app, services)
    yield Http(app)
    store.close()


def ask(http: Http, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def truth_of(catalogue: Catalogue, channel: int) -> pd.Series:
    return known(readings(channel, SEEDS[channel]), (hold_ms(catalogue.channels[channel]) or 0) // 1000)


@pytest.mark.parametrize("channel", sorted(SEEDS))
@pytest.mark.parametrize("second", [3600, 7777, 40_000, 80_000, 80_300, 93_700, 120_000, 160_000])
@pytest.mark.parametrize("minutes", [10, 30])
def test_trend(http: Http, small_district: Catalogue, channel: int, second: int, minutes: int) -> None:
    (found,) = ask(http, "/v1/water/trend", channel=channel, minutes=minutes, at=START_MS + second * 1000)
    truth, begin = truth_of(small_district, channel), second - minutes * 60
    window = truth[(truth.index >= begin) & (truth.index <= second)]
    before, now = truth.get(begin), truth.get(second)
    assert (found["before_m"], found["now_m"]) == (before, now)
    change = None if before is None or now is None else pytest.approx((now - before) * 100)
    assert found["change_cm"] == change
    # A point where a reading was, or something was known again; and one at the end.
    own = readings(channel, SEEDS[channel])
    heard = set(own.second[own.flag == Flag.PASS]) | {begin}
    points = [(s, v) for s, v in window.items() if s in heard] + ([] if now is None else [(second + 0.001, now)])
    if not points or 2 * (points[-1][0] - points[0][0]) < minutes * 60:
        assert found["trend_cm_per_10min"] is None
        return
    slope = theilslopes([v for _, v in points], [s for s, _ in points]).slope
    assert found["trend_cm_per_10min"] == pytest.approx(slope * 100 * 600)


@pytest.mark.parametrize("step_min", [5, 7, 60])
def test_events_laid_over_one_another(http: Http, small_district: Catalogue, step_min: int) -> None:
    begins = [5000, 73_333, 30 * 3600]
    params = {"event": [START_MS + 1000 * b for b in begins], "minutes": 200, "before_min": 20, "step_min": step_min}
    found = ask(http, "/v1/water/compare", channel=[DEPTH, STREET], **params)
    minutes = list(range(-20, 200, step_min))
    assert [(r["channel"], r["minute"]) for r in found] == [(c, m) for c in (DEPTH, STREET) for m in minutes]
    for row in found:
        truth, minute = truth_of(small_district, row["channel"]), row["minute"]
        until = min(minute + step_min, 200)
        for n, begin in enumerate(begins, 1):
            part = truth[(truth.index >= begin + 60 * minute) & (truth.index < begin + 60 * until)]
            assert row[f"event_{n}"] == (None if part.empty else pytest.approx(part.mean()))
    assert any(r["event_2"] is None for r in found)


def test_the_rain_that_made_an_event(http: Http) -> None:
    time = {"start": START_MS, "end": START_MS + HOURS * HOUR_MS, "channel": DEPTH, "above": 0.15}
    plain, found = ask(http, "/v1/water/events", **time), ask(http, "/v1/water/events", **time, rain_h=2)
    assert [{k: r[k] for k in plain[0]} for r in found] == plain
    for row in found:
        span = {"start": pd.Timestamp(row["start"]) - pd.Timedelta(hours=2), "end": pd.Timestamp(row["end"])}
        asked = {"interval": "whole", "channel": RAIN, **{k: t.isoformat() for k, t in span.items()}}
        (whole,) = ask(http, "/v1/rain/hyetograph", **asked)
        assert (row["gauge"], row["rain_at_least"]) == (RAIN, False)
        assert row["rain_mm"] == pytest.approx(whole["mm"])
    assert sum(r["rain_mm"] for r in found) > 10


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        ("trend", {"channel": RAIN}, 422, "no channel of depth, stage, wet_well"),
        ("trend", {"channel": DEPTH, "minutes": 0}, 422, "minutes"),
        ("compare", {"channel": DEPTH, "event": [START_MS]}, 422, "event"),
        ("compare", {"channel": DEPTH, "event": ["yesterday", START_MS]}, 422, "event"),
        ("compare", {"event": [START_MS, START_MS]}, 422, "name what you want"),
    ],
)
def test_what_is_refused(http: Http, path: str, params: dict[str, Any], status: int, said: str) -> None:
    answer = http.get(f"/v1/water/{path}", params=params)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
