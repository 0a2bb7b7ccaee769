"""Where intervals begin, against pandas' calendar."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from cloud.series.intervals import LocalDays, at_most, edges

BERLIN, SHANGHAI, NEW_YORK = "Europe/Berlin", "Asia/Shanghai", "America/New_York"
CHANGES = [  # spring, autumn, none, the end of February of a leap year, a year's end
    (BERLIN, "2021-03-27 05:17", "2021-03-29 11:00"),
    (BERLIN, "2021-10-30 05:00", "2021-11-01 11:30"),
    (NEW_YORK, "2024-11-02 00:00", "2024-11-04 00:00"),
    (SHANGHAI, "2021-07-19 20:00", "2021-07-21 20:00"),
    (SHANGHAI, "2024-02-28 00:00", "2024-03-02 00:00"),
    ("America/Havana", "2024-03-09 12:00", "2024-03-11 12:00"),  # where midnight is skipped
    ("Australia/Lord_Howe", "2024-04-06 00:00", "2024-04-08 00:00"),  # where clocks change by half an hour
    (BERLIN, "2021-12-30 00:00", "2022-01-03 00:00"),
]


def ms(text: str, zone: str) -> int:
    return pd.Timestamp(text, tz=zone).value // 1_000_000


def found(interval, zone: str, start: str, end: str, begins_h: int = 0) -> list[int]:
    return edges(interval, ms(start, zone), ms(end, zone), LocalDays(ZoneInfo(zone), begins_h)).tolist()


def cut(inner, zone: str, start: str, end: str) -> list[int]:
    a, b = ms(start, zone), ms(end, zone)
    return [a, *sorted({t for t in inner if a < t < b}), b]


def of_pandas(index: pd.DatetimeIndex) -> list[int]:
    return index.tz_convert("UTC").as_unit("ms").asi8.tolist()


@pytest.mark.parametrize(("zone", "start", "end"), CHANGES)
def test_days_begin_at_local_midnight(zone, start, end):
    days = pd.date_range(start[:10], periods=9, freq="D").tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
    assert found("1d", zone, start, end) == cut(of_pandas(days), zone, start, end)


@pytest.mark.parametrize("zone", [BERLIN, SHANGHAI, NEW_YORK])
@pytest.mark.parametrize("begins_h", [0, 8])
def test_months_begin_with_their_first_day(zone, begins_h):
    start, end = "2023-11-15 09:00", "2025-03-01 00:00"
    months = pd.date_range("2023-11-01", periods=20, freq="MS", tz=zone)
    inner = of_pandas(pd.DatetimeIndex([m.replace(hour=begins_h) for m in months]))
    assert found("month", zone, start, end, begins_h) == cut(inner, zone, start, end)


@pytest.mark.parametrize(("zone", "start", "end"), CHANGES[:5])
@pytest.mark.parametrize(("interval", "freq"), [("5min", "5min"), ("30min", "30min"), ("1h", "1h")])
def test_up_to_an_hour_all_are_equally_long(zone, start, end, interval, freq):
    """In zones that change by whole hours: every one of them is there, that of the hour which comes twice, too."""
    inner = pd.date_range(start[:10], periods=10_000, freq=freq, tz=zone)
    assert found(interval, zone, start, end) == cut(of_pandas(inner), zone, start, end)


@pytest.mark.parametrize(("zone", "start", "end"), CHANGES[:5])
def test_longer_ones_begin_when_the_clock_says_so(zone, start, end):
    clock = pd.date_range(start[:10], periods=60, freq="6h").tz_localize(zone)
    assert found("6h", zone, start, end) == cut(of_pandas(clock), zone, start, end)


def test_a_day_has_23_or_25_hours_where_the_clocks_change():
    spring, autumn = ("2021-03-28 00:00", "2021-03-29 00:00"), ("2021-10-31 00:00", "2021-11-01 00:00")
    assert [len(found("1h", BERLIN, *day)) - 1 for day in (spring, autumn)] == [23, 25]
    assert np.diff(found("6h", BERLIN, *spring)).tolist() == [h * 3_600_000 for h in (5, 6, 6, 6)]
    assert np.diff(found("6h", BERLIN, *autumn)).tolist() == [h * 3_600_000 for h in (7, 6, 6, 6)]


def test_hydrological_days_begin_at_eight():
    inner = of_pandas(pd.date_range("2021-07-19 08:00", periods=4, freq="D", tz=SHANGHAI))
    start, end = "2021-07-19 10:00", "2021-07-22 08:00"
    assert found("1d", SHANGHAI, start, end, 8) == cut(inner, SHANGHAI, start, end)


def test_the_ends_are_cut_and_the_whole_is_one():
    assert edges("1h", 1_800_000, 9_000_000, LocalDays(UTC)).tolist() == [1_800_000, 3_600_000, 7_200_000, 9_000_000]
    assert edges("whole", 7, 9, LocalDays(UTC)).tolist() == [7, 9]


@pytest.mark.parametrize("interval", ["1min", "15min", "1h", "6h", "1d", "month", "whole"])
@pytest.mark.parametrize(("zone", "start", "end"), CHANGES)
def test_there_are_never_more_than_was_said(interval, zone, start, end):
    assert len(found(interval, zone, start, end)) - 1 <= at_most(interval, ms(start, zone), ms(end, zone))
