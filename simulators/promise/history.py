"""A table that somebody imports while the cloud is down: into the log once, into every answer, and warned of never."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cloud.imports.entries import digest_of, entries
from cloud.imports.table import Cell, Row
from cloud.log.base import BatchLog, NewEntry
from contract.catalogue.catalogue import ChannelInfo
from contract.readings import Flag
from simulators.promise.truth import Key, Truth

_APART_MS = 30_000
_BESIDE_MS = 137  # gateways read at whole seconds: no reading of theirs is of such a time


class History:
    """Of one seed. In many seeds there is none; else it comes before one of the cloud's first starts, and is given
    again before each that follows, as who is not sure does.

    channels: some of the gateways', watched by rules. What is imported stands deep in water and is minutes old.
    """

    def __init__(self, seed: int, truth: Truth, channels: Sequence[ChannelInfo]) -> None:
        self._rng, self._truth = random.Random(f"history {seed}"), truth
        self._channels = sorted(channels, key=lambda c: c.id)
        self._starts_left = self._rng.choice((0, 0, 1, 2)) if self._rng.random() < 0.5 else None
        self._made: list[NewEntry] = []
        self._keys: set[Key] = set()

    def due(self) -> bool:
        """Whether somebody imports it before this start of the cloud; asked once before each."""
        if self._starts_left is None:
            return False
        self._starts_left = max(self._starts_left - 1, -1)
        return self._starts_left < 0

    def bring(self, log: BatchLog, now_ms: int) -> None:
        """Raises what the log raises; then it may be in the log, or not."""
        if not self._made:
            self._make(now_ms)
        log.append(self._made, now_ms)
        self._truth.committed.update(self._keys)

    def _make(self, now_ms: int) -> None:
        count = self._rng.randint(1, 40)
        first_ms = now_ms // 1000 * 1000 - count * _APART_MS + _BESIDE_MS
        rows = []
        for n in range(count):
            cells = [
                Cell(place, round(self._rng.uniform(1, 2), 3), self._rng.choice((Flag.PASS, Flag.PASS, Flag.SUSPECT)))
                for place in range(len(self._channels))
            ]
            rows.append(Row(first_ms + n * _APART_MS, cells))
        for row in rows:
            for cell in row.cells:
                key = (self._channels[cell.place].id, row.time_ms)
                self._truth.made[key] = (cell.value, int(cell.flag))
                self._keys.add(key)
        digest = digest_of(repr(rows).encode(), b"")
        self._made = [entry for entry, _ in entries(rows, self._channels, digest, computed=False)]
