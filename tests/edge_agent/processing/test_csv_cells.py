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


def test_a_comma_is_the_decimal_point_where_no_point_stands() -> None:
    assert values(["0,45", "1"], None, [])("0,45") == 0.45
    with pytest.raises(ValueError, match="no number"):
        values(["0,45", "0.5"], None, [])("0,45")
    with pytest.raises(Refused):
        values(["1"], ";", [])
