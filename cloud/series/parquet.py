"""The embedded series store: Parquet segments sealed from the log.

What has been applied and not yet sealed is a tail in memory; it is read again from the log after a restart. When the
log's time enters a new hour, all of the tail is sealed at once, one segment an hour of data, and the cursor moves with
it in one transaction: the segments and the tail never disagree, and late data end up where they belong. A tail of
`TAIL_READINGS` is sealed before its hour is over, so that no flood of readings fills the memory. Segments of a
day are merged when the next day begins, those of a month with the next month, each with its hourly rollup.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from cloud.log.base import START, Cursor, Entry
from cloud.series.base import Hourly, gathered
from cloud.series.columns import HOUR_MS, distinct, ordered
from cloud.series.compaction import compact_days, compact_months
from cloud.series.files import SegmentFiles
from cloud.series.hourly import hourly_concat, hourly_of, hourly_take, whole_hours
from cloud.series.manifest import Manifest, forget
from cloud.series.tail import Tail
from cloud.views.decode import readings
from contract.readings import ReadingBatch

TAIL_READINGS = 2_000_000  # 42 MB; at 850 readings a second an hour has three million
_FRESH_ROWS = 5_000_000  # that are rolled up for one question
MANIFEST = "manifest.sqlite"  # in the store's folder


def forget_manifest(folder: Path) -> None:
    """For a store whose manifest is damaged: what it knew is all in the log."""
    forget(folder / MANIFEST)


class ParquetStore:
    """See `cloud.series.base.SeriesStore`."""

    name = "series"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._manifest = Manifest(folder / MANIFEST)
        self._files = SegmentFiles(folder, self._manifest)
        self._lock = threading.Lock()
        self._tail = Tail()
        self._applied = self._sealed = self._manifest.cursor()
        self._hour: int | None = None  # the log hour that the tail belongs to

    # --- the view ---

    def cursor(self) -> Cursor:
        return self._applied

    def apply(self, entries: Sequence[Entry]) -> None:
        start = 0
        for i, entry in enumerate(entries):
            hour = entry.append_ms // HOUR_MS
            if self._hour is not None and hour > self._hour:
                self._take(entries[start:i])
                self._seal(hour)
                start = i
            self._hour = hour
        self._take(entries[start:])
        if self._hour is not None and len(self._tail) > TAIL_READINGS:
            self._seal(self._hour)

    def reset(self) -> None:
        with self._lock:
            self._manifest.clear()
            self._files.sweep()
            self._tail, self._applied, self._sealed, self._hour = Tail(), START, START, None

    def rewind(self, to: Cursor) -> None:
        with self._lock:
            self._manifest.commit([], cursor=to)
            self._tail, self._applied, self._sealed, self._hour = Tail(), to, to, None

    def close(self) -> None:
        self._files.close()
        self._manifest.close()

    def _take(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        batch = readings(entries)
        tail = self._tail.then(batch) if len(batch) else self._tail
        with self._lock:
            self._tail, self._applied = tail, entries[-1].offset

    def _seal(self, hour: int) -> None:
        """All of the tail; then whatever days and months are over by the log's time."""
        whole = self._tail.whole()
        segments = []
        hours = whole.time_ms // HOUR_MS
        order = np.argsort(hours, kind="stable")  # sorted once: returning history may touch hundreds of hours
        hours = hours[order]
        for h in distinct(hours):
            first, last = np.searchsorted(hours, [h, h + 1])
            part = ordered(whole.take(order[first:last]))
            segments.append(self._files.write_raw("hour", h * HOUR_MS, (h + 1) * HOUR_MS, [part]))
        self._manifest.commit(segments, cursor=self._applied)
        with self._lock:
            self._tail, self._sealed = Tail(), self._applied
        compact_days(self._manifest, self._files, hour * HOUR_MS)
        compact_months(self._manifest, self._files, hour * HOUR_MS)
        self._files.sweep()

    # --- the reader ---

    def raw(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> ReadingBatch:
        wanted = np.unique(np.array(channels, np.uint32))
        if not len(wanted):
            return ReadingBatch.empty()
        with self._lock:
            tail = self._tail
            groups = self._files.reading(self._find("raw", wanted, start_ms, end_ms))
        with groups:
            cut = (_cut(b, wanted, start_ms, end_ms) for b in chain(groups.batches(), tail.of(wanted)))
            return ordered(ReadingBatch.concat(gathered(cut, at_most, len)))

    def hourly(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> Hourly:
        """From rollups where days and months are merged; from raw readings for what came since, late or new."""
        wanted = np.unique(np.array(channels, np.uint32))
        start_ms, end_ms = whole_hours(start_ms, end_ms)
        if not len(wanted) or start_ms >= end_ms:
            return hourly_of(ReadingBatch.empty())
        with self._lock:
            tail = self._tail
            groups = self._files.reading(self._find("hourly", wanted, start_ms, end_ms))
            fresh = [g for g in self._find("raw", wanted, start_ms, end_ms) if g[1] == "hour"]
            fresh_groups = self._files.reading(fresh)
        with groups:
            cut = (_cut_hours(h, wanted, start_ms, end_ms) for h in groups.hours())
            parts = gathered(cut, at_most, lambda h: len(h.channel))
        with fresh_groups:
            cuts = (_cut(b, wanted, start_ms, end_ms) for b in chain(fresh_groups.batches(), tail.of(wanted)))
            new = gathered(cuts, _FRESH_ROWS, len)
        parts.append(self._roll_up(ReadingBatch.concat(new)))
        return hourly_concat(parts)

    def _roll_up(self, fresh: ReadingBatch) -> Hourly:
        """Of every hour that has any fresh reading, from all its readings: a late one changes a merged hour, too."""
        if not len(fresh):
            return hourly_of(fresh)
        hours = np.unique(fresh.time_ms // HOUR_MS)
        first, last = int(hours[0]) * HOUR_MS, (int(hours[-1]) + 1) * HOUR_MS
        every = self.raw(np.unique(fresh.channel).tolist(), first, last, 2 * _FRESH_ROWS)
        return hourly_of(every.take(np.isin(every.time_ms // HOUR_MS, hours)))

    def _find(
        self, kind: str, wanted: np.ndarray, start_ms: int, end_ms: int
    ) -> list[tuple[int, str, str, int, int, int]]:
        found = self._manifest.find(kind, int(wanted[0]), int(wanted[-1]), start_ms, end_ms)
        low = np.searchsorted(wanted, [g[4] for g in found])
        high = np.searchsorted(wanted, [g[5] for g in found], side="right")
        return [g for g, a, b in zip(found, low, high, strict=True) if b > a]


def _cut(batch: ReadingBatch, wanted: np.ndarray, start_ms: int, end_ms: int) -> ReadingBatch:
    mask = (batch.time_ms >= start_ms) & (batch.time_ms < end_ms)
    if len(wanted) == 1:
        mask &= batch.channel == wanted[0]
    else:
        mask &= np.isin(batch.channel, wanted)
    return batch.take(mask)


def _cut_hours(h: Hourly, wanted: np.ndarray, start_ms: int, end_ms: int) -> Hourly:
    mask = (h.hour_ms >= start_ms) & (h.hour_ms < end_ms)
    if len(wanted) > 1:
        return hourly_take(h, mask & np.isin(h.channel, wanted))
    first, end = np.searchsorted(h.channel, [wanted[0], wanted[0] + 1])  # by channel: its rows are a slice
    mine = slice(int(first), int(end))
    return hourly_take(h, mine) if mask[mine].all() else hourly_take(hourly_take(h, mine), mask[mine])
