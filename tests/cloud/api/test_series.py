"""Series by name over HTTP, each answer computed again by pandas from the readings that went in."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI

from cloud.api import problems, series
from cloud.api.ports import Services
from cloud.series import blocks, intervals
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

NOW_MS = START_MS + 100 * HOUR_MS
DEPTH, WET_WELL, RUNNING, RAIN = 101, 102, 103, 301


def rows(seed: int = 7) -> list[tuple[int, int, float, int]]:
    """(ms, channel, value, flag): two days by exception, of each channel, with a gap of ten hours."""
    rng = np.random.default_rng(seed)
    out = []
    for channel, step in ((DEPTH, 0.05), (WET_WELL, 0.2), (RUNNING, None), (RAIN, 0.2)):
        second = np.sort(rng.choice(48 * 360, 500, replace=False)).astype(np.int64) * 10
        second = second[(second < 20 * 3600) | (second > 30 * 3600)]
        if channel == RAIN:
            value = np.round(np.cumsum(rng.choice([0, 0, 0.2, 0.4], len(second))), 1)
            flag = np.ones(len(second), int)
        else:
            value = (
                np.round(np.abs(np.cumsum(rng.normal(0, step, len(second)))), 3) if step else np.arange(len(second)) % 2
            )
            flag = rng.choice([1, 1, 1, 1, 3, 4], len(second))
        out += [
            (START_MS + 1000 * int(s), channel, float(v), int(f)) for s, v, f in zip(second, value, flag, strict=True)
        ]
    return out


@pytest.fixture(scope="module")
def http(small_district: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    store = ParquetStore(Path(tmp_path_factory.mktemp("series")) / "series")
    found = rows()
    batch = ReadingBatch.of(*([r[i] for r in found] for i in range(4)))
    feed(store, [entry(1, START_MS + 50 * HOUR_MS, batch), tick(2, START_MS + 90 * HOUR_MS)])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    services = cast(Services, SimpleNamespace(catalogue=small_district, series=store, clock=clock))
    app = FastAPI()
    problems.install(app)
    series.mount(app, services)
    yield Http(app)
    store.close()


def ask(http: Http, **params: Any) -> list[dict]:
    answer = http.get("/v1/series", params={"start": START_MS, "end": START_MS + 48 * HOUR_MS, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(http: Http, **params: Any) -> tuple[int, str]:
    answer = http.get("/v1/series", params={"start": START_MS, "end": START_MS + 48 * HOUR_MS, **params})
    return answer.status_code, answer.json()["title"]


def hold_s(catalogue: Catalogue, channel: int) -> float:
    c = catalogue.channels[channel]
    return 2 * max(c.reporting.heartbeat_s, c.period_s)


def seconds(channel: int, hold: float, start_s: int = 0, end_s: int = 48 * 3600) -> pd.Series:
    """What held in each second, NaN for none."""
    mine = [((t - START_MS) // 1000, v, f) for t, c, v, f in rows() if c == channel]
    out = pd.Series(np.nan, index=range(48 * 3600))
    for (s, v, f), (after, _, _) in zip(mine, [*mine[1:], (2**40, 0, 0)], strict=True):
        if f != 4:
            out.loc[s : int(min(s + hold, after)) - 1] = v
    out.index = pd.to_datetime(START_MS, unit="ms", utc=True) + pd.to_timedelta(out.index, unit="s")
    return out.iloc[start_s:end_s]


@pytest.mark.parametrize(
    ("interval", "freq"), [("15min", "15min"), ("1h", "1h"), ("6h", "6h"), ("1d", "D"), ("month", "MS")]
)
@pytest.mark.parametrize("channel", [DEPTH, RUNNING])
def test_figures_by_local_intervals(
    http: Http, small_district: Catalogue, interval: str, freq: str, channel: int
) -> None:
    figures = ["mean", "minimum", "maximum", "maximum_time", "p50", "p95", "above_s", "covered_s"]
    found = ask(http, channel=channel, interval=interval, figure=figures, above=0.3)
    held = seconds(channel, hold_s(small_district, channel)).tz_convert("Asia/Shanghai")
    groups = held.groupby(pd.Grouper(freq=freq))
    wanted = groups.agg(["mean", "min", "max", "count"])
    wanted = wanted[wanted["count"] > 0]
    begins = [max(t, held.index[0]).tz_convert("UTC") for t in wanted.index]  # cut at the start
    assert [pd.Timestamp(r["time"]) for r in found if r["covered_s"]] == begins
    known = [r for r in found if r["covered_s"]]
    for ours, theirs in (("mean", "mean"), ("minimum", "min"), ("maximum", "max"), ("covered_s", "count")):
        assert [r[ours] for r in known] == pytest.approx(wanted[theirs].tolist()), ours
    parts = [g for _, g in groups if g.notna().any()]
    assert [pd.Timestamp(r["maximum_time"]) for r in known] == [g.idxmax() for g in parts]
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        assert [r[name] for r in known] == [np.quantile(g.dropna(), share, method="inverted_cdf") for g in parts]
    assert [r["above_s"] for r in known] == [(g > 0.3).sum() for g in parts]


def test_the_same_question_in_the_middle_of_hours(http: Http, small_district: Catalogue) -> None:
    start_s, end_s = 1800, 3 * 3600 - 1800
    found = ask(
        http, channel=DEPTH, interval="1h", figure="mean", start=START_MS + start_s * 1000, end=START_MS + end_s * 1000
    )
    held = seconds(DEPTH, hold_s(small_district, DEPTH), start_s, end_s)
    assert [r["time"][11:16] for r in found] == ["08:30", "09:00", "10:00"]
    assert [r["mean"] for r in found] == pytest.approx(held.groupby(pd.Grouper(freq="1h")).mean().tolist())


def test_readings_by_names_and_flags(http: Http) -> None:
    found = ask(http, station="u1", quantity=["depth", "wet_well"], flag=[3, 4], names=True)
    wanted = sorted((c, t, v, f) for t, c, v, f in rows() if c in (DEPTH, WET_WELL) and f in (3, 4))
    got = [(r["channel"], pd.Timestamp(r["time"]).value // 10**6, r["value"], r["flag"]) for r in found]
    assert got == wanted
    assert {(r["station"], r["quantity"], r["unit"]) for r in found} == {("u1", "depth", "m"), ("u1", "wet_well", "m")}


@pytest.mark.parametrize("interval", ["1h", "whole"])
def test_what_a_counter_counted(http: Http, interval: str) -> None:
    found = ask(http, channel=RAIN, interval=interval, figure=["sum", "count"])
    mine = pd.Series({t: v for t, c, v, _ in rows() if c == RAIN})
    steps = mine.diff().fillna(0)
    steps.index = pd.to_datetime(steps.index, unit="ms", utc=True)
    groups = steps.groupby(pd.Grouper(freq="1h" if interval == "1h" else "10D"))
    wanted = groups.sum()[groups.count() > 0]
    assert [r["sum"] for r in found if r["count"]] == pytest.approx(wanted.tolist())
    assert not any(r["at_least"] for r in found)


def test_gaps_are_filled_as_the_caller_says_and_never_otherwise(http: Http) -> None:
    none, null, previous = (
        ask(http, channel=DEPTH, interval="1h", figure="mean", fill=f) for f in ("none", "null", "previous")
    )
    assert len(none) < len(null) == len(previous) == 48
    assert [r for r in null if r["mean"] is not None] == [r for r in none if r["mean"] is not None]
    missing = [i for i, r in enumerate(null) if r["mean"] is None]
    assert len(missing) >= 8
    good = [(t, v) for t, c, v, f in rows() if c == DEPTH and f != 4]
    for i in missing:
        before = [v for t, v in good if t < START_MS + i * HOUR_MS]
        assert (previous[i]["mean"], previous[i]["filled"]) == (before[-1] if before else None, bool(before))


@pytest.mark.parametrize("block_rows", [10, 700])
def test_blocks_make_no_difference(http: Http, monkeypatch: pytest.MonkeyPatch, block_rows: int) -> None:
    asked = {
        "zone": "north",
        "quantity": ["depth", "wet_well", "pump_running"],
        "interval": "30min",
        "fill": "previous",
    }
    figures = {"figure": ["mean", "p10", "count", "first", "last", "flag"]}
    before, raw = ask(http, **asked, **figures), ask(http, zone="north")
    monkeypatch.setattr(blocks, "BLOCK_ROWS", block_rows)
    assert ask(http, **asked, **figures) == before
    assert ask(http, zone="north") == raw


def test_wide_is_long_turned_round(http: Http) -> None:
    asked = {"channel": [DEPTH, WET_WELL], "interval": "1h", "figure": ["mean", "count"]}
    long, wide = ask(http, **asked, fill="null"), ask(http, **asked, shape="wide")
    table = pd.DataFrame(long).pivot(index="time", columns="channel", values=["mean", "count"])
    assert [r["time"] for r in wide] == table.index.tolist()
    for channel in (DEPTH, WET_WELL):
        for figure in ("mean", "count"):
            got = [np.nan if r[f"{channel}.{figure}"] is None else r[f"{channel}.{figure}"] for r in wide]
            assert got == pytest.approx(table[figure, channel].tolist(), nan_ok=True)


@pytest.mark.parametrize(
    "asked", [{"interval": "1h"}, {}, {"interval": "1h", "shape": "wide"}], ids=["hours", "raw", "wide"]
)
def test_every_form_says_the_same(http: Http, asked: dict) -> None:
    range_ = {"start": START_MS, "end": START_MS + 48 * HOUR_MS, "channel": [DEPTH, RAIN], **asked}
    wanted = pd.DataFrame(ask(http, **range_))
    wanted["time"] = pd.to_datetime(wanted["time"], format="ISO8601")

    def form(name: str) -> bytes:
        return http.get("/v1/series", params={**range_, "format": name}).content

    found = {
        "ndjson": pd.DataFrame([json.loads(line) for line in form("ndjson").splitlines()]),
        "csv": pd.read_csv(io.BytesIO(form("csv"))),
        "parquet": pq.read_table(io.BytesIO(form("parquet"))).to_pandas(),
        "arrow": pa.ipc.open_stream(form("arrow")).read_all().to_pandas(),
    }
    for table in found.values():
        table["time"] = pd.to_datetime(table["time"], format="ISO8601", utc=True).astype(wanted["time"].dtype)
        pd.testing.assert_frame_equal(
            table.astype({c: float for c in table.columns if c != "time"}),
            wanted.astype({c: float for c in wanted.columns if c != "time"}),
        )


def test_a_file_for_excel(http: Http) -> None:
    answer = http.get(
        "/v1/series",
        params={"start": START_MS, "end": START_MS + HOUR_MS, "channel": DEPTH, "format": "excel", "decimal": "comma"},
    )
    first, second = answer.content.decode().splitlines()[:2]
    assert first == "\ufefftime (Asia/Shanghai);channel;station;name;quantity;unit;value;flag"
    assert second.startswith("2021-07-20 16:")
    assert ";depth;m;0," in second
    assert answer.headers["content-disposition"] == 'attachment; filename="headwater-series-101.csv"'


def test_an_etag_lasts_as_long_as_nothing_comes(http: Http) -> None:
    range_ = {"start": START_MS, "end": START_MS + HOUR_MS, "channel": DEPTH}
    first = http.get("/v1/series", params=range_)
    again = http.get("/v1/series", params=range_, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/v1/series", params={**range_, "channel": RAIN}).headers["etag"] != first.headers["etag"]
    assert "etag" not in http.get("/v1/series", params={**range_, "end": NOW_MS + 1}).headers  # it grows with time


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, (422, "Nothing is asked for")),
        ({"station": "u1", "quantity": "rain_total"}, (422, "Nothing is meant")),
        ({"station": "nowhere"}, (404, "No such station")),
        ({"zone": "nowhere"}, (404, "No such zone")),
        ({"channel": 999}, (404, "No such channel")),
        ({"channel": DEPTH, "figure": "mean"}, (422, "Figures need an interval")),
        ({"channel": DEPTH, "shape": "wide"}, (422, "Wide needs an interval")),
        ({"channel": DEPTH, "interval": "1h", "figure": "above_s"}, (422, "above goes with above_s")),
        ({"channel": DEPTH, "interval": "1h", "figure": "sum"}, (422, "There is no such sum")),
        ({"channel": DEPTH, "interval": "1h", "time_zone": "Mars/Base"}, (422, "No such time zone")),
        ({"channel": DEPTH, "interval": "1h", "figure": "median"}, (422, "A parameter cannot be used")),
        ({"channel": DEPTH, "interval": "1min", "shape": "wide", "start": 0}, (413, "Too much for one answer")),
        ({"channel": DEPTH, "interval": "1min", "start": 0}, (413, "Too much for one answer")),
        ({"channel": DEPTH, "interval": "5min", "end": 4_102_444_800_000}, (413, "Too much for one answer")),
    ],
)
def test_refusals_say_what_to_change(http: Http, asked: dict, said: tuple[int, str]) -> None:
    assert refused(http, **asked) == said


def test_intervals_are_not_made_where_all_others_are_answered(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def watched(*asked: Any) -> np.ndarray:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        made.append(asked[0])
        return intervals.edges(*asked)

    monkeypatch.setattr(series, "edges", watched)
    ask(http, channel=DEPTH, interval="1min")
    assert made == ["1min"]
