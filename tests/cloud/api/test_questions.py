"""The twenty questions of docs/questions.md, as they stand there, against pandas on what the cloud was told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cloud.client import Headwater
from contract.readings import Flag
from tests.cloud.api import month
from tests.cloud.api.asking import Http
from tests.cloud.api.month import BEGIN, NOW, SECONDS, second

PAGE = (Path(__file__).parents[3] / "docs/questions.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
CALLS = {int(n): re.findall(r"`(/v1/[^`]+)`", calls) for n, _, calls, _ in ROWS}
HOLD_S = {101: 1800, 111: 1800, 113: 1800, 114: 1800, 116: 1800}
Told = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Http, Told]]:
    yield from month.heard(tmp_path_factory.mktemp("month"))


class Asked:
    """The answers to a question's calls, and what the cloud was told."""

    def __init__(self, http: Http, told: Told, number: int) -> None:
        self._http, self._told = http, told
        self.calls = CALLS[number]

    def text(self, call: str) -> str:
        answer = self._http.get(call)
        assert answer.status_code == 200, (call, answer.text)
        return answer.text

    def rows(self, call: str | None = None) -> list[dict[str, Any]]:
        answer = self._http.get(call or self.calls[0])
        assert answer.status_code == 200, (call, answer.text)
        return answer.json()

    def told(self, channel: int, gateway: str = month.NORTH) -> pd.DataFrame:
        rows = self._told[gateway]
        return rows[rows.channel == channel].reset_index(drop=True)

    def held(self, channel: int) -> pd.Series:
        """The value of each second; NaN where nothing is known."""
        rows = self.told(channel)
        value = pd.Series(np.where(rows.flag == Flag.PASS, rows.value, np.inf), rows.s.to_numpy())
        return value.reindex(range(SECONDS)).ffill(limit=HOLD_S[channel] - 1).replace(np.inf, np.nan)

    def rain(self) -> pd.Series:
        """Millimetres of each second. One or two tips fell at any time since the reading before, more in the minute
        before theirs; what a reset lost nobody knows."""
        rows, out = self.told(611), np.zeros(SECONDS + 1)
        for a, b, mm in zip(rows.s[:-1], rows.s[1:], np.diff(rows.value), strict=True):
            if mm > 0:
                begin = a if mm < 0.5 else max(a, b - 60)
                out[begin:b] += mm / (b - begin)
        return pd.Series(out[:SECONDS])


def when(text: str | None) -> int:
    """Seconds from the beginning."""
    assert text is not None
    return second(text)


def rain_of_the_last_hour(q: Asked) -> None:
    (row,) = q.rows()
    assert row["mm"] == pytest.approx(q.rain().iloc[-3600:].sum(), abs=1e-6)
    assert row["mm"] > 1
    assert not (row["silent"] or row["at_least"])


def greatest_depth(q: Asked) -> None:
    (row,) = q.rows()
    good = q.told(101).query("flag == 1")
    assert row["maximum"] == good.value.max()
    assert when(row["maximum_time"]) == good.s[good.value.idxmax()]


def hours_of_pump_2(q: Asked) -> None:
    (row,) = q.rows()
    week = q.held(113).iloc[second("2021-07-25T16:00Z") :]
    assert row["run_h"] == pytest.approx(week.sum() / 3600)
    assert row["known_s"] == week.notna().sum()
    hours = q.told(118).set_index("s").value
    counted = hours[hours.index < SECONDS].iloc[-1] - hours[hours.index <= week.index[0]].iloc[-1]
    assert row["run_counted_h"] == pytest.approx(counted, abs=0.002)


def time_above(q: Asked) -> None:
    (row,) = q.rows()
    depth = q.held(101)
    assert (row["above_s"], row["covered_s"]) == ((depth > 0.15).sum(), depth.notna().sum())


def zone_now(q: Asked) -> None:
    rows = {r["channel"]: r for r in q.rows()}
    for channel in (101, 111, 411, 611):
        last = q.told(channel).iloc[-1]
        assert (rows[channel]["value"], when(rows[channel]["time"]), rows[channel]["state"]) == (
            last.value,
            last.s,
            "good",
        )
    assert {r["state"] for c, r in rows.items() if c in (102, 112, 115)} == {"unknown"}  # never heard
    assert rows[101]["level"] in (None, "blue", "yellow", "orange", "red")


