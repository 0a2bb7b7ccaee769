"""A spool that writes down what it has promised."""

from __future__ import annotations

from collections.abc import Sequence

from contract.readings import ReadingBatch
from contract.wire.batch import decode_batch
from contract.wire.envelope import Lane
from edge_agent.spool.file import GivenUp
from edge_agent.spool.store import Counters, Spool, Spooled
from edge_agent.timesync.timekeeping import Stamp
from simulators.promise.truth import Key, Truth, keys


class WatchedSpool(Spool):
    """Writes down what it has promised."""

    truth: Truth
    holds: dict[int, set[Key]]  # sequence -> readings, of what it ever spooled
    given_up: int = 0  # readings that were thinned away or dropped, by what the file itself lost

    def replace(
        self,
        old: Sequence[int],
        readings: ReadingBatch,
        lane: Lane,
        created_ms: int,
        interval_ms: int,
        stamp: Stamp,
        counters: Counters,
        given_up: GivenUp | None = None,
        last_commit_ms: int | None = None,
    ) -> list[Spooled]:
        went = set[Key]().union(*(self.holds.get(seq, set()) for seq in old))
        made = super().replace(old, readings, lane, created_ms, interval_ms, stamp, counters, given_up, last_commit_ms)
        if not old:
            self.truth.committed |= keys(readings)
        for s in made:
            self.holds[s.seq] = keys(decode_batch(self.payload(s.seq) or b"").readings)
        gone = went - keys(readings)
        self.given_up += len(gone)
        self.truth.thrown |= gone
        return made
