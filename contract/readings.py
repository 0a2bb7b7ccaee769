"""Readings travel as columns: one batch, four equal-length arrays.

A batch is the only shape in which measurements move through Headwater, from a
driver to the spool, over the wire, into the log and out of every view.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64s = NDArray[np.int64]
Uint32s = NDArray[np.uint32]
Float64s = NDArray[np.float64]
Int8s = NDArray[np.int8]
Uint8s = NDArray[np.uint8]
Bools = NDArray[np.bool_]


class Flag(IntEnum):
    """Quality of one reading (QARTOD flag scheme, IOOS manual 2020, table 1).

    A flag never replaces a value: the raw value stays beside it.
    """

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


FLAG_VALUES = tuple(int(f) for f in Flag)


_WITHOUT_FLAG = np.array([Flag.NOT_EVALUATED, Flag.MISSING], np.uint8)  # by whether the value is NaN
_ALL_EVALUATED_LATER = np.full(256, Flag.NOT_EVALUATED, np.uint8)  # shared by batches, which only read it


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBatch:
    """Equal-length, read-only columns of readings.

    time_ms: int64[n], UTC milliseconds since 1970.
    channel: uint32[n], the catalogue's channel numbers.
    value:   float64[n], in the channel's unit; NaN is *missing*, never zero.
    flag:    uint8[n], a `Flag`.

    Build one with `ReadingBatch.of`; it raises ValueError on unequal lengths.
    """

    time_ms: Int64s
    channel: Uint32s
    value: Float64s
    flag: Uint8s

    def __post_init__(self) -> None:
        shape = self.time_ms.shape
        for column in (self.time_ms, self.channel, self.value, self.flag):
            if column.shape != shape or len(shape) != 1:
                raise ValueError(f"columns of a batch must be 1-d and equally long, got {column.shape} beside {shape}")
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.time_ms)

    @classmethod
    def of(
        cls, time_ms: ArrayLike, channel: ArrayLike, value: ArrayLike, flag: ArrayLike | None = None
    ) -> ReadingBatch:
        """A batch from anything array-like; without `flag`, NOT_EVALUATED, and MISSING where the value is NaN."""
        # np.array copies: the batch must own what it makes read-only.
        v = np.array(value, dtype=np.float64, ndmin=1)
        f = _WITHOUT_FLAG[np.isnan(v).astype(np.intp)] if flag is None else flag
        return cls(
            np.array(time_ms, dtype=np.int64, ndmin=1),
            np.array(channel, dtype=np.uint32, ndmin=1),
            v,
            np.array(f, dtype=np.uint8, ndmin=1),
        )

    @classmethod
    def at(cls, time_ms: int, channel: Uint32s, value: Sequence[float]) -> ReadingBatch:
        """`of` these, all of one time, a column of channels taken as it is: it is made at every poll of a device."""
        n = len(value)
        time = np.empty(n, np.int64)
        time.fill(time_ms)
        v = np.array(value, np.float64)
        if n > len(_ALL_EVALUATED_LATER) or any(map(math.isnan, value)):
            return cls(time, channel, v, _WITHOUT_FLAG[np.isnan(v).view(np.uint8)])
        return cls(time, channel, v, _ALL_EVALUATED_LATER[:n])

    @classmethod
    def empty(cls) -> ReadingBatch:
        return cls.of([], [], [])

    @classmethod
    def concat(cls, batches: Iterable[ReadingBatch]) -> ReadingBatch:
        """The readings of all batches, in the order given."""
        parts: Sequence[ReadingBatch] = list(batches)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([b.time_ms for b in parts]),
            np.concatenate([b.channel for b in parts]),
            np.concatenate([b.value for b in parts]),
            np.concatenate([b.flag for b in parts]),
        )

    def take(self, select: Any) -> ReadingBatch:
        """The readings picked by a boolean mask, an index array or a slice."""
        return ReadingBatch(self.time_ms[select], self.channel[select], self.value[select], self.flag[select])

    def later(self, by_ms: int) -> ReadingBatch:
        """The same readings, each `by_ms` later."""
        return replace(self, time_ms=self.time_ms + by_ms) if by_ms else self

    def with_flags(self, flag: ArrayLike) -> ReadingBatch:
        return ReadingBatch(self.time_ms, self.channel, self.value, np.array(flag, dtype=np.uint8, ndmin=1))
