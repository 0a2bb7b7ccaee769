"""What is applied and not sealed yet, in runs by channel: a question for few channels looks at their readings alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contract.readings import ReadingBatch, Uint32s

_RUN = 8192  # readings that make a run; fewer are looked through
_PIECES = 64
_SHARE = 16  # who asks for more than a channel in so many readings looks through a run


@dataclass(frozen=True, slots=True)
class Tail:
    """It never changes: whoever reads it holds up nobody who adds.

    runs: sorted by channel, of one channel in the order in which readings came. Each holds more than twice as many as
    the next, so that there are few, and a reading is sorted a few times only. new: what came since, as it came.
    """

    runs: tuple[ReadingBatch, ...] = ()
    new: tuple[ReadingBatch, ...] = ()

    def __len__(self) -> int:
        """Readings."""
        return sum(map(len, self.runs)) + sum(map(len, self.new))

    def then(self, batch: ReadingBatch) -> Tail:
        """With a batch behind what there is."""
        new = (*self.new, batch)
        size, kept = sum(map(len, new)), len(self.runs)
        if size < _RUN and len(new) <= _PIECES:
            return Tail(self.runs, new)
        while kept and len(self.runs[kept - 1]) <= 2 * size:
            kept -= 1
            size += len(self.runs[kept])
        merged = ReadingBatch.concat([*self.runs[kept:], *new])
        return Tail((*self.runs[:kept], merged.take(np.argsort(merged.channel, kind="stable"))))

    def of(self, wanted: Uint32s) -> Iterator[ReadingBatch]:
        """Pieces with all readings of these channels, rising, and perhaps others; in the order in which they came."""
        for run in self.runs:
            if len(wanted) * _SHARE > len(run):
                yield run
                continue
            first, end = np.searchsorted(run.channel, wanted), np.searchsorted(run.channel, wanted, "right")
            if len(wanted) == 1:
                yield run.take(slice(int(first[0]), int(end[0])))
            else:
                count = end - first
                yield run.take(np.arange(count.sum()) + np.repeat(end - np.cumsum(count), count))
        yield from self.new

    def whole(self) -> ReadingBatch:
        """All of it; of one channel in the order in which readings came."""
        return ReadingBatch.concat([*self.runs, *self.new])
