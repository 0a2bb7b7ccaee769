"""Events of water, gaps and completeness over HTTP, computed again by pandas second by second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI

from cloud.api import problems, spells
from cloud.api.ports import Services
from cloud.api.series_tables import hold_ms
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

DEPTH, STREET, RAIN = 101, 201, 301
HOURS = 48
NOW_MS = START_MS + 60 * HOUR_MS
TIME = {"start": START_MS, "end": START_MS + HOURS * HOUR_MS}


def readings(channel: int, seed: int) -> pd.DataFrame:
    """A reading every five minutes or so, a failed one now and then, and long silences; water that comes and goes."""
    rng = np.random.default_rng(seed)
    second = np.cumsum(rng.integers(60, 600, 2000))
    second = second[second < HOURS * 3600]
    second = second[~((second > 20 * 3600) & (second < 26 * 3600))]
    depth = np.round(np.maximum(0.0, 0.4 * np.sin(second / 5000) + 0.05 * rng.standard_normal(len(second))), 3)
    flag = np.where(rng.random(len(second)) < 0.05, Flag.FAIL, Flag.PASS)
    return pd.DataFrame({"second": second, "value": depth, "flag": flag, "channel": channel})


def known(rows: pd.DataFrame, hold_s: int) -> pd.Series:
    """The value in force at each second of the time; without those at which nothing is known."""
    value = pd.Series(np.where(rows.flag == Flag.PASS, rows.value, -1.0), rows.second.to_numpy())
    return value.reindex(range(HOURS * 3600)).ffill(limit=hold_s - 1).pipe(lambda s: s[s >= 0])


@pytest.fixture
def http(small_district: Catalogue, tmp_path: Path) -> Iterator[Http]:
    store = ParquetStore(tmp_path / "series")
    rows = pd.concat([readings(DEPTH, 1), readings(STREET, 2)]).sort_values(["second", "channel"])
    times = (START_MS + 1000 * rows.second).tolist()
    batch = ReadingBatch.of(times, rows.channel.tolist(), rows.value.tolist(), rows.flag.tolist())
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    app = FastAPI()
    problems.install(app)
    spells.mount(app, cast(Services, SimpleNamespace(catalogue=small_district, series=store, clock=clock)))
    yield Http(app)
    store.close()


def ask(http: Http, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = http.get(path, params={**TIME, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def seconds(text: str) -> float:
    return (pd.Timestamp(text) - pd.Timestamp(START_MS, unit="ms", tz="UTC")).total_seconds()


@pytest.mark.parametrize(("channel", "seed"), [(DEPTH, 1), (STREET, 2)])
def test_events(http: Http, small_district: Catalogue, channel: int, seed: int) -> None:
    truth = known(readings(channel, seed), (hold_ms(small_district.channels[channel]) or 0) // 1000)
    wet = truth[truth > 0.15]
    parts = (wet.index.to_series().diff() > 3600).cumsum()
    found = ask(http, "/v1/water/events", channel=channel, above=0.15, apart_min=60)
    assert len(found) > 3
    assert [(seconds(e["start"]), e["above_s"], e["peak"], seconds(e["peak_time"]), e["unknown_s"]) for e in found] == [
        (
            part.index[0],
            len(part),
            part.max(),
            part.idxmax(),
            part.index[-1] - part.index[0] + 1 - len(truth.loc[part.index[0] : part.index[-1]]),
        )
        for _, part in wet.groupby(parts)
    ]


def test_without_a_value_the_lowest_threshold_is_meant(http: Http, small_district: Catalogue) -> None:
    lowest = min(small_district.thresholds(DEPTH).values())
    found = ask(http, "/v1/water/events", channel=DEPTH)
    assert {e["above"] for e in found} == {lowest}
    assert found == ask(http, "/v1/water/events", channel=DEPTH, above=lowest)


@pytest.mark.parametrize(("channel", "seed"), [(DEPTH, 1), (STREET, 2)])
def test_gaps_and_completeness(http: Http, small_district: Catalogue, channel: int, seed: int) -> None:
    rows = readings(channel, seed)
    truth = known(rows, (hold_ms(small_district.channels[channel]) or 0) // 1000)
    unknown = pd.Index(range(HOURS * 3600)).difference(truth.index)
    gaps = ask(http, "/v1/gaps", channel=channel)
    assert sum(g["seconds"] for g in gaps) == len(unknown)
    assert len(gaps) == 1 + int((np.diff(unknown) > 1).sum())
    assert max(g["seconds"] for g in ask(http, "/v1/gaps", channel=channel, least_min=60)) > 3600
    (whole,) = ask(http, "/v1/completeness", channel=channel)
    assert whole["known_s"] == len(truth)
    assert whole["known_share"] == pytest.approx(len(truth) / (HOURS * 3600))
    assert (whole["readings"], whole["usable"]) == (len(rows), int((rows.flag == Flag.PASS).sum()))
    assert (whole["gaps"], whole["longest_gap_s"]) == (len(gaps), max(g["seconds"] for g in gaps))


def test_a_channel_that_was_never_heard_is_one_gap(http: Http) -> None:
    (whole,) = ask(http, "/v1/completeness", channel=RAIN)
    assert (whole["known_s"], whole["readings"], whole["gaps"]) == (0, 0, 1)
    assert whole["longest_gap_s"] == HOURS * 3600


def test_of_what_is_still_to_come_nothing_is_said(http: Http) -> None:
    later = {"start": NOW_MS - HOUR_MS, "end": NOW_MS + HOUR_MS}
    (gap,) = ask(http, "/v1/gaps", channel=DEPTH, **later)
    assert gap["seconds"] == 3600
    future = {"start": NOW_MS + HOUR_MS, "end": NOW_MS + 2 * HOUR_MS}
    assert ask(http, "/v1/gaps", channel=DEPTH, **future) == []
    assert ask(http, "/v1/completeness", channel=DEPTH, **future)[0]["known_share"] is None


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        ("/v1/water/events", {"channel": RAIN}, 422, "no channel of depth, stage, wet_well"),
        ("/v1/water/events", {"channel": 102}, 422, "say `above`"),
        ("/v1/water/events", {"channel": DEPTH, "above": "nan"}, 422, "above"),
        ("/v1/gaps", {}, 422, "name what you want"),
        ("/v1/gaps", {"station": "nowhere"}, 404, "there is no station"),
        ("/v1/completeness", {"channel": DEPTH, "end": START_MS}, 422, "start must come before end"),
        ("/v1/completeness", {"channel": DEPTH, "end": START_MS + 401 * 24 * HOUR_MS}, 413, "400 days at most"),
    ],
)
def test_what_is_refused(http: Http, path: str, params: dict[str, Any], status: int, said: str) -> None:
    answer: httpx2.Response = http.get(path, params={**TIME, **params})
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_as_a_table_for_excel(http: Http) -> None:
    form = {"channel": DEPTH, "format": "excel", "decimal": "comma"}
    answer = http.get("/v1/water/events", params={**TIME, **form})
    assert answer.text.startswith("\ufeff")
    assert "peak" in answer.text.splitlines()[0]
    assert answer.headers["content-disposition"] == 'attachment; filename="headwater-water-events.csv"'
    etag = answer.headers["etag"]
    again = http.get("/v1/water/events", params={**TIME, **form}, headers={"if-none-match": etag})
    assert again.status_code == 304
