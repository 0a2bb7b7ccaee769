"""Which readings are of watched channels, and which conditions each of them speaks for. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from contract.catalogue.catalogue import Watch
from contract.catalogue.rules import Rule
from contract.channel_rows import ChannelRows
from contract.conditions import dense
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Bools, Flag, Int64s, ReadingBatch, Uint32s


class WatchedChannels:
    """The channels that rules watch, each with its conditions: one for each rule.

    channels: rising, each once. conditions, rules: by channel, then by the rule's id. first, count: shape (channels,);
    where each channel's conditions begin in that list, and how many it has.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        watched = sorted(((channel, w.rule.id, w.rule) for w in watches for channel in w.channels), key=lambda x: x[:2])
        self.conditions: Sequence[ConditionKey] = [ConditionKey(Target.of_channel(c), rule) for c, rule, _ in watched]
        self.rules: Sequence[Rule] = [rule for _, _, rule in watched]
        numbers = np.array([c for c, _, _ in watched], np.uint32)
        self.channels: Uint32s
        self.channels, self.first, self.count = np.unique(numbers, return_index=True, return_counts=True)
        self._rows = ChannelRows(self.channels)

    def of(self, batch: ReadingBatch) -> tuple[Int64s, Bools]:
        """The row of the channel of each watched reading, and which readings are watched, shape (n,)."""
        rows = self._rows.of(batch.channel)
        known = rows >= 0
        return rows[known], known

    def by_time(self, batch: ReadingBatch) -> tuple[ReadingBatch, Int64s, Bools]:
        """The watched readings, oldest first; the row of each one's channel; and which have a value to go by."""
        rows, known = self.of(batch)
        batch = batch if known.all() else batch.take(known)
        if len(batch) > 1:
            order = np.argsort(batch.time_ms, kind="stable")
            batch, rows = batch.take(order), rows[order]
        return batch, rows, (batch.flag != Flag.FAIL) & (batch.flag != Flag.MISSING) & ~np.isnan(batch.value)

    def conditions_of(self, rows: Int64s) -> tuple[Int64s, Int64s]:
        """Every condition of these rows, and for each the place of its row among `rows`."""
        count = self.count[rows]
        of = np.repeat(np.arange(len(rows)), count)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        return self.first[rows][of] + nth, of


def by_turns(rows: Int64s) -> list[Int64s]:
    """Places so parted that no row comes twice in a part: the first reading of each row, the second, and so on.

    rows: shape (n,), those of one row in the order in which they are to be taken.
    """
    if not len(rows):
        return []
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    new = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
    if len(new) == len(rows):
        return [np.arange(len(rows))]
    size = np.diff(np.append(new, len(rows)))
    turn = np.empty(len(rows), np.int64)
    turn[order] = np.arange(len(rows)) - np.repeat(new, size)
    return np.split(np.argsort(turn, kind="stable"), np.cumsum(np.bincount(turn))[:-1])


def not_too_dense(batch: ReadingBatch, rows: Int64s, period_ms: Int64s, remembered_ms: Int64s) -> Bools:
    """Which readings of one entry need to be looked at, shape (n,); see `contract.conditions.dense`.

    batch: oldest first. rows: shape (n,), of each reading's channel. period_ms: shape (channels,). remembered_ms: shape
    (channels, k), the times of readings that may be corrected.
    """
    out = np.ones(len(rows), np.bool_)
    if len(rows) <= dense.MOST:
        return out
    many, count = np.unique(rows, return_counts=True)
    for row in many[count > dense.MOST].tolist():
        at = np.flatnonzero(rows == row)
        mine = batch.take(at)
        out[at] = dense.stays(mine.time_ms, mine.value, mine.flag, int(period_ms[row]), remembered_ms[row])
    return out


def packed(array: NDArray[np.generic]) -> str:
    """An array as text for JSON: little-endian, base64."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def unpacked(text: str, dtype: DTypeLike, columns: int | None = None) -> NDArray[np.generic]:
    """What `packed` gave; with `columns` in rows of so many. Raises ValueError on anything else."""
    array = np.frombuffer(base64.b64decode(text, validate=True), np.dtype(dtype).newbyteorder("<")).astype(dtype)
    return array if columns is None else array.reshape(-1, columns)
