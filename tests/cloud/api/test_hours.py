"""Hourly figures weighted by time: the same before and after a day is merged, whatever stretch is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cloud.api.hours import weighted
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

NOW_MS = START_MS + 200 * HOUR_MS


@pytest.fixture
def store(tmp_path: Path):
    found = ParquetStore(tmp_path / "series")
    yield found
    found.close()


def by_hour(store: ParquetStore, catalogue: Catalogue, start_ms: int, end_ms: int, channels=(101,)):
    h = weighted(store.hourly(channels, start_ms, end_ms), catalogue, store, NOW_MS)
    columns = (h.channel, h.hour_ms, h.count, h.mean, h.minimum, h.maximum, h.first, h.last)
    rows = zip(*(np.nan_to_num(c, nan=-9).tolist() for c in columns), strict=True)
    return {(r[0], (r[1] - START_MS) // HOUR_MS): tuple(r[2:]) for r in rows}


def test_the_mean_is_of_the_time_for_which_values_held(store: ParquetStore, small_district: Catalogue) -> None:
    """It rose in five minutes, reading after reading, then stood, and said so every ten: its heartbeat."""
    rising = [(m * 60_000, 0.5 * m) for m in range(6)]
    standing = [(m * 60_000, 2.5) for m in range(15, 70, 10)]
    times, values = zip(*rising, *standing, strict=True)
    feed(store, [entry(1, START_MS, ReadingBatch.of([START_MS + t for t in times], [101] * len(times), values))])
    found = by_hour(store, small_district, START_MS, START_MS + 2 * HOUR_MS)
    assert found[101, 0][1] == pytest.approx((0 + 0.5 + 1.0 + 1.5 + 2.0 + 55 * 2.5) / 60)
    assert np.mean(values[:-1]) < 2.0 < found[101, 0][1]  # what the mean of the readings would have been
    assert found[101, 1][1:4] == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(("start", "end"), [(30, 150), (0, 1440), (61, 719)])
def test_merged_or_not_the_figures_are_the_same(
    store: ParquetStore, small_district: Catalogue, start: int, end: int
) -> None:
    rng = np.random.default_rng(3)
    second = np.sort(rng.choice(24 * 3600, 400, replace=False))
    channel, flag = rng.choice([101, 102], 400), rng.choice([1, 1, 3, 4], 400)
    batch = ReadingBatch.of(START_MS + second * 1000, channel, np.round(rng.normal(1, 0.3, 400), 3), flag)
    feed(store, [entry(1, START_MS + 24 * HOUR_MS, batch)])
    a, b = START_MS + start * 60_000, START_MS + end * 60_000
    before = by_hour(store, small_district, a, b, (101, 102))
    whole = by_hour(store, small_district, START_MS, START_MS + 24 * HOUR_MS, (101, 102))
    feed(store, [tick(2, START_MS + 100 * HOUR_MS)])
    assert by_hour(store, small_district, a, b, (101, 102)) == before
    assert before == {k: v for k, v in whole.items() if a <= START_MS + k[1] * HOUR_MS < b}
    assert len(before) == 2 * len({k[1] for k in before}) > 0


def test_of_hours_whose_readings_were_let_go_the_mean_is_unknown(
    store: ParquetStore, small_district: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(store, [entry(1, START_MS, ReadingBatch.of([START_MS], [101], [0.4], [Flag.PASS]))])
    kept = store.hourly([101], START_MS, START_MS + HOUR_MS)
    monkeypatch.setattr(store, "raw", lambda *_: ReadingBatch.empty())
    found = weighted(kept, small_district, store, NOW_MS)
    assert np.isnan(found.mean).tolist() == [True]
    assert (found.count.tolist(), found.maximum.tolist(), found.last.tolist()) == ([1], [0.4], [0.4])
