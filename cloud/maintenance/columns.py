"""What all channels said last, in columns: how silence and doubt see the district. Pure.

A row is a channel, in order of number. Taking readings in costs a few array operations, whatever their number.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from contract.readings import Bools, Flag, Float64s, Int64s, ReadingBatch

NEVER = -(2**62)


@dataclass(slots=True)
class Columns:
    """Of each channel, shape (n,): heard_ms, the time of its newest reading. usable_ms, value: of the newest that was
    of use; NaN: none was. bad_ms: since when its readings have been of no use; NEVER: they are. missing: is the newest
    one that never came, because the device did not answer?
    """

    heard_ms: Int64s
    usable_ms: Int64s
    value: Float64s
    bad_ms: Int64s
    missing: Bools

    @classmethod
    def initial(cls, n: int) -> Columns:
        never = np.full(n, NEVER, np.int64)
        return cls(never, never.copy(), np.full(n, np.nan), never.copy(), np.zeros(n, np.bool_))


def usable(batch: ReadingBatch) -> Bools:
    """Which readings say something of the water; suspect ones do. Shape (n,)."""
    out: Bools = (batch.flag != Flag.FAIL) & (batch.flag != Flag.MISSING) & ~np.isnan(batch.value)
    return out


def is_missing(batch: ReadingBatch, places: Int64s) -> Bools:
    """Which of these readings never came."""
    out: Bools = batch.flag[places] == Flag.MISSING
    return out


def rounds(batch: ReadingBatch, entry: Int64s, row: Int64s) -> Iterator[tuple[Int64s, Int64s]]:
    """The readings in rounds of one a channel, each channel's entry by entry and by time: (rows, places in `batch`).

    row: shape (n,), the row of each reading; -1: of no channel that is asked for.
    """
    known = np.flatnonzero(row >= 0)
    order = known[np.lexsort((batch.time_ms[known], entry[known], row[known]))]
    if not len(order):
        return
    of = row[order]
    first = np.flatnonzero(np.diff(of, prepend=-1))
    nth = np.arange(len(of)) - np.repeat(first, np.diff(np.append(first, len(of))))
    for k in range(int(nth.max()) + 1):
        places = order[nth == k]
        yield row[places], places


def dump(state: Any) -> dict[str, str]:
    """A dataclass of arrays as text for JSON: a number a cell would take a second for a city."""
    return {f.name: b64encode(getattr(state, f.name).tobytes()).decode() for f in fields(state)}


def restore(state: Any, data: dict[str, str], kept: Int64s, rows: Int64s) -> None:
    """What `dump` gave, into a fresh state: the stored rows `kept` become `rows`. Raises LookupError, TypeError or
    ValueError on anything else."""
    for f in fields(state):
        column = getattr(state, f.name)
        found = np.frombuffer(b64decode(data[f.name]), column.dtype)
        column[rows] = found.reshape(-1, *column.shape[1:])[kept]
