"""Workbooks, opened by another's reader (calamine)."""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from python_calamine import CalamineWorkbook

from cloud.api.problems import Problem
from cloud.api.xlsx import MOST_CELLS, MOST_ROWS, Workbook
from tests.cloud.api.test_encoders import NAMES, PARTS

SHANGHAI = ZoneInfo("Asia/Shanghai")


def opened(tables) -> list[list]:
    book = Workbook(SHANGHAI)
    for table in tables:
        book.piece(table)
    return CalamineWorkbook.from_filelike(io.BytesIO(book.end())).get_sheet_by_index(0).to_python()


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_cells_are_what_they_were(parts) -> None:
    """Times are times of the place, to the millisecond; what is not known is an empty cell."""
    head, *rows = opened(parts)
    z = "Asia/Shanghai"
    assert head[:7] == [f"time ({z})", "channel", "name", "mean", f"maximum_time ({z})", "flag", "at_least"]
    assert head[7:] == ["rarest", f"begin ({z})"]
    day = dt.datetime(2021, 7, 20, 16)
    times = [day, day + dt.timedelta(seconds=60.5), dt.datetime(1970, 1, 1, 8), day + dt.timedelta(seconds=120)]
    most = [*times[:2], "", times[3]]
    mean, flag = [0.25, "", -1.5, 3.0], [1.0, "", 3.0, 4.0]
    at_least, rarest = [False, "", False, True], ["", "5min", "", "1h"]
    channel, begin = [101.0, 101.0, 202.0, 202.0], [dt.datetime(1970, 1, 1, 8)] * 4
    wanted = zip(times, channel, NAMES, mean, most, flag, at_least, rarest, begin, strict=True)
    assert rows == [list(row) for row in wanted]


def test_nothing_is_a_heading_alone_and_marks_are_no_markup() -> None:
    table = pa.table({"name": pa.array(["<a> & 'b'\x00\x07", " blank ", ""])})
    assert opened([table.slice(0, 0)]) == [["name"]]
    assert opened([table])[1:] == [["<a> & 'b'"], [" blank "], [""]]


@pytest.mark.parametrize(("rows", "columns"), [(MOST_ROWS, 1), (MOST_CELLS // 20 + 1, 20)], ids=["rows", "cells"])
def test_more_than_a_sheet_holds_is_refused_and_the_other_forms_named(rows: int, columns: int) -> None:
    part = pa.table({f"c{i}": pa.array(np.zeros(rows // 2 + 1, np.int8)) for i in range(columns)})
    book = Workbook(SHANGHAI)
    with pytest.raises(Problem) as refused:
        for _ in range(2):
            book.piece(part)
    assert refused.value.status == 413
    assert all(form in refused.value.detail for form in ("csv", "parquet", "arrow", "ndjson"))
