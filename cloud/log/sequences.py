"""Which sequences of one spool were seen: a contiguous prefix, and runs above it. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Run = tuple[int, int]  # first and last sequence, both of it


class SeenSequences:
    """prefix: all up to it were seen, 0 when none.

    Above it stand runs with a gap before each. Whatever is asked of one sequence takes a search by halves, and a copy
    takes one of two plain arrays, so that a spool full of gaps costs hardly more than one without.
    """

    __slots__ = ("_first", "_last", "prefix", "stored")

    def __init__(self, prefix: int = 0, runs: Iterable[Run] = ()) -> None:
        """runs: rising; they may touch."""
        self.prefix = prefix
        self._first, self._last = array("q"), array("q")
        self.stored: dict[int, int | None] = {}  # since the copy was made: first -> last of a run; None: it is no more
        for first, last in runs:
            if first <= self.prefix + 1:
                self.prefix = max(self.prefix, last)
            elif self._last and first <= self._last[-1] + 1:
                self._last[-1] = max(self._last[-1], last)
            else:
                self._first.append(first)
                self._last.append(last)

    def __contains__(self, seq: int) -> bool:
        if seq <= self.prefix:
            return True
        at = bisect_right(self._first, seq) - 1
        return at >= 0 and seq <= self._last[at]

    @property
    def gaps(self) -> int:
        """Each stands before a run."""
        return len(self._first)

    @property
    def highest(self) -> int:
        """Of all that were seen; 0 when none was."""
        return self._last[-1] if self._last else self.prefix

    def runs(self) -> list[Run]:
        """Those above the prefix, rising, with a gap before each."""
        return list(zip(self._first, self._last, strict=True))

    def opens_gap(self, seq: int) -> bool:
        """Whether one more gap would stand if this came: nothing beside it was seen."""
        return not any(near in self for near in (seq - 1, seq, seq + 1))

    def copy(self) -> SeenSequences:
        """One to work on, which has nothing to be stored yet."""
        out = SeenSequences(self.prefix)
        out._first, out._last = self._first[:], self._last[:]
        return out

    def add(self, seq: int) -> None:
        """It was seen; the prefix grows over it when the gap before it is closed."""
        if seq in self:
            return
        if seq == self.prefix + 1:
            self.prefix = seq
            self._join_prefix()
            return
        at = bisect_left(self._first, seq)
        before = at > 0 and self._last[at - 1] == seq - 1
        behind = at < len(self._first) and self._first[at] == seq + 1
        if before and behind:
            self._last[at - 1] = self._last[at]
            self._drop(at, at + 1)
        elif before:
            self._last[at - 1] = seq
        elif behind:
            self.stored[self._first[at]] = None
            self._first[at] = seq
        else:
            self._first.insert(at, seq)
            self._last.insert(at, seq)
        run = at - 1 if before else at
        self.stored[self._first[run]] = self._last[run]

    def settle(self, floor: int) -> None:
        """All below the floor counts as seen."""
        if floor - 1 > self.prefix:
            self.prefix = floor - 1
            self._join_prefix()

    def missing(self, until: int) -> list[Run]:
        """What was not seen, up to `until`: first and last of each run, rising."""
        out, next_ = [], self.prefix + 1
        for first, last in zip(self._first, self._last, strict=True):
            if first > until:
                break
            out.append((next_, first - 1))
            next_ = last + 1
        return [*out, (next_, until)] if next_ <= until else out

    def _join_prefix(self) -> None:
        """Runs that the prefix has reached are of it."""
        end = bisect_right(self._first, self.prefix + 1)
        if end:
            self.prefix = max(self.prefix, self._last[end - 1])
            self._drop(0, end)

    def _drop(self, begin: int, end: int) -> None:
        for first in self._first[begin:end]:
            self.stored[first] = None
        del self._first[begin:end], self._last[begin:end]
