"""What is said of batches in the spool: plain values, for the store, its file and whoever decides over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.timesync.timekeeping import Stamp

# What is counted of every channel, in the spool's file.
COUNTS = ("made", "reported", "suppressed", "corrected", "thinned", "dropped")

# channel -> counts by name (of COUNTS), as far as they have grown since the last commit
Counters = Mapping[int, Mapping[str, int]]

_NO_STAMP = Stamp()


@dataclass(frozen=True, slots=True)
class Spooled:
    """One batch in the spool. created_ms: the gateway's UTC when it was spooled; it decides its turn. bytes: of its
    payload. interval_ms: 0 as it was added, 1 merged, else thinned to this (see `edge_agent.spool.thinning`). sent: it
    may have left the gateway."""

    seq: int
    lane: Lane
    created_ms: int
    bytes: int = 0
    interval_ms: int = 0
    stamp: Stamp = _NO_STAMP
    sent: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Times in which the spool kept only extremes, UTC ms. interval_ms: of which each kept first, last, least and
    greatest; 0: everything of this time was dropped."""

    start_ms: int
    end_ms: int
    interval_ms: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the waiting batches to look at, the oldest first. unsent: only what never left. timed: only what was
    stamped by a clock that was believed. below_interval_ms: only what was thinned less than so. before_ms: only what
    was spooled earlier."""

    limit: int
    lanes: Sequence[Lane]
    unsent: bool = False
    timed: bool = False
    below_interval_ms: int | None = None
    before_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """Batches that go (`old`, sequences) and readings that come for them, with the counts of what that costs.

    Without `old` it is simply what comes. given_up: None when nothing was.
    """

    readings: ReadingBatch
    lane: Lane
    created_ms: int
    stamp: Stamp = _NO_STAMP
    counters: Counters = field(default_factory=dict)
    old: Sequence[int] = ()
    interval_ms: int = 0
    given_up: GivenUp | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A batch that may be sent. since_s: monotonic time at which it was first so."""

    row: Spooled
    since_s: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the batches that may be sent since the last look. spool: the identity they go under. gone:
    sequences that wait no more, or come again in `new` with other times. anew: whatever was known is void, and `new` is
    all that waits."""

    spool: int
    gone: Sequence[int]
    new: Sequence[Arrived]
    anew: bool = False


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store at one moment. floor: every sequence below it is durable in the cloud, or given up and counted.
    next_seq: the first that was never given. waiting: all that is in the file and not acknowledged, by sequence.
    thinned, dropped, held_in_memory, lost_to_full_disk: readings. renamed: how often since the agent began. set_aside:
    a damaged file's new name, empty without one. disk_trouble: for an operator; empty when there is none."""

    spool: int
    floor: int
    next_seq: int
    waiting: Sequence[Spooled]
    bytes_waiting: int
    cap_bytes: int
    thinned: int
    dropped: int
    held_in_memory: int
    lost_to_full_disk: int
    renamed: int
    set_aside: str
    disk_trouble: str
