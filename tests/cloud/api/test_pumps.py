"""Figures, inflow and events of pumps over HTTP, at the shipped district's first underpass, by pandas once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fastapi import Depends, FastAPI

from cloud.api import parameters, problems, pumps
from cloud.api.known import known
from cloud.api.ports import Services
from cloud.api.pump_schemas import PUMPS
from cloud.api.pump_stations import pumps_of
from cloud.api.pump_tables import EVENT
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from host.district_folder import load
from tests.cloud.api.asking import Http
from tests.cloud.series.support import entry, feed, tick

JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"
BEGIN = pd.Timestamp("2021-10-29T22:00Z")  # Berlin's clocks go back on the 31st, the last day of its month
BEGIN_MS, HOUR_MS, SECONDS = int(BEGIN.timestamp() * 1000), 3_600_000, 72 * 3600
NOW_MS = BEGIN_MS + 80 * HOUR_MS
TIME = {"start": BEGIN_MS, "end": BEGIN_MS + 72 * HOUR_MS}
WELL, RUNNING, FAULT, MAINS, HOURS, STARTS = 111, 112, 114, 116, 117, 119  # of pump 1, and of the station
HOLD_S = 1800  # two of its heartbeats
AWAY = (30 * 3600, 41 * 3600)  # nobody heard the station: over Berlin's midnight
RESET_S = 60 * 3600  # the controller was exchanged: its counters begin anew


@dataclass(frozen=True)
class Truth:
    """By the second, what the station did; and what of it was told."""

    state: np.ndarray
    told: pd.DataFrame

    def known(self) -> pd.Series:
        """The state in force at each second; NaN where nothing is known."""
        mine = self.told[self.told.channel == RUNNING]
        value = pd.Series(np.where(mine.flag == Flag.FAIL, -1.0, mine.value), mine.second.to_numpy())
        found = value.reindex(range(SECONDS)).ffill(limit=HOLD_S - 1)
        found.index = BEGIN + pd.to_timedelta(found.index, unit="s")
        return found.where(found >= 0)


@pytest.fixture(scope="module")
def truth() -> Truth:
    rng = np.random.default_rng(7)
    changes = np.cumsum(rng.integers(20, 400, 400) * 10)
    state = np.zeros(SECONDS, np.int64)
    for on, off in zip(changes[0::2], changes[1::2], strict=True):
        state[on:off] = 1
    run_s, starts = np.cumsum(state), np.cumsum(np.diff(state, prepend=0) > 0)
    hours = np.floor((run_s / 3600 + 1204.3) * 10 + 1e-6) / 10
    counted = starts + 5120
    hours[RESET_S:] -= hours[RESET_S - 1]
    counted[RESET_S:] -= counted[RESET_S - 1]
    level = np.round(1.5 + 0.5 * np.sin(np.arange(SECONDS) / 3000), 2)
    told = [
        rows(channel, value, beat_s)
        for channel, value, beat_s in [
            (RUNNING, state, 900),
            (HOURS, np.round(hours, 1), 3600),
            (STARTS, counted, 3600),
            (WELL, level, 900),
            (FAULT, np.where((np.arange(SECONDS) // 3600) % 24 == 20, 1, 0), 900),
            (MAINS, np.where(np.arange(SECONDS) // 600 == 30, 0, 1), 900),
        ]
    ]
    told += [rows(other, np.zeros(SECONDS), 900) for other in (RUNNING + 1, FAULT + 1)]  # pump 2 stands still, is well
    table = pd.concat(told)
    table.loc[(table.channel == RUNNING) & (rng.random(len(table)) < 0.02), "flag"] = Flag.FAIL
    table = table[~table.second.between(*AWAY, inclusive="left")]
    return Truth(state, table.sort_values(["second", "channel"]))


def rows(channel: int, value: np.ndarray, beat_s: int) -> pd.DataFrame:
    """Told on change and on each heartbeat."""
    second = np.flatnonzero((np.diff(value, prepend=value[0] - 1) != 0) | (np.arange(len(value)) % beat_s == 0))
    return pd.DataFrame({"second": second, "channel": channel, "value": value[second], "flag": int(Flag.PASS)})


@pytest.fixture(scope="module")
def jinshui() -> Catalogue:
    return load(JINSHUI)


@pytest.fixture(scope="module")
def http(jinshui: Catalogue, truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    store = ParquetStore(tmp_path_factory.mktemp("series"))
    t = truth.told
    batch = ReadingBatch.of(
        (BEGIN_MS + 1000 * t.second).tolist(), t.channel.tolist(), t.value.tolist(), t.flag.tolist()
    )
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    clock = SimpleNamespace(now_ms=lambda: NOW_MS)
    app = FastAPI(dependencies=[Depends(parameters.known)])
    problems.install(app)
    pumps.mount(app, cast(Services, SimpleNamespace(catalogue=jinshui, series=store, clock=clock)))
    yield Http(app)
    store.close()


def ask(http: Http, path: str, /, **params: Any) -> list[dict[str, Any]]:
    answer = http.get(f"/v1/pumps/{path}", params={**TIME, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def parts(by_second: pd.Series, interval: str, zone: str) -> list[pd.Series]:
    clock = by_second.index.tz_convert(zone)
    key = {"1h": by_second.index.floor("h"), "1d": clock.date, "month": clock.month, "whole": by_second.index.year}
    return [part for _, part in by_second.groupby(key[interval])]


@pytest.mark.parametrize(
    ("interval", "zone", "count"),
    [
        ("1h", "UTC", 72),
        ("1d", "Europe/Berlin", 3),
        ("1d", "UTC", 4),
        ("month", "Europe/Berlin", 2),
        ("whole", "UTC", 1),
    ],
)
def test_run_time_and_starts_by_the_clock(http: Http, truth: Truth, interval: str, zone: str, count: int) -> None:
    known = truth.known()
    started = (known == 1) & (known.shift() == 0)
    found = ask(http, "figures", pump="u1/1", interval=interval, time_zone=zone)
    wanted = parts(known, interval, zone)
    assert len(found) == len(wanted) == count
    for row, part in zip(found, wanted, strict=True):
        assert pd.Timestamp(row["start"]) == part.index[0]
        assert pd.Timestamp(row["end"]) == part.index[-1] + pd.Timedelta(1, "s")
        known_s = int(part.notna().sum())
        assert (row["known_s"], row["unknown_s"]) == (known_s, len(part) - known_s)
        if not known_s:
            assert row["run_h"] is row["starts"] is row["duty_share"] is row["run_differs"] is None
            continue
        assert row["run_h"] == pytest.approx((part == 1).sum() / 3600)
        assert row["duty_share"] == pytest.approx((part == 1).sum() / known_s)
        assert row["starts"] == started.loc[part.index].sum()
        assert row["starts_per_h"] == pytest.approx(row["starts"] * 3600 / known_s)
    if zone == "Europe/Berlin" and interval == "1d":
        assert [row["known_s"] + row["unknown_s"] for row in found] == [
            86_400,
            90_000,
            82_800,
        ]  # 25 h, and what is left


def test_the_counters_beside_the_states(http: Http, truth: Truth) -> None:
    found = ask(http, "figures", station="u1", pump=1, interval="12h", time_zone="UTC")
    run_h = [truth.state[max(a, 0) : a + 43_200].sum() / 3600 for a in range(-10 * 3600, SECONDS, 43_200)]
    assert [row["pump"] for row in found] == ["u1/1"] * 7
    # Nothing is known from before the first; the station was away from the fourth into the fifth; in the sixth the
    # counters began anew from nought, which the next reading confirmed.
    assert [row["run_differs"] for row in found] == [None, False, False, None, None, False, False]
    assert [row["at_least"] for row in found] == [False] * 7
    for k in (1, 2, 5, 6):
        assert found[k]["run_counted_h"] == pytest.approx(run_h[k], abs=0.1 + 1e-6)
        assert found[k]["starts_counted"] == pytest.approx(found[k]["starts"], abs=1)
    (whole,) = ask(http, "figures", station="u1", pump=1)
    # More than its states say: it ran while nobody heard it.
    assert whole["run_counted_h"] > whole["run_h"] + 1
    assert whole["run_counted_h"] == pytest.approx(truth.state.sum() / 3600, abs=0.3)


def test_a_pump_whose_counters_say_nothing_and_one_that_stands_still(http: Http) -> None:
    (second,) = ask(http, "figures", station="u1", pump=2)
    assert (second["number"], second["run_h"], second["starts"], second["drawdown_runs"]) == (2, 0, 0, 0)
    assert second["known_s"] == SECONDS - (AWAY[1] - AWAY[0]) + HOLD_S - 900
    nothing = ("run_counted_h", "starts_counted", "run_differs", "drawdown_m", "drawdown_m_per_h", "energy_kwh")
    assert {second[name] for name in nothing} == {None}


def test_drawdown_is_of_runs_seen_whole(http: Http, truth: Truth) -> None:
    runs = ask(http, "events", pump="u1/1", what="run")
    level = np.round(1.5 + 0.5 * np.sin(np.arange(SECONDS) / 3000), 2)
    fell = [level[place(r["start"])] - level[place(r["end"])] if r["drawdown_m"] is not None else None for r in runs]
    whole = [not r["began_unseen"] and not r["ended_unseen"] and not r["goes_on"] for r in runs]
    assert [r["drawdown_m"] is not None for r in runs] == whole
    assert 40 < sum(whole) < len(runs)
    assert [r["drawdown_m"] for r in runs] == [f if f is None else pytest.approx(f) for f in fell]
    (figures,) = ask(http, "figures", pump="u1/1")
    seen = [(f, r["seconds"]) for f, r in zip(fell, runs, strict=True) if f is not None]
    assert figures["drawdown_runs"] == len(seen)
    assert figures["drawdown_m"] == pytest.approx(np.mean([f for f, _ in seen]))
    assert figures["drawdown_m_per_h"] == pytest.approx(sum(f for f, _ in seen) * 3600 / sum(s for _, s in seen))
    assert sum(r["seconds"] for r in runs) / 3600 == pytest.approx(figures["run_h"])
    assert max(r["seconds"] for r in runs) / 60 == pytest.approx(figures["longest_run_min"])


def place(time: str) -> int:
    return int((pd.Timestamp(time) - BEGIN).total_seconds())


def test_faults_and_mains_lost_in_an_event(http: Http) -> None:
    found = ask(http, "events", station="u1")
    assert [(e["what"], e["pump"], place(e["start"]) / 3600, e["seconds"] / 3600) for e in found] == [
        ("fault", 1, 20, 1),
        ("fault", 1, 44, 1),
        ("fault", 1, 68, 1),
        ("mains_lost", None, 5, 1 / 6),
    ]
    assert {(e["began_unseen"], e["ended_unseen"], e["goes_on"]) for e in found} == {(False, False, False)}
    part = {"start": BEGIN_MS + 20 * HOUR_MS + 600_000, "end": BEGIN_MS + 20 * HOUR_MS + 1_200_000}
    (fault,) = ask(http, "events", station="u1", what="fault", **part)
    assert (fault["began_unseen"], fault["goes_on"], fault["seconds"]) == (True, True, 600)


def test_inflow_and_margin(http: Http, truth: Truth) -> None:
    """Reckoned once more of the hours of which all is known: 30 m2, two pumps of 0.14 m3/s."""
    level = np.round(1.5 + 0.5 * np.sin(np.arange(SECONDS + 1) / 3000), 2)
    whole = [k for k in range(71) if truth.known().iloc[k * 3600 : (k + 1) * 3600].notna().all()]
    found = ask(http, "inflow", station="u1", interval="1h", time_zone="UTC")
    assert [k for k, row in enumerate(found[:71]) if row["known_s"] == 3600] == whole
    assert len(whole) > 40
    for k in whole:
        pumped = 0.14 * np.asarray(truth.known().iloc[k * 3600 : (k + 1) * 3600] == 1)
        cuts = np.arange(k * 3600, (k + 1) * 3600 + 1, 300)
        pieces = (30 * np.diff(level[cuts]) + pumped.reshape(12, 300).sum(1)) / 300
        row = found[k]
        assert row["inflow_m3"] == pytest.approx(pieces.sum() * 300, abs=1e-6)
        assert row["inflow_m3s"] == pytest.approx(pieces.mean())
        assert row["peak_m3s"] == pytest.approx(pieces.max())
        assert place(row["peak_time"]) == cuts[int(np.argmax(pieces > pieces.max() - 1e-9))]
        assert row["pumped_m3"] == pytest.approx(pumped.sum())
        mains_lost = (cuts[:-1] // 600 == 30) * 0.28
        fault = (cuts[:-1] // 3600 % 24 == 20) * 0.14
        assert row["margin_m3s"] == pytest.approx((0.28 - np.maximum(mains_lost, fault) - pieces).min(), abs=1e-6)
        assert row["uncertain_m3s"] == pytest.approx(2 * 0.05 * 30 / 300)
        assert (row["capacity_m3s"], row["at_least"], row["energy_kwh"]) == (0.28, False, None)
    away = found[35]
    assert (away["known_s"], away["inflow_m3s"], away["peak_time"], away["margin_m3s"]) == (0, None, None, None)


def test_of_what_is_still_to_come_nothing_is_said(http: Http) -> None:
    later = {"start": NOW_MS - HOUR_MS, "end": NOW_MS + 24 * HOUR_MS, "station": "u1"}
    assert [row["unknown_s"] for row in ask(http, "figures", pump=1, interval="30min", **later)] == [1800, 1800]
    future = {**later, "start": NOW_MS + HOUR_MS}
    assert [ask(http, what, **future) for what in ("figures", "inflow", "events")] == [[], [], []]


def test_all_stations_with_pumps_where_none_is_named(http: Http) -> None:
    assert [row["pump"] for row in ask(http, "figures")] == ["u1/1", "u1/2", "u2/1", "u2/2", "u3/1", "u3/2"]
    assert [row["station"] for row in ask(http, "inflow", kind="underpass")] == ["u1", "u2", "u3"]
    assert [row["pump"] for row in ask(http, "figures", pump=2)] == ["u1/2", "u2/2", "u3/2"]


@pytest.mark.parametrize(
    ("what", "params", "status", "said"),
    [
        ("figures", {"pump": 3}, 404, "there is no pump '3'"),
        ("figures", {"station": "nowhere"}, 404, "there is no station"),
        ("inflow", {"station": "s1"}, 422, "have none"),
        ("figures", {"interval": "1min"}, 413, "intervals"),
        ("figures", {"time_zone": "Europe/Berlinn"}, 422, "Europe/Berlinn"),
        ("events", {"what": "flood"}, 422, "what"),
        ("events", {"interval": "1h"}, 422, "has no parameter 'interval'"),
        ("inflow", {"start": TIME["end"]}, 422, "start must come before end"),
    ],
)
def test_what_is_refused(http: Http, what: str, params: dict[str, Any], status: int, said: str) -> None:
    long = {"end": BEGIN_MS + 200 * 24 * HOUR_MS} if status == 413 else {}
    answer = http.get(f"/v1/pumps/{what}", params={**TIME, **long, **params})
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_which_channel_tells_of_which_pump(jinshui: Catalogue, small_district: Catalogue) -> None:
    found = pumps_of(jinshui, jinshui.stations["u1"])
    assert [(p.id, sorted(c.id for c in p.channels.values())) for p in found] == [
        ("u1/1", [112, 114, 117, 119]),
        ("u1/2", [113, 115, 118, 120]),
    ]
    (unnamed,) = pumps_of(small_district, small_district.stations["u1"])  # no count in the catalogue, one that tells
    assert (unnamed.id, [c.id for c in unnamed.channels.values()]) == ("u1/1", [103])
    assert pumps_of(jinshui, jinshui.stations["s1"]) == []


def test_of_a_counter_the_reading_before_is_looked_for_further_back(jinshui: Catalogue, tmp_path: Path) -> None:
    store = ParquetStore(tmp_path / "series")
    batch = ReadingBatch.of([BEGIN_MS, BEGIN_MS], [RUNNING, HOURS], [1, 9.5], [1, 1])
    feed(store, [entry(1, NOW_MS, batch), tick(2, NOW_MS)])
    infos = [jinshui.channels[c] for c in (RUNNING, HOURS)]
    for counting, values in [(False, [[], []]), (True, [[], [9.5]])]:
        later = known(store, infos, BEGIN_MS + 20 * HOUR_MS, BEGIN_MS + 30 * HOUR_MS, counting=counting)
        assert [readings.value.tolist() for _, readings, _ in later] == values
    store.close()


@pytest.mark.parametrize(
    ("what", "schema"), [("figures", "PumpFigures"), ("inflow", "PumpInflow"), ("events", "PumpEvent")]
)
def test_every_form_says_the_same(http: Http, what: str, schema: str) -> None:
    rows = ask(http, what)
    assert list(rows[0]) == list(PUMPS[schema]["properties"])
    answer = http.get(f"/v1/pumps/{what}", params={**TIME, "format": "parquet"})
    table = pq.read_table(BytesIO(answer.content)).to_pandas().astype(object)
    assert list(table.columns) == list(rows[0])
    if what == "events":
        assert list(rows[0]) == list(EVENT)
    assert len(table) == len(rows)
    if what != "events":
        assert pd.to_numeric(table.known_s).tolist() == [row["known_s"] for row in rows]
    excel = http.get(f"/v1/pumps/{what}", params={**TIME, "format": "excel", "decimal": "comma"})
    assert excel.headers["content-disposition"] == f'attachment; filename="headwater-pump-{what}.csv"'
    assert len(excel.text.splitlines()) == len(rows) + 1
    again = http.get(f"/v1/pumps/{what}", params=TIME, headers={"if-none-match": "W/x"})
    seen = http.get(f"/v1/pumps/{what}", params=TIME, headers={"if-none-match": again.headers["etag"]})
    assert (again.status_code, seen.status_code) == (200, 304)
