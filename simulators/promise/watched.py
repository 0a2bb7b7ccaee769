"""A spool's file that writes down what it has promised."""

from __future__ import annotations

from contract.wire.batch import decode_batch
from edge_agent.spool.batches import Replacement, Spooled
from edge_agent.spool.database import SpoolDatabase
from simulators.promise.truth import Key, Truth, keys


class WatchedDatabase(SpoolDatabase):
    """Writes down what it has promised, in `truth`."""

    truth: Truth
    holds: dict[int, set[Key]]  # sequence -> readings, of what it ever spooled
    given_up: int = 0  # readings that were thinned away or dropped, by what the file itself lost

    def watch(self, truth: Truth, holds: dict[int, set[Key]]) -> None:
        self.truth, self.holds = truth, holds

    def replace(self, change: Replacement, last_commit_ms: int | None = None) -> list[Spooled]:
        went = set[Key]().union(*(self.holds.get(seq, set()) for seq in change.old))
        made = super().replace(change, last_commit_ms)
        if not change.old:
            self.truth.committed.update(keys(change.readings))
        for s in made:
            self.holds[s.seq] = keys(decode_batch(self.payload(s.seq) or b"").readings)
        gone = went - keys(change.readings)
        self.given_up += len(gone)
        self.truth.thrown.update(gone)
        return made
