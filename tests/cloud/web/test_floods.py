"""A channel that is flooded costs the page little, and those who look at others nothing."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.overview import document
from cloud.series.base import TooMany
from cloud.web import page, state
from cloud.web.page import SharedStations
from contract.readings import ReadingBatch

NOW_MS = 1_783_000_000_000


class Series:
    """Holds readings of two gauges, one of them flooded; counts what it had to give."""

    def __init__(self) -> None:
        flood = np.arange(NOW_MS - 300_000, NOW_MS)  # a thousand a second
        calm = np.arange(NOW_MS - 7_200_000, NOW_MS, 60_000)
        self.rows = ReadingBatch.of(
            np.concatenate((flood, calm)),
            np.repeat([1, 2], [len(flood), len(calm)]),
            np.concatenate((flood % 1000, np.arange(len(calm)) * 0.2)),
        )
        self.given = 0

    def raw(self, channels: Any, start_ms: int, end_ms: int, at_most: int) -> ReadingBatch:
        wanted = np.isin(self.rows.channel, channels)
        found = self.rows.take(wanted & (self.rows.time_ms >= start_ms) & (self.rows.time_ms < end_ms))
        if len(found) > at_most:
            raise TooMany(len(found))
        self.given += len(found)
        return found


def services(series: Series) -> Services:
    return cast("Services", SimpleNamespace(series=series))


def test_a_flooded_gauge_is_passed_over_and_the_others_are_told():
    series = Series()
    found = dict(document._rows_of(services(series), [1, 2, 3], NOW_MS - 7 * 3_600_000, NOW_MS + 1))
    assert {channel: len(rows) for channel, rows in found.items()} == {2: 120, 3: 0}
    assert series.given <= 120


def test_of_a_flooded_channel_the_newest_is_shown():
    series = Series()
    rows = state._newest(services(series), 1, NOW_MS - 6 * 3_600_000, NOW_MS + 1, 20_000)
    assert 5_000 <= len(rows) <= 20_000
    assert int(rows.time_ms[-1]) == NOW_MS - 1
    assert len(state._newest(services(series), 2, NOW_MS - 6 * 3_600_000, NOW_MS + 1, 20_000)) == 120
    assert len(state._newest(services(series), 1, NOW_MS - 1000, NOW_MS, 10)) == 0


def test_a_hydrograph_is_made_once_for_all_who_ask_and_few_wait(monkeypatch):
    made, going = threading.Event(), threading.Event()
    count = 0

    def slow(*_: object) -> dict[str, int]:
        nonlocal count
        count += 1
        made.set()
        assert going.wait(20)
        return {"n": count}

    monkeypatch.setattr(page, "station_series", slow)
    shared = SharedStations(cast("Any", None))
    one, other = (cast("Any", SimpleNamespace(id=name)) for name in ("one", "other"))
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(shared.body(one, 12.0))) for _ in range(8)]
    for t in threads:
        t.start()
    assert made.wait(20)
    while shared._waiting < 8:
        made.wait(0.01)
    with pytest.raises(Problem) as refused:
        shared.body(other, 12.0)
    assert (refused.value.status, dict(refused.value.headers or {})["Retry-After"]) == (503, "2")
    going.set()
    for t in threads:
        t.join(20)
    assert (count, set(got)) == (1, {b'{"n":1}'})
    assert shared.body(other, 12.0) == b'{"n":2}'
    assert shared._waiting == 0
