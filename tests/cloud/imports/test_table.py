"""Tables as people have them: what is read of each row, and what is refused, by its line."""

from __future__ import annotations

import math
from datetime import datetime

import pytest

from cloud.imports.mapping import Mapping
from cloud.imports.table import Cell, NoTable, RefusedRow, Row, rows
from contract.clock import to_ms
from contract.readings import Flag

NOT = Flag.NOT_EVALUATED


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))


NOW_MS = at("2021-08-01T00:00:00Z")


def read(text: str, zone: str = "UTC", time: dict | None = None, **more) -> list:
    mapping = Mapping.model_validate(
        {"time": {"columns": ["t"], "zone": zone, **(time or {})}, "channels": [{"column": "v", "channel": 1}], **more}
    )
    return list(rows(text.splitlines(keepends=True), mapping, NOW_MS))


@pytest.mark.parametrize(
    ("cell", "more", "value", "flag"),
    [
        ("1.5", {}, 1.5, NOT),
        (" -2e-1 ", {}, -0.2, NOT),
        ("1,5", {"decimal_comma": True, "separator": ";"}, 1.5, NOT),
        ("150", {"channels": [{"column": "v", "channel": 1, "factor": 0.01, "offset": 1}]}, 2.5, NOT),
        ("107", {"channels": [{"column": "v", "channel": 1, "factor": 0.01}]}, 1.07, NOT),
        ("-9999", {"missing": ["-9999"]}, math.nan, Flag.MISSING),
    ],
)
def test_a_cell_is_a_value(cell: str, more: dict, value: float, flag: Flag) -> None:
    between = more.get("separator", ",")
    (row,) = read(f"t{between}v\n2021-07-20T08:00Z{between}{cell}\n", **more)
    assert row.time_ms == at("2021-07-20T08:00:00Z")
    (cell_read,) = row.cells
    assert (cell_read.place, cell_read.flag) == (0, flag)
    assert cell_read.value == value or (math.isnan(value) and math.isnan(cell_read.value))


@pytest.mark.parametrize("cell", ["nan", "inf", "1_000", "1,5", "٣", "1e999", "0x10", "=1+1", "--1", "1 2", "1\0"])
def test_what_is_no_number_is_refused(cell: str) -> None:
    (row,) = read(f't,v\n2021-07-20T08:00,"{cell}"\n')
    assert isinstance(row, RefusedRow) and row.line == 2 and row.why.startswith("v: ")


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("written", "zone", "time", "utc"),
    [
        ("2021-07-20 16:00", "Asia/Shanghai", {}, "2021-07-20T08:00:00Z"),
        ("20.07.2021 16:00", "Asia/Shanghai", {"format": "%d.%m.%Y %H:%M"}, "2021-07-20T08:00:00Z"),
        ("2021-07-20T16:00+01:00", "Asia/Shanghai", {}, "2021-07-20T15:00:00Z"),
        ("2020-10-25 02:30", BERLIN, {"ambiguous": "earlier"}, "2020-10-25T00:30:00Z"),
        ("2020-10-25 02:30", BERLIN, {"ambiguous": "later"}, "2020-10-25T01:30:00Z"),
        ("2020-10-25 02:30", BERLIN, {}, "was twice in Europe/Berlin"),
        ("2021-03-28 02:30", BERLIN, {"ambiguous": "later"}, "there was no 2021-03-28 02:30:00 in Europe/Berlin"),
        ("yesterday", "UTC", {}, "is no time of the form ISO 8601"),
        ("2021-08-01T00:01", "UTC", {}, "still to come"),
        ("1969-12-31T23:59", "UTC", {}, "before 1970"),
        ("0001-01-01T00:00", "Asia/Shanghai", {}, ("before 1970", "beyond all calendars")),
    ],
)
def test_a_time_is_a_moment_or_refused(written: str, zone: str, time: dict, utc: str | tuple[str, ...]) -> None:
    (row,) = read(f"t,v\n{written},1\n", zone, time)
    if isinstance(row, Row):
        assert row.time_ms == at(str(utc))
    else:
        assert any(why in row.why for why in ((utc,) if isinstance(utc, str) else utc)), row.why


def test_an_empty_cell_is_no_reading_and_rows_rise_in_time() -> None:
    found = read("t,v\n2021-07-20T08:00,\n\n2021-07-20T08:05,1\n2021-07-20T08:05,2\n2021-07-20T08:01,3\n08:06\n")
    assert [row.cells for row in found[:2]] == [[], [Cell(0, 1.0, NOT)]]
    assert [(row.line, row.why.split(":")[0].split(" columns")[0]) for row in found[2:]] == [
        (5, "it is not later than the row before it"),
        (6, "it is not later than the row before it"),
        (7, "it has 1"),
    ]


def test_flags_that_are_given() -> None:
    more = {
        "flags": "given",
        "flag_words": {"ok": "pass", "x": "fail", "-": "missing"},
        "channels": [{"column": "v", "channel": 1, "flag_column": "q"}],
    }
    found = read(
        "t,v,q\n2021-07-20T08:00,1,ok\n2021-07-20T08:01,9,x\n2021-07-20T08:02,0,-\n2021-07-20T08:03,1,?\n", **more
    )
    assert [row.cells[0].flag for row in found[:3]] == [Flag.PASS, Flag.FAIL, Flag.MISSING]
    assert math.isnan(found[2].cells[0].value)
    assert "do not say what '?' means" in found[3].why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no column 't'; it names nothing"),
        ("t,w\n", "no column 'v'"),
        ("t,v,v\n", "more than one column 'v'"),
        ('t,v\n2021-07-20T08:00,"1\n', "line 2"),
        ("t,v\n2021-07-20T08:00," + "1" * 200_000 + "\n", "field larger"),
    ],
)
def test_what_is_no_such_table(text: str, why: str) -> None:
    with pytest.raises(NoTable, match=why):
        read(text)
