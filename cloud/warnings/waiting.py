"""Entries of the log that wait for the engine, and where they may be taken at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cloud.log.base import Entry
from cloud.log.decision import Decision
from cloud.log.origin import Origin
from cloud.views.decode import decisions_of, origins_of, readings_and_entries
from contract.readings import Bools, Int64s, ReadingBatch


@dataclass(frozen=True, slots=True)
class Waiting:
    """Some entries of the log, as the engine takes them.

    batch: the readings of all of them. entry: shape (n,), the place of the entry that each reading came with, rising.
    now_ms: shape (e,), of each entry, UTC. decisions: what people decided in each. origins: what was said in each of
    where readings come from; empty when nothing was in any.
    """

    batch: ReadingBatch
    entry: Int64s
    now_ms: Int64s
    decisions: Sequence[Sequence[Decision]]
    origins: Sequence[Sequence[Origin]] = ()

    def __len__(self) -> int:
        return len(self.now_ms)

    def heeded(self, by: Callable[[ReadingBatch, Int64s], Bools]) -> Waiting:
        """With the readings alone that somebody heeds. by: see `cloud.warnings.engine.Engine.heeded`."""
        keep = by(self.batch, self.now_ms[self.entry])
        return replace(self, batch=self.batch.take(keep), entry=self.entry[keep])

    def take(self, first: int, end: int) -> Waiting:
        """The entries from `first` up to, not including, `end`."""
        a, b = np.searchsorted(self.entry, [first, end]).tolist()
        rows = slice(a, b)
        return Waiting(
            self.batch.take(rows),
            self.entry[rows] - first,
            self.now_ms[first:end],
            self.decisions[first:end],
            self.origins[first:end],
        )

    def stretches(self) -> Iterator[tuple[int, int]]:
        """From where to where entries may be taken at once: a new stretch begins where a person decided something,
        where the log was put right that was ahead of time, and where a gateway said whether it is simulated."""
        back = np.flatnonzero(np.diff(self.now_ms) < 0) + 1
        decided = [n for n, ds in enumerate(self.decisions) if ds and n]
        said = [n for n, os in enumerate(self.origins) if os]
        return pairwise(sorted({0, *back.tolist(), *decided, *said, len(self)}))


def waiting_of(entries: Sequence[Entry]) -> Waiting:
    """All that these entries hold, decoded at once. Raises Poisoned on the first that cannot be read."""
    batch, entry = readings_and_entries(entries)
    now_ms = np.array([e.now_ms for e in entries], np.int64)
    return Waiting(batch, entry, now_ms, decisions_of(entries), origins_of(entries))
