"""What is particular to the embedded engine: crashes between its steps, and what it leaves on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cloud.series import parquet
from cloud.series.base import TooMany
from cloud.series.files import SegmentFiles
from cloud.series.manifest import Manifest
from cloud.series.parquet import ParquetStore
from contract.readings import ReadingBatch
from tests.cloud.series.support import HOUR_MS, START_MS, entry, oracle, random_log, rows_of
from tests.cloud.series.test_store import ALL, CHANNELS, feed


class Crash(Exception):
    pass


@pytest.mark.parametrize("target", [(Manifest, "commit"), (SegmentFiles, "_write"), (SegmentFiles, "sweep")])
@pytest.mark.parametrize("nth", [1, 4])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_before_or_after_any_step_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: tuple[type, str], nth: int, after: bool
) -> None:
    log = random_log(nth, 120, 60)
    store = ParquetStore(tmp_path)
    owner, name = target
    real = getattr(owner, name)
    calls = 0

    def crashing(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            raise Crash
        result = real(*args, **kwargs)
        if calls == nth:
            raise Crash
        return result

    with monkeypatch.context() as m:
        m.setattr(owner, name, crashing)
        with pytest.raises(Crash):
            feed(store, log, chunk=3)
    store = ParquetStore(tmp_path)  # the process is gone, and so is its memory
    feed(store, log)
    assert rows_of(store.raw(CHANNELS, *ALL)) == oracle(log)


def test_a_flood_of_readings_is_sealed_before_its_hour_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "TAIL_READINGS", 20)
    log = random_log(3, 240, 3)
    store = ParquetStore(tmp_path)
    for i in range(0, len(log), 5):
        store.apply(log[i : i + 5])
        # Who opens it after a crash finds all but the newest on disk, though no hour was over.
        on_disk = rows_of(ParquetStore(tmp_path).raw(CHANNELS, *ALL))
        assert len(on_disk) >= len(oracle(log[: i + 5])) - 20
    assert rows_of(store.raw(CHANNELS, *ALL)) == oracle(log)


def test_what_is_too_much_is_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetStore(tmp_path)
    feed(store, random_log(1, 400, 1600))
    read = 0
    table = SegmentFiles.table

    def counted(*args: object) -> object:
        nonlocal read
        read += 1
        return table(*args)

    monkeypatch.setattr(SegmentFiles, "table", counted)
    for ask in (store.raw, store.hourly):
        read = 0
        ask(CHANNELS, *ALL)
        whole, read = read, 0
        with pytest.raises(TooMany):
            ask(CHANNELS, *ALL, at_most=10)
        assert read < whole / 2


def test_hours_become_days_and_days_months(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    feed(store, random_log(5, 120, 24 * 80))
    names = {p.name.rsplit("-", 2)[0] for p in tmp_path.glob("*.parquet")}
    assert {"raw-month", "raw-day", "hourly-month", "hourly-day"} <= names
    assert len(list(tmp_path.glob("raw-hour*"))) < 60
    assert not list(tmp_path.glob("*.new"))
    store.close()


def test_files_that_a_crash_left_are_swept(tmp_path: Path) -> None:
    (tmp_path / "raw-hour-1-abc.parquet").write_bytes(b"half")
    (tmp_path / "raw-hour-1-abc.parquet.new").write_bytes(b"half")
    ParquetStore(tmp_path).close()
    assert not list(tmp_path.glob("*abc*"))


def test_a_sealed_hour_of_levels_takes_less_than_three_bytes_a_reading(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    n, channels = 60, 200
    time_ms = np.repeat(START_MS + np.arange(n) * 60_000, channels)
    channel = np.tile(np.arange(1, channels + 1), n)
    value = np.round(0.3 + np.cumsum(rng.normal(0, 0.003, n * channels)) / 100, 3)
    batch = ReadingBatch.of(time_ms, channel, value, np.ones(n * channels))
    store = ParquetStore(tmp_path)
    log = [entry(i + 1, START_MS, batch.take(slice(i * 4000, (i + 1) * 4000))) for i in range(3)]
    later = entry(9, START_MS + 2 * HOUR_MS, ReadingBatch.of([START_MS + 2 * HOUR_MS], [1], [0.0], [1]))
    feed(store, [*log, later])
    size = sum(p.stat().st_size for p in tmp_path.glob("raw-hour*"))
    assert size / len(batch) < 3.0
    store.close()
