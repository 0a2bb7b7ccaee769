"""The newest reading of every channel. Kept in memory, rebuilt from the log at start: it reads millions a second."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from cloud.log.base import START, Cursor, Entry
from cloud.views.decode import readings
from contract.catalogue.catalogue import Catalogue
from contract.channel_rows import ChannelRows
from contract.latest_wins import newest_of_each_channel
from contract.readings import Int64s, ReadingBatch


class LatestView:
    """See `cloud.api.ports.Latest`. Of two readings of one time the later in the log holds (a corrected flag)."""

    name = "latest"

    def __init__(self, catalogue: Catalogue, begins: tuple[Cursor, ReadingBatch] | None = None) -> None:
        """begins: where a trimmed log begins, and the newest readings there."""
        self._begins = begins
        self._channels = np.array(sorted(catalogue.channels), np.uint32)
        self._rows = ChannelRows(self._channels)
        self._place = np.zeros(len(self._channels), np.int64)  # scratch of `_take`
        self._lock = threading.Lock()
        self.reset()

    def cursor(self) -> Cursor:
        return self._cursor

    def reset(self) -> None:
        with self._lock:
            n = len(self._channels)
            self._cursor = START
            self._time_ms = np.full(n, np.iinfo(np.int64).min)
            self._value = np.full(n, np.nan)
            self._flag = np.zeros(n, np.uint8)
            self._heard = np.zeros(n, np.bool_)
            if self._begins is not None:
                self._cursor, batch = self._begins
                if len(batch) and n:
                    self._take(batch)

    def apply(self, entries: Sequence[Entry]) -> None:
        batch = readings(entries)
        with self._lock:
            if len(batch) and len(self._channels):
                self._take(batch)
            self._cursor = entries[-1].offset

    def snapshot(self) -> ReadingBatch:
        with self._lock:
            heard = self._heard
            return ReadingBatch(self._time_ms[heard], self._channels[heard], self._value[heard], self._flag[heard])

    def close(self) -> None:
        """Nothing to close."""

    def _take(self, batch: ReadingBatch) -> None:
        row = self._rows.of(batch.channel)
        known = row >= 0  # a channel may have left the catalogue since it was logged
        if not known.all():
            batch, row = batch.take(known), row[known]
        # The last of each channel by time, of equal times the last in the log.
        at, newest = self._last_given(row)
        if (batch.time_ms > batch.time_ms[self._place[row]]).any():  # some came out of order: sort
            newest = newest_of_each_channel(row, batch.time_ms)
            at = row[newest]
        newer = batch.time_ms[newest] >= self._time_ms[at]
        newest, at = newest[newer], at[newer]
        self._time_ms[at] = batch.time_ms[newest]
        self._value[at] = batch.value[newest]
        self._flag[at] = batch.flag[newest]
        self._heard[at] = True

    def _last_given(self, row: Int64s) -> tuple[Int64s, Int64s]:
        """Rows that occur, and where each occurs last."""
        self._place[row] = np.arange(len(row))  # of equal indices the last assignment holds
        at = np.flatnonzero(np.bincount(row, minlength=len(self._place)))
        return at, self._place[at]
