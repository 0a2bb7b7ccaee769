"""The series store: one contract, several engines (`parquet` embedded, `influx`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cloud.log.base import Cursor
from cloud.views.base import View
from contract.readings import Float64s, Int64s, ReadingBatch, Uint8s, Uint32s


class TooMany(Exception):
    """More rows than were wanted at most. rows: how many had been read when that was seen."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"more than {rows} rows")
        self.rows = rows


_Part = TypeVar("_Part")


def gathered(parts: Iterable[_Part], at_most: int | None, rows: Callable[[_Part], int]) -> list[_Part]:
    """All parts; no more of them are fetched once they hold more than `at_most` rows. Raises TooMany."""
    out, count = [], 0
    for part in parts:
        out.append(part)
        count += rows(part)
        if at_most is not None and count > at_most:
            raise TooMany(count)
    return out


@dataclass(frozen=True, slots=True)
class Hourly:
    """Equal-length columns, one row a channel and hour that holds any reading.

    hour_ms int64, start of the UTC hour · channel uint32 · count uint32 (all rows but MISSING) ·
    minimum, maximum, mean, first, last float64 over the usable readings, those flagged neither FAIL nor MISSING; NaN
    when there are none · usable uint32, how many · worst_flag uint8, of all.

    What lets an hour be weighted by time without its readings (`cloud.series.held`): first_ms, end_ms int64, of its
    first and last reading, whatever the flag · end_value float64 of the last one, NaN where that is not usable ·
    between these two: integral float64, value x seconds of what stood until the next reading · covered_ms int64, for
    how long a usable reading stood · widest_ms int64, the longest that one did.
    """

    hour_ms: Int64s
    channel: Uint32s
    count: Uint32s
    minimum: Float64s
    maximum: Float64s
    mean: Float64s
    first: Float64s
    last: Float64s
    usable: Uint32s
    worst_flag: Uint8s
    first_ms: Int64s
    end_ms: Int64s
    end_value: Float64s
    integral: Float64s
    covered_ms: Int64s
    widest_ms: Int64s


class SeriesStore(View, Protocol):
    """A view that answers for the past.

    One row per (channel, time): a later log entry for the same channel and time replaces the earlier one
    (that is how a flag is corrected). Reads include what is applied and not yet sealed.
    """

    def rewind(self, to: Cursor) -> None:
        """As `reset`, of a log that was trimmed up to `to`: what is there stays, and the log from there on is applied
        again over it."""
        ...

    def raw(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> ReadingBatch:
        """Readings with start_ms <= time < end_ms, sorted by channel, then time. Unknown channels have none.

        at_most: rows read, a corrected reading and its correction apart; reading ends at the next piece after that, so
        that no question takes the memory of all. Raises TooMany.
        """
        ...

    def hourly(self, channels: Sequence[int], start_ms: int, end_ms: int, at_most: int | None = None) -> Hourly:
        """Whole hours that start in [start_ms, end_ms), sorted by channel, then hour. at_most: of hours, see `raw`."""
        ...