def return_period(q: Asked) -> None:
    for row, hours in zip(q.rows(), (1, 3), strict=True):
        minutes = by_minute(q)[second("2021-07-31T00:00Z") // 60 :]
        mm = minutes.rolling(60 * hours).sum().max()
        f = month.FORMULA
        years = 10 ** ((mm / (60 * hours) * (60 * hours + f.b) ** f.n / f.a - 1) / f.c)
        assert (row["mm"], row["return_period_years"]) == (pytest.approx(mm), pytest.approx(years))


def by_minute(q: Asked) -> pd.Series:
    return q.rain().groupby(np.arange(SECONDS) // 60).sum()


def month_as_table(q: Asked) -> None:
    table = pd.read_csv(io.StringIO(q.text(q.calls[0])), parse_dates=["time"]).set_index("time")
    assert len(table) == 31 * 24
    for channel in (101, 111):
        mean = q.held(channel).groupby(np.arange(SECONDS) // 3600).mean()
        found = table[f"{channel}.mean"].iloc[: len(mean)]
        assert found.to_numpy() == pytest.approx(mean.to_numpy(), nan_ok=True)
    assert table.iloc[second(NOW) // 3600 + 1 :].isna().all(axis=None)


def two_events(q: Asked) -> None:
    rows, depth = q.rows(), q.held(101)
    assert [r["minute"] for r in rows] == list(range(-30, 240, 10))
    for row in rows:
        for n, event in enumerate(("2021-07-12T06:00Z", "2021-07-31T06:00Z"), 1):
            begin = second(event) + 60 * row["minute"]
            assert row[f"event_{n}"] == pytest.approx(depth.loc[begin : begin + 599].mean())


def five_minutes(q: Asked) -> None:
    rows, begin = q.rows(), second("2021-07-31T04:00Z")
    mm = q.rain().iloc[begin:].groupby(np.arange(SECONDS - begin) // 300).sum()
    assert [r["mm"] for r in rows] == pytest.approx(mm.tolist(), abs=1e-9)
    assert rows[-1]["total_mm"] == pytest.approx(mm.sum())


def days(q: Asked) -> None:
    local = q.rows(), q.rows(q.calls[0] + "&day_begins_h=8")
    rain = q.rain().iloc[: second("2021-07-31T00:00Z")]
    for rows, shift_h in zip(local, (0, 8), strict=True):
        day = (rain.index.to_numpy() - shift_h * 3600) // 86_400
        assert [r["mm"] for r in rows] == pytest.approx(rain.groupby(day).sum().tolist(), abs=1e-9)
    assert any(r["at_least"] for r in local[0])  # the gauge was reset on the 16th


def intensities(q: Asked) -> None:
    minute = by_minute(q)
    for row, minutes in zip(q.rows(), (5, 15, 30, 60, 180, 360, 720, 1440), strict=True):
        assert row["mm"] == pytest.approx(minute.rolling(minutes).sum().max())


def hourly_level(q: Asked) -> None:
    begin = second("2021-07-30T16:00Z")
    mean = q.held(111).iloc[begin:].groupby(np.arange(SECONDS - begin) // 3600).mean()
    assert [r["mean"] for r in q.rows()] == pytest.approx(mean.tolist())


def completeness(q: Asked) -> None:
    (row,), depth = q.rows(), q.held(101)
    gaps = q.rows(q.calls[0].replace("/v1/completeness", "/v1/gaps"))
    assert row["known_s"] == depth.notna().sum()
    assert row["gaps"] == len(gaps) == 2
    assert sum(g["seconds"] for g in gaps) == depth.isna().sum()
    longest = max(gaps, key=lambda g: g["seconds"])
    assert when(longest["end"]) == second(month.SILENT[1]) + 600


def levels_at(q: Asked) -> None:
    rows = {r["channel"]: r for r in q.rows()}
    for channel in (101, 411, 421):
        assert rows[channel]["value"] == q.told(channel).set_index("s").value[second("2021-07-31T08:00Z")]
    assert (rows[201]["value"], rows[201]["state"]) == (None, "unknown")


def zone_red(q: Asked) -> None:
    rows = sorted(q.rows(), key=lambda r: r["start"])
    # Three hours' rain of 100 mm is red; so are 50 cm under the bridge. Within a few readings.
    three_hours = q.rain().iloc[second(month.LIVE) :].rolling(3 * 3600).sum()
    first = min(three_hours.index[three_hours >= 100][0], q.held(101).pipe(lambda d: d.index[d >= 0.5][0]))
    assert first <= when(rows[0]["start"]) <= first + 180
    red = sorted((i for i in q.rows(CALLS[16][0]) if i["peak_level"] == "red"), key=lambda i: i["opened_ms"])
    assert [r["incident"] for r in rows] == [i["id"] for i in red]
    for row, incident in zip(rows, red, strict=True):
        told = [(m["sent"], m["level"], m["msgType"]) for m in reversed(incident["messages"])]
        begins = next(t for t, level, _ in told if level == "red")
        over = [t for t, level, kind in told if t > begins and (level != "red" or kind == "Cancel")]
        ends = over[0] if over else NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (row["start"], row["end"], row["goes_on"]) == (begins, ends, not over)
        assert row["minutes"] == (when(ends) - when(begins)) / 60


def incidents(q: Asked) -> None:
    rows = q.rows()
    assert {i["zone"] for i in rows} == {"shakou"}
    assert [i["opened_ms"] for i in rows] == sorted((i["opened_ms"] for i in rows), reverse=True)
    assert all(
        second(month.LIVE) <= i["opened_ms"] / 1000 - BEGIN.timestamp() for i in rows
    )  # what came late warned nobody
    assert "red" in {i["peak_level"] for i in rows}
    assert all(i["messages"] for i in rows)


def faults(q: Asked) -> None:
    found = {(r["what"], when(r["start"]), when(r["end"])) for r in q.rows()}
    assert found == {("fault", *map(second, month.FAULT)), ("mains_lost", *map(second, month.NO_MAINS))}


def weak_batteries(q: Asked) -> None:
    last = {c: q.told(c, month.RADIO).value.iloc[-1] for c in (462, 472)}
    assert {r["channel"]: r["value"] for r in q.rows()} == {c: v for c, v in last.items() if v < 3.3}


def trend_now(q: Asked) -> None:
    (row,) = q.rows()
    depth = q.held(101).to_numpy()
    assert (row["before_m"], row["now_m"]) == (depth[-600], q.told(101).value.iloc[-1])
    assert row["change_cm"] == pytest.approx(100 * (row["now_m"] - row["before_m"]))
    assert row["change_cm"] > 1
    # It rises by 12 cm in half an hour.
    assert row["trend_cm_per_10min"] == pytest.approx(4.0, abs=0.3)


def other_thresholds(q: Asked) -> None:
    rows, depth = q.rows(), q.held(101).iloc[second("2021-07-31T03:00Z") :]
    for word, lowest, highest in (("now", 0.05, 0.5), ("tried", 0.2, 0.6)):
        first = min((r for r in rows if r["rules"] == word), key=lambda r: r["opened"])
        # On-delay, or three readings where nothing else is wet: within five minutes.
        for name, level in (("blue", lowest), ("red", highest)):
            above = depth.index[depth >= level][0]
            assert above <= when(first[name]) <= above + 300, (word, name)


ANSWERS: list[Callable[[Asked], None]] = [
    rain_of_the_last_hour,
    greatest_depth,
    hours_of_pump_2,
    time_above,
    zone_now,
    return_period,
    month_as_table,
    two_events,
    five_minutes,
    days,
    intensities,
    hourly_level,
    completeness,
    levels_at,
    zone_red,
    incidents,
    faults,
    weak_batteries,
    trend_now,
    other_thresholds,
]


@pytest.mark.parametrize(("number", "right"), list(enumerate(ANSWERS, 1)), ids=lambda v: getattr(v, "__name__", str(v)))
def test_a_question_has_its_right_answer(asked: tuple[Http, Told], number: int, right: Callable[[Asked], None]) -> None:
    right(Asked(*asked, number))


def test_the_page_has_twenty_and_the_client_each_of_its_methods() -> None:
    assert [int(n) for n, *_ in ROWS] == list(range(1, 21))
    for *_, methods in ROWS:
        for method in re.findall(r"`(\w+)`", methods):
            assert callable(getattr(Headwater, method)), method
