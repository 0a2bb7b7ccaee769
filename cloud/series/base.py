"""The series store: one contract, several engines (`parquet` embedded, `influx`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud.views.base import View
from contract.readings import Float64s, Int64s, ReadingBatch, Uint32s


@dataclass(frozen=True, slots=True)
class Hourly:
    """Equal-length columns, one row a channel and hour that holds any reading.

    hour_ms int64, start of the UTC hour · channel uint32 · count uint32 (all rows but MISSING) ·
    minimum, maximum, mean, first, last float64 over the readings flagged neither FAIL nor MISSING; NaN when there
    are none.
    """

    hour_ms: Int64s
    channel: Uint32s
    count: Uint32s
    minimum: Float64s
    maximum: Float64s
    mean: Float64s
    first: Float64s
    last: Float64s


class SeriesStore(View, Protocol):
    """A view that answers for the past.

    One row per (channel, time): a later log entry for the same channel and time replaces the earlier one
    (that is how a flag is corrected). Reads include what is applied and not yet sealed.
    """

    def raw(self, channels: Sequence[int], start_ms: int, end_ms: int) -> ReadingBatch:
        """Readings with start_ms <= time < end_ms, sorted by channel, then time. Unknown channels have none."""
        ...

    def hourly(self, channels: Sequence[int], start_ms: int, end_ms: int) -> Hourly:
        """Hours that start in [start_ms, end_ms), sorted by channel, then hour."""
        ...
