"""A local time is one moment, two or none; see also test_table."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from cloud.imports.local_time import NoTime, utc_ms

LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks move by half an hour


@pytest.mark.parametrize(("which", "offset_h"), [("earlier", 11.0), ("later", 10.5)])
def test_half_an_hour_that_was_twice(which: str, offset_h: float) -> None:
    plain = utc_ms("2021-04-04 01:45", None, ZoneInfo("UTC"), "refuse")
    assert utc_ms("2021-04-04 01:45", None, LORD_HOWE, which) == plain - offset_h * 3_600_000


def test_half_an_hour_that_never_was() -> None:
    with pytest.raises(NoTime, match="clocks went forward"):
        utc_ms("2021-10-03 02:15", None, LORD_HOWE, "later")
