"""What became of batches between two looks at the store. Pure.

A batch that came and went between two looks was never there; so the list grows no longer than what waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.spool.batches import Arrived, Changes, Spooled


@dataclass(slots=True)
class ChangeList:
    """anew: whatever the other side knows is void; it must be given all that waits."""

    anew: bool = False
    _gone: set[int] = field(default_factory=set)
    _new: dict[int, Arrived] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.anew + len(self._gone) + len(self._new)

    def came(self, row: Spooled, since_s: float) -> None:
        """It may be sent from now on. since_s: monotonic."""
        self._new[row.seq] = Arrived(row, since_s)

    def went(self, seqs: Iterable[int]) -> None:
        """Thinned away, dropped, or put in place of: nobody need send them."""
        for seq in seqs:
            if self._new.pop(seq, None) is None:
                self._gone.add(seq)

    def changed(self, row: Spooled, since_s: float) -> None:
        """The same batch, with other times."""
        if row.seq not in self._new:
            self._gone.add(row.seq)
        self.came(row, since_s)

    def everything(self) -> None:
        """From now on only all that waits will do."""
        self._gone.clear()
        self._new.clear()
        self.anew = True

    def taken(self, spool: int) -> Changes:
        """All of it, once."""
        out = Changes(spool, sorted(self._gone), list(self._new.values()))
        self.clear()
        return out

    def clear(self) -> None:
        """The other side has seen all."""
        self._gone.clear()
        self._new.clear()
        self.anew = False
