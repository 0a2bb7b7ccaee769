"""`threshold`: the value that was measured is what was found. Depth, stage, or whatever else the channel measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.quantities import Quantity
from contract.channel_rows import ChannelRows
from contract.conditions.findings import Findings
from contract.conditions.latches import calm_history
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Bools, Int64s, ReadingBatch


class Threshold:
    """Every reading of a channel is a finding for each rule that watches it. It remembers nothing."""

    def __init__(self, watches: Sequence[Watch], catalogue: Catalogue) -> None:
        watched = sorted((channel, w.rule.id, w.rule) for w in watches for channel in w.channels)
        self.conditions: Sequence[ConditionKey] = [ConditionKey(Target.of_channel(c), rule) for c, rule, _ in watched]
        self.quantities: Sequence[Quantity] = [catalogue.channels[c].quantity for c, _, _ in watched]
        numbers = np.array([c for c, _, _ in watched], np.uint32)
        # Of each watched channel: its first place in `conditions`, and how many it has from there.
        channels, self._first, self._count = np.unique(numbers, return_index=True, return_counts=True)
        self._rows = ChannelRows(channels)
        # History is calm for a channel when it is so for each of its rules.
        cuts = self._first.tolist()
        self._stale_ms = np.array([1000 * r.stale_after_s for _, _, r in watched])
        self._lowest = np.array([min(r.levels.values()) for _, _, r in watched])
        if cuts:
            self._stale_ms = np.maximum.reduceat(self._stale_ms, cuts)
            self._lowest = np.minimum.reduceat(self._lowest, cuts)

    def heeded(self, batch: ReadingBatch, now_ms: Int64s) -> Bools:
        place, known = self._places(batch)
        out = known.copy()
        out[known] = ~calm_history(batch.take(known), now_ms[known], self._stale_ms[place], self._lowest[place])
        return out

    def initial(self) -> None:
        return None

    def step(self, _state: None, batch: ReadingBatch, _now_ms: int) -> tuple[None, Findings]:
        return None, self.found(batch)[0]

    def found(self, batch: ReadingBatch) -> tuple[Findings, Int64s]:
        if not len(batch):
            return Findings.none(), np.empty(0, np.int64)
        place, known = self._places(batch)
        reading = np.flatnonzero(known)
        if len(reading) < len(batch):
            batch = batch.take(known)
        first, count = self._first[place], self._count[place]
        if (count == 1).all():
            return Findings.of(first, batch), reading
        of = np.repeat(np.arange(len(batch)), count)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        return Findings.of(first[of] + nth, batch.take(of)), reading[of]

    def dump(self, _state: None) -> None:
        return None

    def restore(self, _data: None) -> None:
        return None

    def _places(self, batch: ReadingBatch) -> tuple[Int64s, Bools]:
        """Which readings are of watched channels, and the place of each of those channels."""
        rows = self._rows.of(batch.channel)
        known = rows >= 0
        return rows[known], known
