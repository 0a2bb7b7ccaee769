"""Many readings, a block at a time: who asks for a year of fifty channels holds a piece of it in memory, no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cloud.series.base import SeriesStore
from contract.catalogue.catalogue import ChannelInfo
from contract.readings import Flag, Int64s, ReadingBatch

BLOCK_ROWS = 200_000  # some 4 MB of columns
_AT_MOST = 5_000_000  # of one block: a gauge that said far more than its period lets expect
_LEAST_SHARE = 1 / 16
_DAY_MS = 86_400_000
_FURTHER_MS = (_DAY_MS, 31 * _DAY_MS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A channel of a question. period_ms: between two readings, at best. before_ms: so long before the time that is
    asked for a reading may say something of it. further: where that has none, the newest of the month before it is
    looked for: a counter's first step is counted from it."""

    channel: int
    period_ms: int
    before_ms: int = 0
    further: bool = False

    @classmethod
    def of(cls, c: ChannelInfo, before_ms: int = 0, *, further: bool = False) -> Wanted:
        return cls(c.id, max(round(c.period_s * 1000), 1), before_ms, further)


@dataclass(frozen=True, slots=True)
class Block:
    """wanted: one channel, or several next to one another. edges_ms: of the intervals that it is of. readings: of these
    channels, by channel, then time, with those before the first edge that were wanted."""

    wanted: Sequence[Wanted]
    edges_ms: Int64s
    readings: ReadingBatch

    def each(self) -> Iterator[tuple[Wanted, ReadingBatch]]:
        """Every channel with its readings, in order."""
        for w in self.wanted:
            first, end = np.searchsorted(self.readings.channel, [w.channel, w.channel + 1])
            yield w, self.readings.take(slice(int(first), int(end)))


def blocks(store: SeriesStore, wanted: Sequence[Wanted], edges_ms: Int64s) -> Iterator[Block]:
    """By channel, then time. wanted: rising by channel. Several channels with few readings go together; of one with
    many a block holds some of the intervals. Raises TooMany, and what the store raises."""
    pace, first = _Pace(), 0
    while first < len(wanted):
        group = pace.group(wanted[first:], int(edges_ms[-1] - edges_ms[0]))
        first += len(group)
        begin = 0
        while begin < len(edges_ms) - 1:
            part = edges_ms[begin:] if len(group) > 1 else pace.part(group[0], edges_ms[begin:])
            begin += len(part) - 1
            block = _block(store, group, part)
            pace.learn(group, int(part[-1] - part[0]), len(block.readings))
            yield block


class _Pace:
    """How much is read at once: readings come by exception, so fewer are found than were made, and blocks grow with
    that. Never by so much that one of readings as often as can be would be more than is read of one block.
    """

    def __init__(self) -> None:
        self._share = 1.0

    def group(self, wanted: Sequence[Wanted], length_ms: int) -> Sequence[Wanted]:
        rows, count = 0.0, 0
        for w in wanted:
            rows += self._share * (length_ms + w.before_ms) / w.period_ms
            if count and rows > BLOCK_ROWS:
                break
            count += 1
        return wanted[:count]

    def part(self, w: Wanted, edges_ms: Int64s) -> Int64s:
        reach_ms = edges_ms[0] + BLOCK_ROWS * w.period_ms / self._share
        last = int(np.searchsorted(edges_ms, reach_ms, side="right")) - 1
        return edges_ms[: max(last, 1) + 1]

    def learn(self, group: Sequence[Wanted], length_ms: int, found: int) -> None:
        might = sum((length_ms + w.before_ms) / w.period_ms for w in group)
        self._share = min(1.0, max(2 * found / max(might, 1.0), self._share / 4, _LEAST_SHARE))


def _block(store: SeriesStore, group: Sequence[Wanted], edges_ms: Int64s) -> Block:
    numbers, start_ms, end_ms = [w.channel for w in group], int(edges_ms[0]), int(edges_ms[-1])
    before_ms = max(w.before_ms for w in group)
    readings = store.raw(numbers, start_ms - before_ms, end_ms, _AT_MOST)
    missing = [w.channel for w in group if w.further and not _known(readings, w.channel, start_ms)]
    earlier: list[ReadingBatch] = []
    until_ms = start_ms - before_ms
    for back_ms in _FURTHER_MS:
        if missing and start_ms - back_ms < until_ms:
            found = store.raw(missing, start_ms - back_ms, until_ms, _AT_MOST)
            until_ms = start_ms - back_ms
            for channel in list(missing):
                mine = np.flatnonzero((found.channel == channel) & _usable(found))
                if len(mine):
                    earlier.append(found.take(mine[-1:]))
                    missing.remove(channel)
    if earlier:
        readings = ReadingBatch.concat([*earlier, readings])
        readings = readings.take(np.lexsort((readings.time_ms, readings.channel)))
    return Block(group, edges_ms, readings)


def _known(readings: ReadingBatch, channel: int, before_ms: int) -> bool:
    mine = (readings.channel == channel) & (readings.time_ms < before_ms)
    return bool(np.any(mine & _usable(readings)))


def _usable(readings: ReadingBatch) -> np.ndarray:
    return np.asarray((readings.flag != Flag.FAIL) & ~np.isnan(readings.value))
