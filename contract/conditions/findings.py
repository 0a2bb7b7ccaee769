"""What detectors find of their targets, in columns, on the way to their conditions. Pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.readings import Bools, Float64s, Int64s, ReadingBatch, Uint8s, Uint32s


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings in columns of one length n, in the order in which they were made.

    condition: shape (n,); each finding's place in the list of conditions that its detector speaks for.
    time_ms: shape (n,), UTC milliseconds; the time of the newest reading that it rests on.
    channel: shape (n,); the channel of that reading, which is the evidence.
    value: shape (n,), in the detector's unit; NaN when there is none.
    flag: shape (n,); how far to believe it, a QARTOD flag (`contract.readings.Flag`).
    """

    condition: Int64s
    time_ms: Int64s
    channel: Uint32s
    value: Float64s
    flag: Uint8s

    def __len__(self) -> int:
        return len(self.condition)

    @classmethod
    def of(cls, condition: Int64s, batch: ReadingBatch) -> Findings:
        """Findings that are readings: one a row of `batch`, of the conditions at these places."""
        return cls(condition, batch.time_ms, batch.channel, batch.value, batch.flag)

    @classmethod
    def none(cls) -> Findings:
        return cls.of(np.empty(0, np.int64), ReadingBatch.empty())

    def take(self, rows: Bools | Int64s | slice) -> Findings:
        """Those rows, in that order."""
        return Findings(self.condition[rows], self.time_ms[rows], self.channel[rows], self.value[rows], self.flag[rows])

    @classmethod
    def concat(cls, parts: Sequence[Findings]) -> Findings:
        """One behind another."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.none()
        return cls(
            np.concatenate([p.condition for p in parts]),
            np.concatenate([p.time_ms for p in parts]),
            np.concatenate([p.channel for p in parts]),
            np.concatenate([p.value for p in parts]),
            np.concatenate([p.flag for p in parts]),
        )
