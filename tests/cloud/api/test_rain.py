"""Rain over HTTP, computed again by pandas second by second, and a storm whose figures are published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI

from cloud.api import problems, rain
from cloud.api.ports import Services
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import RainFormula
from contract.catalogue.quantities import Quantity
from contract.readings import Flag, ReadingBatch
from simulators.storms.storms import zhengzhou_2021
from tests.cloud.api.asking import Http
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

GAUGE = 301
NOW_MS = START_MS + 200 * HOUR_MS
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def asked(small_district: Catalogue, tmp_path: Path) -> Iterator[Callable[[list[tuple]], Ask]]:
    """Of a gauge with these readings: (second from the start, mm[, flag])."""
    store = ParquetStore(tmp_path / "series")
    services = cast(
        Services,
        SimpleNamespace(catalogue=small_district, series=store, clock=SimpleNamespace(now_ms=lambda: NOW_MS)),
    )
    app = FastAPI()
    problems.install(app)
    rain.mount(app, services)
    http = Http(app)

    def of(readings: list[tuple]) -> Ask:
        rows = [(START_MS + 1000 * s, mm, *(f or [Flag.PASS])) for s, mm, *f in readings]
        times, mm, flags = zip(*rows, strict=True)
        feed(store, [entry(1, NOW_MS, ReadingBatch.of(times, [GAUGE] * len(rows), mm, flags)), tick(2, NOW_MS)])

        def ask(what: str, **params: Any) -> list[dict[str, Any]]:
            answer = http.get(f"/v1/rain/{what}", params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

        return ask

    yield of
    store.close()


def tips(seed: int, hours: int = 30) -> list[tuple[int, float]]:
    """A reading a minute or two, of one or two tips at most: each is spread over the time since the reading before."""
    rng = np.random.default_rng(seed)
    second = np.cumsum(rng.integers(60, 180, hours * 30))
    second = second[second < hours * 3600]
    wet = np.repeat(rng.random(len(second) // 40 + 1) < 0.3, 40)[: len(second)]
    total = np.cumsum(np.where(wet, rng.choice([0.0, 0.2, 0.4], len(second)), 0.0))
    return [(int(s), round(float(t), 1)) for s, t in zip(second, total, strict=True)]


def by_second(readings: list[tuple[int, float]], hours: int = 32) -> pd.Series:
    out = np.zeros(hours * 3600)
    for (s0, t0), (s1, t1) in pairwise(readings):
        out[max(s0, s1 - 3600) : s1] += (t1 - t0) / (s1 - max(s0, s1 - 3600))
    return pd.Series(
        out, index=pd.to_datetime(START_MS, unit="ms", utc=True) + pd.to_timedelta(range(len(out)), unit="s")
    )


@pytest.mark.parametrize("seed", range(3))
def test_sums_that_end_at_any_time(asked, seed: int) -> None:
    readings = tips(seed)
    ask, truth = asked(readings), by_second(readings)
    for end_s in (25 * 3600, 26 * 3600 + 1234):
        found = ask("sums", channel=GAUGE, at=START_MS + end_s * 1000)
        assert [r["window"] for r in found] == ["5min", "15min", "30min", "1h", "3h", "6h", "12h", "24h"]
        for row, minutes in zip(found, (5, 15, 30, 60, 180, 360, 720, 1440), strict=True):
            assert row["mm"] == pytest.approx(truth.iloc[end_s - minutes * 60 : end_s].sum(), abs=1e-9)
            assert not (row["at_least"] or row["uncertain"] or row["silent"])


@pytest.mark.parametrize(("interval", "freq"), [("5min", "5min"), ("1h", "1h"), ("1d", "D")])
def test_hyetograph_intensity_and_curve(asked, interval: str, freq: str) -> None:
    readings = tips(5)
    found = asked(readings)("hyetograph", channel=GAUGE, start=START_MS, end=START_MS + 30 * HOUR_MS, interval=interval)
    truth = by_second(readings).iloc[: 30 * 3600].tz_convert("Asia/Shanghai").groupby(pd.Grouper(freq=freq))
    assert [r["mm"] for r in found] == pytest.approx(truth.sum().tolist(), abs=1e-9)
    assert [r["mm_per_h"] for r in found] == pytest.approx((truth.sum() * 3600 / truth.count()).tolist(), abs=1e-9)
    assert [r["total_mm"] for r in found] == pytest.approx(truth.sum().cumsum().tolist(), abs=1e-9)


def test_a_hydrological_day_lasts_from_eight_to_eight(asked) -> None:
    readings = tips(6)
    range_ = {"start": START_MS - 8 * HOUR_MS, "end": START_MS + 40 * HOUR_MS, "interval": "1d"}
    ask, truth = asked(readings), by_second(readings).tz_convert("Asia/Shanghai")
    shifted = truth.copy()
    shifted.index = shifted.index - pd.Timedelta(hours=8)
    found = ask("hyetograph", channel=GAUGE, day_begins_h=8, **range_)
    days = {str(day.date()): mm for day, mm in shifted.groupby(pd.Grouper(freq="D")).sum().items()}
    got = {
        str((pd.Timestamp(r["time"]).tz_convert("Asia/Shanghai") - pd.Timedelta(hours=8)).date()): r["mm"]
        for r in found
    }
    assert {k: v for k, v in got.items() if v} == pytest.approx({k: v for k, v in days.items() if v})


@pytest.mark.parametrize("seed", range(2))
def test_maxima_and_events_are_those_of_pandas(asked, seed: int) -> None:
    readings = tips(seed + 20)
    ask, minute = asked(readings), by_second(readings).iloc[: 30 * 3600].resample("1min").sum()
    range_ = {"channel": GAUGE, "start": START_MS, "end": START_MS + 30 * HOUR_MS}
    for row, minutes in zip(ask("maxima", **range_), (5, 15, 30, 60, 180, 360, 720, 1440), strict=True):
        sums = minute.rolling(minutes).sum()
        assert row["mm"] == pytest.approx(sums.max())
        assert row["mm_per_h"] == pytest.approx(sums.max() * 60 / minutes)
        begin = pd.Timestamp(row["start"])
        assert minute[begin : begin + pd.Timedelta(minutes=minutes - 1)].sum() == pytest.approx(sums.max())
    wet = minute[minute > 1e-9]
    groups = wet.groupby((wet.index.to_series().diff() > pd.Timedelta(minutes=45)).cumsum())
    wanted = [(e.index[0], e.sum()) for _, e in groups if e.sum() >= 2]
    found = ask("events", **range_, dry_min=45, least_mm=2, duration="30min")
    assert [pd.Timestamp(r["start"]) for r in found] == [begin for begin, _ in wanted]
    assert [r["mm"] for r in found] == pytest.approx([mm for _, mm in wanted])
    assert len(found) > 1


@pytest.mark.parametrize("with_formula", [True, False])
def test_return_periods_and_the_rain_before(small_district: Catalogue, tmp_path: Path, with_formula: bool) -> None:
    formula = RainFormula(a=12.0, c=0.8, b=10.0, n=0.75, longest_min=180) if with_formula else None
    district = small_district.district.model_copy(update={"rain_formula": formula})
    readings, store = tips(31), ParquetStore(tmp_path / "series")
    rows = [(START_MS + 1000 * s, mm) for s, mm in readings]
    times, mm = zip(*rows, strict=True)
    feed(store, [entry(1, NOW_MS, ReadingBatch.of(times, [GAUGE] * len(rows), mm, [1] * len(rows)))])
    clock, app = SimpleNamespace(now_ms=lambda: NOW_MS), FastAPI()
    catalogue = replace(small_district, district=district)
    rain.mount(app, cast(Services, SimpleNamespace(catalogue=catalogue, series=store, clock=clock)))
    http, minute = Http(app), by_second(readings).iloc[: 30 * 3600].resample("1min").sum()
    range_ = {"start": START_MS + 10 * HOUR_MS, "end": START_MS + 30 * HOUR_MS}

    def years(mm: float, minutes: int) -> float | None:
        if formula is None or minutes > 180:
            return None
        return 10 ** ((mm / minutes * (minutes + 10.0) ** 0.75 / 12.0 - 1) / 0.8)

    for row, minutes in zip(
        http.get("/v1/rain/maxima", params=range_).json(), (5, 15, 30, 60, 180, 360, 720, 1440), strict=True
    ):
        expected = None if row["mm"] is None else years(row["mm"], minutes)
        assert row["return_period_years"] == (expected and pytest.approx(expected))
    found = http.get(
        "/v1/rain/events", params={**range_, "dry_min": 45, "before_h": [2, 9], "duration": ["5min", "1h"]}
    ).json()
    assert len(found) > 1
    for event in found:
        begin = pd.Timestamp(event["start"])
        for hours in (2, 9):
            before = minute[begin - pd.Timedelta(hours=hours) : begin - pd.Timedelta(minutes=1)]
            assert event[f"before_{hours}h_mm"] == pytest.approx(before.sum(), abs=1e-9)
        rarest = [(y, d) for d, m in (("5min", 5), ("1h", 60)) if (y := years(event[f"maximum_{d}_mm"], m)) is not None]
        if formula is None:
            assert (event["return_period_years"], event["rarest"]) == (None, None)
        else:
            assert (event["return_period_years"], event["rarest"]) == (pytest.approx(max(rarest)[0]), max(rarest)[1])
    store.close()


def test_the_storm_of_20_july_2021_as_published(asked) -> None:
    """201.9 mm from 16 to 17 h and 552.5 mm from the 19th, 20:00, to the 20th, 20:00: the weather office's own figures,
    counted by a gauge of 0.2 mm that is read by the minute."""
    storm = zhengzhou_2021()
    start_ms, step_ms = storm.start_ms, storm.interval_s * 1000
    total = np.concatenate(([0.0], np.cumsum(storm.mm)))
    minute = np.arange(0, (len(total) - 1) * step_ms, 60_000)
    mm = np.interp(minute, np.arange(len(total)) * step_ms, total)
    readings = [
        ((start_ms + int(t) - START_MS) // 1000, np.floor(v / 0.2 + 1e-9) * 0.2)
        for t, v in zip(minute, mm, strict=True)
    ]
    ask = asked([(s, round(v, 1)) for s, v in readings])
    (hour,) = ask("sums", channel=GAUGE, at="2021-07-20T17:00:00+08:00", window="1h")
    (day,) = ask("sums", channel=GAUGE, at="2021-07-20T20:00:00+08:00", window="24h")
    assert hour["mm"] == pytest.approx(201.9, abs=0.3)
    assert day["mm"] == pytest.approx(552.5, abs=0.3)


def test_resets_glitches_and_failures_by_the_contracts_table(asked) -> None:
    ask = asked(
        [
            (0, 1588.0),
            (600, 0.0, Flag.SUSPECT),
            (1200, 1588.2),  # the nought was a glitch
            (1800, 6553.5, Flag.FAIL),
            (2400, 1588.4),
            (3000, 700.0),
            (3600, 700.2),  # a reset: at least
        ]
    )
    (hour,) = ask("sums", channel=GAUGE, at=START_MS + HOUR_MS, window="1h")
    assert (hour["mm"], hour["at_least"]) == (pytest.approx(0.6), True)
    (early,) = ask("sums", channel=GAUGE, at=START_MS + 2_400_000, window="30min")
    assert (early["mm"] < 0.5, early["at_least"]) == (True, False)


def test_a_gauge_that_was_silent_and_then_tells_much_rained_meanwhile(asked) -> None:
    """59 minutes of silence and 60 mm: not nought, and not all in the last minute."""
    ask = asked([(0, 10.0), (59 * 60, 70.0)])
    (hour,) = ask("sums", channel=GAUGE, at=START_MS + 3_540_000, window="1h")
    (last,) = ask("sums", channel=GAUGE, at=START_MS + 3_540_000, window="5min")
    assert (hour["mm"], hour["uncertain"]) == (pytest.approx(60.0), True)
    assert last["mm"] == pytest.approx(60 * 5 / 59)


def test_a_gauge_that_is_not_heard_says_so(asked) -> None:
    ask = asked([(0, 10.0), (60, 10.2)])
    (later,) = ask("sums", channel=GAUGE, at=START_MS + 5 * HOUR_MS, window="1h")
    assert (later["mm"], later["silent"], later["heard"]) == (0, True, "2021-07-20T08:01:00Z")
    (before,) = ask("sums", channel=GAUGE, at=START_MS - HOUR_MS, window="1h")
    assert (before["mm"], before["silent"], before["heard"]) == (None, True, None)


def test_without_names_it_is_of_every_gauge_and_other_channels_are_refused(asked, small_district: Catalogue) -> None:
    ask = asked([(0, 10.0), (60, 10.2)])
    assert {r["channel"] for r in ask("sums")} == {GAUGE}
    with pytest.raises(AssertionError, match="There is no gauge"):
        ask("sums", station="s1")


def test_a_gauge_that_tells_what_fell_since_its_last_reading(small_district: Catalogue, tmp_path: Path) -> None:
    """Of failed and missing ones nothing counts, and nothing is read as a counter that fell."""
    channel = small_district.channels[GAUGE]
    register = channel.register.model_copy(update={"quantity": Quantity.RAIN_EVENT})
    catalogue = replace(small_district, channels={GAUGE: replace(channel, register=register)})
    store = ParquetStore(tmp_path / "series")
    mm = [0.4, 3.0, 0.2, 99.0, float("nan"), 1.0]
    flags = [Flag.PASS, Flag.PASS, Flag.SUSPECT, Flag.FAIL, Flag.MISSING, Flag.PASS]
    times = [START_MS + m * 60_000 for m in range(6)]
    feed(store, [entry(1, NOW_MS, ReadingBatch.of(times, [GAUGE] * 6, mm, flags))])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    app = FastAPI()
    rain.mount(app, cast(Services, SimpleNamespace(catalogue=catalogue, series=store, clock=clock)))
    found = Http(app).get("/v1/rain/sums", params={"at": START_MS + 300_000, "window": "5min"}).json()
    assert [r["mm"] for r in found] == pytest.approx([3.0 + 0.2 + 1.0])  # what the first one is since nobody knows
    store.close()
