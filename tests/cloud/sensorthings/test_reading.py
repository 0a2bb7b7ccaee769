"""Readings in order from either end, of a store that is gone through in pieces, against all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.sensorthings import reading
from cloud.sensorthings.reading import TooDense, in_order
from cloud.series.parquet import ParquetStore
from contract.readings import ReadingBatch
from tests.cloud.series.support import START_MS, entry, feed, oracle, random_log, tick

CHANNELS = (101, 102, 201)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ParquetStore]:
    found = ParquetStore(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("most", [10, 50_000])
@pytest.mark.parametrize("start_ms", [0, START_MS + 3_600_000])
def test_all_of_them_once_and_in_order(
    store: ParquetStore, monkeypatch: pytest.MonkeyPatch, newest_first: bool, most: int, start_ms: int
) -> None:
    log = random_log(3, 60, 100)
    feed(store, log)
    end_ms = START_MS + 90 * 3_600_000
    monkeypatch.setattr(reading, "_MOST", most)
    found = list(in_order(store, CHANNELS, start_ms, end_ms, newest_first, 1))
    wanted = sorted((t, c) for c, t in oracle(log) if c in CHANNELS and start_ms <= t < end_ms)
    rows = [row for b in found for row in zip(b.time_ms.tolist(), b.channel.tolist(), strict=True)]
    assert rows == wanted[:: -1 if newest_first else 1]
    assert len(wanted) > 100
    assert all(len(b) <= most for b in found)


def test_the_newest_is_found_with_few_questions(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(store, [entry(1, START_MS, ReadingBatch.of([START_MS], [101], [1.0])), tick(2, START_MS)])
    asked: list[tuple[int, int]] = []
    raw = store.raw

    def counted(channels: tuple[int, ...], start_ms: int, end_ms: int, at_most: int | None = None) -> ReadingBatch:
        asked.append((start_ms, end_ms))
        return raw(channels, start_ms, end_ms, at_most)

    monkeypatch.setattr(store, "raw", counted)
    year_ms = 365 * 86_400_000
    (batch,) = in_order(store, (101,), 0, START_MS + 5 * year_ms, True, 1)
    assert batch.time_ms.tolist() == [START_MS]
    assert len(asked) < 15  # six years back and on to 1970, from an hour on


def test_what_is_too_dense_is_refused(store: ParquetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = ReadingBatch.of([START_MS] * 30, list(range(1, 31)), [0.5] * 30)
    feed(store, [entry(1, START_MS, batch), tick(2, START_MS)])
    monkeypatch.setattr(reading, "_MOST", 20)
    with pytest.raises(TooDense):
        list(in_order(store, range(1, 31), START_MS, START_MS + 1000, False, 1))
