"""Gateways between sensors and the log: they fall silent, keep what they have, and send it late, shuffled, doubled."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cloud.log.base import NewEntry
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane
from simulators.promise.warnings.sensors import Row


class Instrument(Protocol):
    """What a gateway reads."""

    def measure(self, now_ms: int) -> list[Row]:
        """What it sends at this moment, if anything."""


@dataclass(slots=True)
class Waiting:
    """A batch that the log may not have yet. tried_ms: of the first attempt, true time; 0: never tried."""

    entry: NewEntry
    rows: Sequence[Row]
    tried_ms: int = 0

    def try_at(self, true_ms: int) -> None:
        """The log is asked to take it."""
        self.tried_ms = self.tried_ms or true_ms


class Gateway:
    """One gateway's readings, batch by batch, each kept until the log has taken it.

    piece: how many readings of history go in one batch.
    """

    def __init__(self, rng: random.Random, name: str, sensors: Sequence[Instrument], piece: int = 60) -> None:
        self._rng, self.name, self.sensors, self._piece = rng, name, sensors, piece
        self._spool, self._seq = 1, 0
        self._kept: list[Row] = []
        self._cut_from_ms = 0
        self.cut = False  # the link; the sensors are heard all the while
        self.off = False  # the box itself: what happens meanwhile is never known
        self.waiting: list[Waiting] = []

    def cut_link(self) -> None:
        self.cut = True

    def switch_off(self) -> None:
        self.off = True

    def heal(self) -> None:
        self.cut = self.off = False

    def measure(self, now_ms: int) -> None:
        """One round over its sensors; what they say is to be sent now, or kept while the link is cut."""
        if self.off:
            return
        rows = [row for sensor in self.sensors for row in sensor.measure(now_ms)]
        if self.cut:
            self._kept += rows
            return
        if rows:
            self.waiting.append(self._batch(rows, Lane.LIVE))
        if self._kept:
            self._hand_on_history()

    def taken(self, done: Sequence[Waiting]) -> None:
        """The log has them."""
        self.waiting = [w for w in self.waiting if not any(w is d for d in done)]

    def _hand_on_history(self) -> None:
        pieces = [self._kept[i : i + self._piece] for i in range(0, len(self._kept), self._piece)]
        self._kept = []
        if self._rng.random() < 0.4:
            self._rng.shuffle(pieces)
        for piece in pieces:
            self.waiting.append(self._batch(piece, Lane.HISTORY))
            if self._rng.random() < 0.2:  # the same message again: the log knows it
                self.waiting.append(replace(self.waiting[-1]))
            if self._rng.random() < 0.15:  # an old copy of the spool: the same readings under another name
                self.waiting.append(self._batch(piece, Lane.HISTORY))

    def _batch(self, rows: Sequence[Row], lane: Lane) -> Waiting:
        self._seq += 1
        readings = ReadingBatch.of(
            [r.time_ms for r in rows], [r.channel for r in rows], [r.value for r in rows], [r.flag for r in rows]
        )
        payload = encode_batch(WireBatch(self.name, self._spool, self._seq, lane, readings))
        first, last = min(r.time_ms for r in rows), max(r.time_ms for r in rows)
        return Waiting(NewEntry(self.name, self._spool, self._seq, lane, first, last, payload), rows)
