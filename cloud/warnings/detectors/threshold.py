"""`threshold`: the value that was measured is what was found. Depth, stage, or whatever else the channel measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cloud.warnings.detectors.watched import WatchedChannels
from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.quantities import Quantity
from contract.conditions.findings import Findings
from contract.conditions.latches import calm_history
from contract.conditions.targets import ConditionKey
from contract.readings import Bools, Int64s, ReadingBatch


class Threshold:
    """Every reading of a channel is a finding for each rule that watches it. It remembers nothing."""

    def __init__(self, watches: Sequence[Watch], catalogue: Catalogue) -> None:
        self._watched = WatchedChannels(watches)
        self.conditions: Sequence[ConditionKey] = self._watched.conditions
        rules = self._watched.rules
        self.quantities: Sequence[Quantity] = [catalogue.channels[int(k.target.id)].quantity for k in self.conditions]
        # History is calm for a channel when it is so for each of its rules.
        cuts = self._watched.first.tolist()
        self._stale_ms = np.array([1000 * r.stale_after_s for r in rules])
        self._lowest = np.array([min(r.levels.values()) for r in rules])
        if cuts:
            self._stale_ms = np.maximum.reduceat(self._stale_ms, cuts)
            self._lowest = np.minimum.reduceat(self._lowest, cuts)

    def heeded(self, batch: ReadingBatch, now_ms: Int64s) -> Bools:
        place, known = self._watched.of(batch)
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
        place, known = self._watched.of(batch)
        reading = np.flatnonzero(known)
        if len(reading) < len(batch):
            batch = batch.take(known)
        first, count = self._watched.first[place], self._watched.count[place]
        if (count == 1).all():
            return Findings.of(first, batch), reading
        conditions, of = self._watched.conditions_of(place)
        return Findings.of(conditions, batch.take(of)), reading[of]

    def dump(self, _state: None) -> None:
        return None

    def restore(self, _data: None) -> None:
        return None
