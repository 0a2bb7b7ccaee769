"""The batch log: what was received, in the order it became durable. Everything else in the cloud is a view of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from contract.wire.envelope import Lane


class EntryKind(IntEnum):
    BATCH = 0  # payload is one wire batch, as it came
    TICK = 1  # no payload: time went on. Lets views see silence, live and in replay alike


# Entries are tuples: there is one for every message, and a frozen dataclass takes four times as long to build.


class NewEntry(NamedTuple):
    """One wire batch to append. time_min_ms, time_max_ms: of its readings."""

    gateway: str
    spool: int
    seq: int
    lane: Lane
    time_min_ms: int
    time_max_ms: int
    payload: bytes


class Entry(NamedTuple):
    """One row of the log.

    offset: rises strictly, with holes (an offset is no count).
    append_ms: the clock's UTC ms at which it became durable; never falls from one entry to the next. It is the
    only `now` a view may know, so that a replay sees what the live run saw.
    """

    offset: int
    append_ms: int
    kind: EntryKind
    gateway: str
    spool: int
    seq: int
    lane: Lane
    time_min_ms: int
    time_max_ms: int
    payload: bytes


# gateway, spool, seq
Key = tuple[str, int, int]


class BatchLog(Protocol):
    """Safe for one appending thread and any number of reading threads."""

    def append(self, entries: Sequence[NewEntry], now_ms: int, aside: Sequence[Key] = ()) -> Sequence[bool]:
        """Durable on return. False for each entry whose (gateway, spool, seq) was seen before (harmless).

        aside: what was kept elsewhere, not here; it counts as seen, so that the prefix goes past it.
        """
        ...

    def tick(self, now_ms: int) -> None:
        """Append a TICK."""
        ...

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Up to `limit` entries with offset > after, in order; empty at the end."""
        ...

    def read_times(self, gateway: str | None, start_ms: int, end_ms: int, after: int) -> Sequence[Entry]:
        """BATCH entries with offset > after that may hold readings of [start_ms, end_ms), in log order."""
        ...

    def last_offset(self) -> int: ...

    def acknowledged(self, gateway: str, spool: int) -> tuple[int, Sequence[int]]:
        """The contiguous prefix of durable sequences of a spool, and those above it."""
        ...

    def settled(self, gateway: str, spool: int, floor: int) -> None:
        """The gateway waits for nothing below `floor`: what is missing there it gave up and counted. The prefix goes to
        floor - 1, durable on return; a late copy from below counts as seen. A spool never heard of is left alone."""
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry beyond `after`; False on time-out. Real seconds."""
        ...

    def close(self) -> None: ...
