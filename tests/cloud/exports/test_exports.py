"""What the forms say, letter by letter."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from cloud.exports import pi_xml, swmm
from contract.readings import Flag

START_MS = 1_626_768_000_000  # 2021-07-20 08:00 UTC
MINUTE_MS = 60_000


def test_a_rain_file() -> None:
    no = np.zeros(4, np.bool_)
    start_ms = START_MS + 5 * MINUTE_MS * np.arange(4)
    known = np.array([True, True, False, False])
    mm, end_ms = np.array([0.2, 0.0, 0.0, 1.25]), START_MS + 20 * MINUTE_MS
    zone = ZoneInfo("Asia/Shanghai")
    found = swmm.gauge("r1", start_ms, end_ms, mm, zone, known=known, at_least=no, uncertain=no)
    assert found.decode().splitlines() == [
        "; r1: not known: 2021-07-20T08:10:00Z to 2021-07-20T08:20:00Z",
        "r1 2021 7 20 16 0 0.2000",
        "r1 2021 7 20 16 15 1.2500",
    ]


def test_of_many_doubts_some_are_named() -> None:
    n, no = 100, np.zeros(100, np.bool_)
    start_ms = START_MS + 5 * MINUTE_MS * np.arange(n)
    odd = np.arange(n) % 2 == 1
    end_ms, zone = START_MS + 5 * MINUTE_MS * n, ZoneInfo("UTC")
    found = swmm.gauge("r1", start_ms, end_ms, np.zeros(n), zone, known=~no, at_least=odd, uncertain=no)
    lines = found.decode().splitlines()
    assert (len(lines), lines[-1]) == (21, "; r1: at least: and 30 times more")


def test_events_of_pi_xml() -> None:
    values = np.array([0.25, 9.9, np.nan, 0.1, 2.0])
    flags = np.array([Flag.PASS, Flag.FAIL, Flag.PASS, Flag.SUSPECT, Flag.MISSING], np.uint8)
    text = pi_xml.events(START_MS + MINUTE_MS * np.arange(5), values, flags).decode()
    assert text.splitlines() == [
        '<event date="2021-07-20" time="08:00:00" value="0.25" flag="0"/>',
        '<event date="2021-07-20" time="08:01:00" value="9.9" flag="6"/>',
        '<event date="2021-07-20" time="08:02:00" value="-999.0" flag="9"/>',
        '<event date="2021-07-20" time="08:03:00" value="0.1" flag="3"/>',
        '<event date="2021-07-20" time="08:04:00" value="-999.0" flag="9"/>',
    ]


def test_names_are_no_markup() -> None:
    header = pi_xml.Header("a<b", "x&y", "<z>", 34.7, 113.6, "m", START_MS, START_MS + MINUTE_MS)
    text = pi_xml.begin(header).decode()
    assert "a&lt;b" in text
    assert "x&amp;y" in text
    assert "<z>" not in text
