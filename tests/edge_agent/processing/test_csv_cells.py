"""How a column of times, and one of values, is read."""

from __future__ import annotations

import pytest

from contract.clock import iso
from edge_agent.processing.csv_cells import Refused, looks_like_time, times, values, zone_of


@pytest.mark.parametrize(
    ("column", "tz", "said"),
    [
        (["1626768000"], None, "2021-07-20T08:00:00Z"),
        (["1626768000.5"], None, "2021-07-20T08:00:00.500Z"),
        (["1626768000000"], None, "2021-07-20T08:00:00Z"),
        (["20210720160000"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["202107201600"], "+08:00", "2021-07-20T08:00:00Z"),
        (["2021/7/20 16:00"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["2021-07-20T16:00:00+08:00"], "Europe/Berlin", "2021-07-20T08:00:00Z"),  # its own zone holds
        (["2021-07-20 08:00"], "UTC", "2021-07-20T08:00:00Z"),
        (["20210720"], "UTC", "2021-07-20T00:00:00Z"),
        (["1626768000000000"], None, "2021-07-20T08:00:00Z"),
        (["1626768000500000000"], None, "2021-07-20T08:00:00.500Z"),
        (["2021-07-20 08:00:00 UTC"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["2021-07-20 04:00:00 PM"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["2021-07-20 4:00 pm"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["2021/7/20 下午 4:00"], "Asia/Shanghai", "2021-07-20T08:00:00Z"),
        (["2021-07-20 12:30 AM"], "UTC", "2021-07-20T00:30:00Z"),
        (["2021-07-20 12:30 PM"], "UTC", "2021-07-20T12:30:00Z"),
    ],
)
def test_times(column: list[str], tz: str | None, said: str) -> None:
    assert iso(times(column, zone_of(tz), [])(column[0])) == said
    assert looks_like_time(column[0])


def test_numbers_mean_the_same_in_the_whole_column() -> None:
    """A number of seconds among milliseconds is a mistake, and comes out as one, not as another unit."""
    assumed: list[str] = []
    read = times(["1626768000000", "1626768060"], None, assumed)
    assert iso(read("1626768000000")) == "2021-07-20T08:00:00Z"
    assert iso(read("1626768060")) == "1970-01-19T19:52:48.060Z"
    assert "milliseconds" in assumed[0]


def test_a_spreadsheets_days_are_dates_without_a_zone() -> None:
    assumed: list[str] = []
    column = ["44397.6666667", "44398"]
    read = times(column, zone_of("Asia/Shanghai"), assumed)
    assert [iso(read(text)) for text in column] == ["2021-07-20T08:00:00Z", "2021-07-20T16:00:00Z"]
    assert assumed == ["times: numbers taken for a spreadsheet's days (44397.6666667 is 2021-07-20 16:00)"]
    with pytest.raises(ValueError, match="has no time zone: say --tz"):
        times(column, None, [])("44398")
    assert iso(times(["30000", "60000"], None, [])("60000")) == "1970-01-01T16:40:00Z"  # whole numbers: seconds


def test_whole_numbers_that_may_be_days_are_told() -> None:
    assumed: list[str] = []
    times(["44397", "44398"], None, assumed)
    assert assumed == [
        "times: numbers taken for epoch seconds (44397 is 1970-01-01 12:19 UTC); as a spreadsheet's days they would "
        "begin on 2021-07-20"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("07/08/2021 16:00", "which is the month"),
        ("7/20/2021 4:00 PM", "which is the month"),
        ("2021-07-20 16:00 PM", "no such hour of twelve"),
        ("2021-07-20 0:30 PM", "no such hour of twelve"),
        ("16:00", "no time that can be read"),
        ("2021-03-28 02:30", "did not exist there"),
    ],
)
def test_times_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        times([text], zone_of("Europe/Berlin"), [])(text)


def test_an_hour_that_came_twice_is_told_once() -> None:
    assumed: list[str] = []
    read = times([], zone_of("Europe/Berlin"), assumed)
    assert [iso(read(f"2021-10-31 02:{m}")) for m in (30, 45)] == ["2021-10-31T00:30:00Z", "2021-10-31T00:45:00Z"]
    assert assumed == ["times: 2021-10-31 02:30 came twice when the clocks went back: the first is taken"]


def test_a_comma_is_the_decimal_point_where_no_point_stands() -> None:
    assert values(["0,45", "1"], None, [])("0,45") == 0.45
    with pytest.raises(ValueError, match="no number"):
        values(["0,45", "0.5"], None, [])("0,45")
    with pytest.raises(Refused):
        values(["1"], ";", [])


@pytest.mark.parametrize("text", ["9" * 30, "9" * 400, "-" + "9" * 400, "9999-12-31T23:59:59"])
def test_a_time_beyond_the_calendar_is_refused(text: str) -> None:
    read = times([text], zone_of("-08:00"), [])
    with pytest.raises(ValueError, match="after the year 9999"):
        read(text)
