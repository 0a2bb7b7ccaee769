"""Answers built by columns say what dicts would say."""

from __future__ import annotations

import csv
import io
import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.api import rows
from cloud.api.latest import LatestTable, SharedLatest, latest_json
from cloud.api.ports import Services
from cloud.series.columns import ordered
from cloud.series.hourly import hourly_of
from contract.catalogue.catalogue import Catalogue
from contract.clock import iso
from contract.readings import FLAG_VALUES, Flag, ReadingBatch

TIMES = st.integers(-4_102_444_800_000, 4_102_444_800_000)
VALUES = st.floats(width=64) | st.integers(-9000, 9000).map(lambda v: v / 1000)
READINGS = st.lists(st.tuples(TIMES, st.integers(0, 2**32 - 1), VALUES, st.sampled_from(FLAG_VALUES)), max_size=30)
NOW_MS = 1_626_768_000_000


def batch_of(readings: list[tuple[int, int, float, int]]) -> ReadingBatch:
    return ReadingBatch.of(*zip(*readings, strict=True)) if readings else ReadingBatch.empty()


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@settings(deadline=None)
@given(READINGS)
def test_readings_as_json_and_csv(readings: list[tuple[int, int, float, int]]) -> None:
    batch = batch_of(readings)
    expected = [{"time": iso(t), "channel": c, "value": finite(v), "flag": f} for t, c, v, f in readings]
    assert json.loads(b"" + rows.readings_json(batch)) == expected
    found = list(csv.DictReader(io.StringIO(bytes(rows.readings_csv(batch)).decode())))
    assert [r["time"] for r in found] == [e["time"] for e in expected]
    assert [float(r["value"]) if r["value"] else None for r in found] == [e["value"] for e in expected]
    assert [(int(r["channel"]), int(r["flag"])) for r in found] == [(e["channel"], e["flag"]) for e in expected]


def test_many_readings_in_whole_seconds_and_one_that_is_not() -> None:
    """Enough of them that the time is written the fast way."""
    time_ms = NOW_MS + np.arange(3000) * 1000
    time_ms[1234] += 7
    found = json.loads(b"" + rows.readings_json(ReadingBatch.of(time_ms, np.ones(3000), np.zeros(3000))))
    assert [r["time"] for r in found] == [iso(t) for t in time_ms.tolist()]


@settings(deadline=None)
@given(READINGS)
def test_hours_as_json_and_csv(readings: list[tuple[int, int, float, int]]) -> None:
    readings = [(t, c, v if abs(v) < 1e100 or v != v else 1.0, f) for t, c, v, f in readings]
    h = hourly_of(ordered(batch_of(readings)))
    found = json.loads(b"" + rows.hourly_json(h))
    assert [r["time"] for r in found] == [iso(t) for t in h.hour_ms.tolist()]
    for name in ("channel", "count", "minimum", "maximum", "mean", "first", "last"):
        assert [r[name] for r in found] == [finite(v) for v in getattr(h, name).tolist()]
    table = list(csv.DictReader(io.StringIO(bytes(rows.hourly_csv(h)).decode())))
    assert [list(r) for r in table] == [list(r) for r in found]


@pytest.fixture
def services() -> Services:
    numbers = range(1, 8)
    heartbeat = SimpleNamespace(reporting=SimpleNamespace(heartbeat_s=300.0))
    catalogue = cast(Catalogue, SimpleNamespace(channels=dict.fromkeys(numbers, heartbeat)))
    heard = ReadingBatch.of(
        [NOW_MS - 1500, NOW_MS - 600_000, NOW_MS - 600_001, NOW_MS, NOW_MS, NOW_MS],
        [1, 2, 3, 4, 5, 6],
        [0.25, 1.0, 1.0, np.nan, 9.5, -0.5],
        [Flag.PASS, Flag.PASS, Flag.PASS, Flag.MISSING, Flag.FAIL, Flag.SUSPECT],
    )
    latest = SimpleNamespace(snapshot=lambda: heard)
    # Two rules hold something of channel 2, and one of a channel that the table is not of.
    held = (np.array([6, 2, 2, 99]), np.array([0, 1, 3, 2], np.int8))
    warnings, clock = SimpleNamespace(levels=lambda: held), SimpleNamespace(now_ms=lambda: NOW_MS)
    return cast(Services, SimpleNamespace(catalogue=catalogue, latest=latest, warnings=warnings, clock=clock))


def test_latest_as_bytes_and_as_dicts(services: Services) -> None:
    found: list[dict[str, Any]] = json.loads(b"" + LatestTable(services.catalogue).json(services))
    assert [r.pop("level") for r in found] == [None, "red", None, None, None, "blue", None]
    assert found == latest_json(services)
    assert [r["state"] for r in found] == ["good", "good", "unknown", "unknown", "unknown", "suspect", "unknown"]
    assert found[0] == {
        "channel": 1,
        "time": "2021-07-20T07:59:58.500Z",
        "value": 0.25,
        "flag": 1,
        "age_s": 1.5,
        "state": "good",
    }
    assert found[6] == {"channel": 7, "time": None, "value": None, "flag": 9, "age_s": None, "state": "unknown"}
    assert [r["channel"] for r in latest_json(services, [6, 2])] == [2, 6]


def test_many_who_ask_at_once_share_an_answer_begun_after_they_asked(services: Services) -> None:
    asked, all_asked, heard = threading.Barrier(9), threading.Semaphore(0), services.latest.snapshot()
    made: list[float] = []

    def slowly() -> ReadingBatch:
        made.append(time.monotonic())
        if len(made) == 1:
            for _ in range(9):
                assert all_asked.acquire(timeout=60)
            time.sleep(0.3)  # from having said so to having asked
        return heard

    slow = cast(Services, SimpleNamespace(**vars(services) | {"latest": SimpleNamespace(snapshot=slowly)}))
    shared = SharedLatest(slow)

    def ask() -> tuple[float, bytes]:
        asked.wait()
        all_asked.release()
        return time.monotonic(), bytes(shared.body())

    with ThreadPoolExecutor(9) as pool:
        answers = [f.result() for f in [pool.submit(ask) for _ in range(9)]]
    assert len({body for _, body in answers}) == 1
    assert 1 <= len(made) <= 3
    before = len(made)
    shared.body()
    assert len(made) == before + 1  # a later question gets nothing old


def test_nothing_heard_and_nothing_found(services: Services) -> None:
    silent = cast(
        Services, SimpleNamespace(**vars(services) | {"latest": SimpleNamespace(snapshot=ReadingBatch.empty)})
    )
    assert {r["state"] for r in json.loads(b"" + LatestTable(services.catalogue).json(silent))} == {"unknown"}
    assert rows.readings_json(ReadingBatch.empty()) == b"[]"
    assert rows.readings_csv(ReadingBatch.empty()) == b"time,channel,value,flag\n"
