"""The bytes of answers that wait to be sent: a budget for all, and one for each who asks. Pure; for one thread.

A reader may take its time, and the answer waits in memory meanwhile: so a key that asks again and again and reads
slowly could take all there is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Full(StrEnum):
    """Whose budget has no room."""

    EACH = "each"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Held:
    """An answer under way. whose: who asked. body: by what it is told from another."""

    whose: str
    body: int
    size: int


class UnderWay:
    """One answer that is alone passes, whatever its size: a budget below the largest answer would shut it out for ever.

    A body that several wait for, such as the page's state, counts once in the budget of all.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._all = 0
        self._each: Counter[str] = Counter()
        self._bodies: Counter[int] = Counter()

    def full(self, whose: str, size: int = 1, body: int = 0) -> Full | None:
        """Whose budget has no room for an answer of so many bytes; None: it fits."""
        if self._each[whose] and self._each[whose] + size > self._most_each:
            return Full.EACH
        if body not in self._bodies and self._all and self._all + size > self._most:
            return Full.ALL
        return None

    def take(self, whose: str, size: int, body: int) -> Held | Full:
        """body: the same number for answers that stand in the same memory, and another for any other."""
        full = self.full(whose, size, body)
        return self.hold(whose, size, body) if full is None else full

    def hold(self, whose: str, size: int, body: int) -> Held:
        """The same of what is there in any case, as a later piece of an answer: it leaves so much less room for others,
        and for those who do not read it."""
        if body not in self._bodies:
            self._all += size
        self._bodies[body] += 1
        self._each[whose] += size
        return Held(whose, body, size)

    def give_back(self, held: Held) -> None:
        self._each[held.whose] -= held.size
        if not self._each[held.whose]:
            del self._each[held.whose]
        self._bodies[held.body] -= 1
        if not self._bodies[held.body]:
            del self._bodies[held.body]
            self._all -= held.size

    @property
    def size(self) -> int:
        """Bytes under way, of all."""
        return self._all
