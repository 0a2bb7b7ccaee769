"""Hours become days and days months: nothing is lost, the last word of the log stays, old files go."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.series.columns import from_table, ordered
from cloud.series.compaction import DAY_MS, compact_days, compact_months
from cloud.series.files import SegmentFiles
from cloud.series.manifest import Manifest
from contract.readings import ReadingBatch
from tests.cloud.series.support import HOUR_MS, Rows, rows_of

DAY = 1_625_097_600_000  # 1 July 2021 00:00 UTC
MONTH_END = DAY + 31 * DAY_MS


class Store:
    """Manifest and files of a folder, and what was put in, by the rule that the later word stands."""

    def __init__(self, folder: Path) -> None:
        self.manifest = Manifest(folder / "manifest.sqlite")
        self.files = SegmentFiles(folder, self.manifest)
        self.expected: Rows = {}

    def seal_hour(self, start_ms: int, value: float, channels: tuple[int, ...] = (7, 8)) -> None:
        rows = [(c, start_ms + minute * 60_000) for c in channels for minute in (0, 30)]
        batch = ordered(ReadingBatch.of([t for _, t in rows], [c for c, _ in rows], [value] * len(rows)))
        segment = self.files.write_raw("hour", start_ms, start_ms + HOUR_MS, [batch])
        self.manifest.commit([segment])
        self.expected.update(rows_of(batch))

    def stored(self) -> Rows:
        """In the order in which they were sealed, as a reader has it."""
        found: Rows = {}
        groups = self.manifest.find("raw", 0, 2**32, DAY - 40 * DAY_MS, MONTH_END + 40 * DAY_MS)
        for group in sorted(groups, key=lambda g: g[0]):
            found.update(rows_of(from_table(self.files.table(group[2], group[3]))))
        return found

    def spans(self) -> dict[str, list[int]]:
        return {span: sorted(self.manifest.spans("raw", span)) for span in ("hour", "day", "month")}

    def close(self) -> None:
        self.files.close()
        self.manifest.close()


@pytest.fixture
def store(tmp_path: Path):
    made = Store(tmp_path)
    yield made
    made.close()


def test_a_day_is_merged_when_it_is_over_by_an_hour(store: Store) -> None:
    for hour in (0, 5, 23):
        store.seal_hour(DAY + hour * HOUR_MS, hour / 10)
    compact_days(store.manifest, store.files, DAY + DAY_MS + HOUR_MS - 1)
    assert store.spans()["day"] == []
    compact_days(store.manifest, store.files, DAY + DAY_MS + HOUR_MS)
    assert store.spans() == {"hour": [], "day": [DAY], "month": []}
    assert store.stored() == store.expected
    assert sorted(store.manifest.spans("hourly", "day")) == [DAY]


def test_late_hours_join_their_day_and_have_the_last_word(store: Store) -> None:
    store.seal_hour(DAY, 0.1)
    compact_days(store.manifest, store.files, DAY + 2 * DAY_MS)
    store.seal_hour(DAY, 0.9, channels=(8, 9))
    compact_days(store.manifest, store.files, DAY + 2 * DAY_MS)
    assert store.spans() == {"hour": [], "day": [DAY], "month": []}
    assert store.stored() == store.expected
    assert store.stored()[8, DAY] == (0.9, 2)


def test_a_month_is_merged_when_it_is_over_by_a_day_and_takes_what_comes_later(store: Store) -> None:
    for day in (0, 10, 30):
        store.seal_hour(DAY + day * DAY_MS, day / 100)
    compact_days(store.manifest, store.files, MONTH_END + HOUR_MS)
    compact_months(store.manifest, store.files, MONTH_END + DAY_MS - 1)
    assert store.spans()["month"] == []
    compact_months(store.manifest, store.files, MONTH_END + DAY_MS)
    assert store.spans() == {"hour": [], "day": [], "month": [DAY]}
    store.seal_hour(DAY + 10 * DAY_MS, 0.77)
    compact_days(store.manifest, store.files, MONTH_END + 2 * DAY_MS)
    assert store.spans()["hour"] == [DAY + 10 * DAY_MS], "a day of a month that is done waits for the month"
    compact_months(store.manifest, store.files, MONTH_END + 2 * DAY_MS)
    assert store.spans() == {"hour": [], "day": [], "month": [DAY]}
    assert store.stored() == store.expected


def test_what_was_merged_is_deleted(store: Store, tmp_path: Path) -> None:
    for hour in range(3):
        store.seal_hour(DAY + hour * HOUR_MS, 0.5)
    compact_days(store.manifest, store.files, DAY + 2 * DAY_MS)
    store.files.sweep()
    assert len(list(tmp_path.glob("raw-*.parquet"))) == 1
