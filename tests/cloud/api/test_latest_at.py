"""The newest readings as they were at a time, and those in a state or beyond a value, against pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI

from cloud.api import problems, queries
from cloud.api.latest import levels
from cloud.api.ports import Services
from cloud.ledger.open import open_ledger
from cloud.series.parquet import ParquetStore
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

CHANNELS = (101, 102, 201, 301)
NOW_MS = START_MS + 30 * HOUR_MS


def readings() -> pd.DataFrame:
    """By time: each channel every ten minutes or so, with silences of hours, and flags of all kinds."""
    rng = np.random.default_rng(5)
    parts = []
    for channel in CHANNELS:
        second = np.cumsum(rng.integers(1, 1200, 400))
        away = int(rng.integers(5, 20)) * 3600
        second = second[(second < 30 * 3600) & ~((second > away) & (second < away + 4 * 3600))]
        flag = rng.choice([Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING], len(second))
        value = np.where(flag == Flag.MISSING, np.nan, np.round(rng.random(len(second)), 3))
        parts.append(pd.DataFrame({"ms": START_MS + 1000 * second, "channel": channel, "value": value, "flag": flag}))
    return pd.concat(parts).sort_values(["ms", "channel"], ignore_index=True)


def answering(catalogue: Catalogue, path: Path) -> Iterator[Http]:
    store, rows = ParquetStore(path), readings()
    heard = ReadingBatch.of(*(rows[c].tolist() for c in ("ms", "channel", "value", "flag")))
    feed(store, [entry(1, NOW_MS, heard), tick(2, NOW_MS)])
    newest = rows.groupby("channel").tail(1).sort_values("channel")
    latest = ReadingBatch.of(*(newest[c].tolist() for c in ("ms", "channel", "value", "flag")))
    view = open_view(open_ledger("sqlite://"), catalogue)
    app = FastAPI()
    problems.install(app)
    services = SimpleNamespace(
        catalogue=catalogue,
        series=store,
        clock=SimpleNamespace(now_ms=lambda: NOW_MS),
        latest=SimpleNamespace(snapshot=lambda: latest),
        warnings=view.reader,
    )
    queries.mount(app, cast(Services, services))
    yield Http(app)
    store.close()


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    yield from answering(small_district, tmp_path)


def ask(http: Http, **params: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/latest", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("minute", [0, 61, 367, 602, 900, 1201, 1799, 1800])
def test_as_it_was(http: Http, small_district: Catalogue, minute: int) -> None:
    at_ms, rows = START_MS + 60_000 * minute, readings()
    expected = {}
    for channel in CHANNELS:
        heartbeat_ms = 1000 * small_district.channels[channel].reporting.heartbeat_s
        mine = rows[(rows.channel == channel) & (rows.ms <= at_ms) & (rows.ms >= at_ms - 2 * heartbeat_ms)]
        if mine.empty:
            expected[channel] = (None, None, 9, "unknown")
            continue
        last = mine.iloc[-1]
        state = {Flag.PASS: "good", Flag.SUSPECT: "suspect"}.get(Flag(last.flag), "unknown")
        expected[channel] = (last.ms, None if np.isnan(last.value) else last.value, last.flag, state)
    found = ask(http, channel=CHANNELS, at=at_ms)
    assert {
        r["channel"]: (
            None if r["time"] is None else pd.Timestamp(r["time"]).value // 1_000_000,
            r["value"],
            r["flag"],
            r["state"],
        )
        for r in found
    } == expected
    assert all("level" not in r for r in found)
    everything = ask(http, at=at_ms)
    assert [r["channel"] for r in everything] == sorted(small_district.channels)
    assert [r for r in everything if r["channel"] in CHANNELS] == found


def test_now_is_as_it_was_at_this_moment(http: Http) -> None:
    now = ask(http, channel=CHANNELS)
    assert [{k: v for k, v in r.items() if k != "level"} for r in now] == ask(http, channel=CHANNELS, at=NOW_MS)


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({"above": 0.5}, lambda r: r["value"] is not None and r["value"] > 0.5),
        ({"below": 0.5}, lambda r: r["value"] is not None and r["value"] < 0.5),
        ({"above": 0.2, "below": 0.7}, lambda r: r["value"] is not None and 0.2 < r["value"] < 0.7),
        ({"state": ["unknown"]}, lambda r: r["state"] == "unknown"),
        ({"state": ["good", "suspect"]}, lambda r: r["state"] != "unknown"),
    ],
)
@pytest.mark.parametrize("minute", [367, 900, 1500])
def test_those_that_fit(http: Http, params: dict[str, Any], fits: Any, minute: int) -> None:
    at_ms = START_MS + 60_000 * minute
    every = ask(http, quantity="depth", at=at_ms)
    assert ask(http, quantity="depth", at=at_ms, **params) == [r for r in every if fits(r)]


def test_refused(http: Http) -> None:
    several = http.get("/v1/latest", params={"above": 3})
    assert (several.status_code, several.json()["title"]) == (422, "These are of several units")
    assert "name one quantity" in several.json()["detail"]
    ahead = http.get("/v1/latest", params={"at": NOW_MS + 1})
    assert (ahead.status_code, ahead.json()["title"]) == (422, "That is still to come")


def test_with_the_level_that_a_rule_holds(small_district: Catalogue, tmp_path: Path) -> None:
    view = open_view(open_ledger("sqlite://"), small_district)
    for minute in range(5):
        at_ms = START_MS + 60_000 * minute
        view.apply([entry(minute + 1, at_ms, ReadingBatch.of([at_ms], [101], [0.9], [Flag.PASS]))])
    columns = SimpleNamespace(channel=np.array([101, 201], np.uint32))
    held = levels(cast(Services, SimpleNamespace(warnings=view.reader)), cast(Any, columns))
    assert held.tolist() == [3, -1]
