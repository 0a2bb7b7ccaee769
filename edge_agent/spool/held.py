"""What waits in memory while the disk is full: bounded, calm readings go before alarms, and nothing goes uncounted."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool.batches import Counters
from edge_agent.timesync.timekeeping import Stamp

HELD_READINGS_MAX = 100_000
HELD_COMMITS_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Commit:
    """What one call of the store's `add` brought. now_ms: the gateway's UTC of then."""

    readings: ReadingBatch
    lane: Lane
    counters: Counters
    now_ms: int
    stamp: Stamp


@dataclass(slots=True)
class HeldCommits:
    """First in, first out. lost: readings that memory had no room for; their counts go with a later commit."""

    lost: int = 0
    readings: int = 0
    _waiting: deque[Commit] = field(default_factory=deque)
    _owed: dict[int, Counter[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, commit: Commit) -> None:
        """Behind all others; what there is no room for is lost and counted, the oldest calm commit first."""
        self._waiting.append(commit)
        self.readings += len(commit.readings)
        while self.readings > HELD_READINGS_MAX or len(self._waiting) > HELD_COMMITS_MAX:
            self._lose_one()

    def first(self) -> Commit:
        """The oldest, with the counts that are owed for what was lost."""
        c = self._waiting[0]
        if not self._owed:
            return c
        return Commit(c.readings, c.lane, added(self._owed, c.counters), c.now_ms, c.stamp)

    def taken(self) -> None:
        """The first is durable now."""
        self.readings -= len(self._waiting.popleft().readings)
        self._owed = {}

    def _lose_one(self) -> None:
        at = next((i for i, c in enumerate(self._waiting) if c.lane is not Lane.ALARM), 0)
        gone = self._waiting[at]
        del self._waiting[at]
        self.readings -= len(gone.readings)
        self.lost += len(gone.readings)
        dropped = {c: {"dropped": n} for c, n in Counter(gone.readings.channel.tolist()).items()}
        self._owed = added(added(self._owed, gone.counters), dropped)


def added(one: Counters, other: Counters) -> dict[int, Counter[str]]:
    """The sums of two sets of counts."""
    out = {channel: Counter(counts) for channel, counts in one.items()}
    for channel, counts in other.items():
        out.setdefault(channel, Counter()).update(counts)
    return out
