"""Which sequences of one spool were seen: a contiguous prefix, and those above it. Pure."""

from __future__ import annotations


class SeenSequences:
    """prefix: all up to it were seen, 0 when none. above: those beyond it, with a gap before each run of them."""

    __slots__ = ("above", "prefix")

    def __init__(self, prefix: int = 0, above: set[int] | None = None) -> None:
        self.prefix = prefix
        self.above = above or set()

    def __contains__(self, seq: int) -> bool:
        return seq <= self.prefix or seq in self.above

    def copy(self) -> SeenSequences:
        return SeenSequences(self.prefix, set(self.above))

    def add(self, seq: int) -> None:
        """It was seen; the prefix grows over it when the gap before it is closed."""
        self.above.add(seq)
        self._advance()

    def settle(self, floor: int) -> None:
        """All below the floor counts as seen."""
        self.prefix = max(self.prefix, floor - 1)
        self.above = {s for s in self.above if s > self.prefix}
        self._advance()

    def missing(self, until: int) -> list[tuple[int, int]]:
        """What was not seen, up to `until`: first and last of each run, rising."""
        out, next_ = [], self.prefix + 1
        for seq in sorted(s for s in self.above if s <= until):
            if seq > next_:
                out.append((next_, seq - 1))
            next_ = seq + 1
        return [*out, (next_, until)] if next_ <= until else out

    def _advance(self) -> None:
        while self.prefix + 1 in self.above:
            self.prefix += 1
            self.above.remove(self.prefix)
