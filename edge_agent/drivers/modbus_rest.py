"""How long a rest a unit wants before it hears: between the longest that was not enough and the shortest that was.

An answer after a rest proves that so much is enough; silence proves little, for replies are lost on any line. So a rest
counts as too short after several questions in vain: `_UNKNOWN` where nothing is known, `_TRIED` of one that is tried
between the two, and of one that was enough before after `_PROVED`, of which
each answer takes two back. What others on the line want is
tried first: they are often of one make.

It sends and hears nothing. Times are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_UNKNOWN, _TRIED, _PROVED = 3, 2, 6
_MOST_S = 0.3
_CLOSE = 1.1  # between the two: then the search is over
_MARGIN = 1.05  # of what is kept to what was enough
_LEAST_S = 0.005  # what is tried at least
_SHORTLY_S = 0.02  # after something else, beside what a busy machine adds
_ANEW = 300  # answers, after which a shorter one is tried again; then twice as many


@dataclass(slots=True)
class FoundRest:
    """What the last search on a line found: the longest that was not enough, and the shortest that was; 0.0: none."""

    too_short_s: float = 0.0
    enough_s: float = 0.0


class RestWanted:
    """rest_s: what is kept. enough_s: the shortest after which it answered."""

    def __init__(self, silence_s: float, found: FoundRest) -> None:
        """silence_s: that the line keeps before every question. found: of all units of the line."""
        self._silence_s, self._found = silence_s, found
        self.rest_s = 0.0
        self._too_short_s = 0.0  # the longest that was not enough
        self.enough_s = math.inf
        self._in_vain = 0
        self._asked_again = False
        self._answers, self._anew = 0, _ANEW

    def is_short(self, gap_s: float) -> bool:
        """Whether the rest was hardly longer than the one that is kept: then it tells whether that is enough."""
        return gap_s <= 1.5 * self._least_s()

    def as_others(self) -> None:
        """Keeps what others of the line want, if some want any."""
        self.rest_s = min(self._found.enough_s * _MARGIN, _MOST_S)

    def answered(self, gap_s: float) -> None:
        """It answered a question that came after so long a rest."""
        self.enough_s = min(self.enough_s, gap_s)
        again, self._asked_again = self._asked_again, False
        if again or not self.is_short(gap_s):
            return
        self._in_vain = max(self._in_vain - 2, 0)
        if self.rest_s:
            self._answers += 1
            if self._answers >= self._anew:
                self._answers, self._anew, self._too_short_s = 0, 2 * self._anew, self.enough_s / 2
            self._between()

    def missed(self, gap_s: float) -> None:
        """It did not."""
        self._asked_again = True  # and when it then answers that does not make up for this
        if not self.is_short(gap_s):
            return
        self._in_vain += 1
        proved = gap_s >= self.enough_s
        if self._in_vain < (_PROVED if proved else _TRIED if self._too_short_s else _UNKNOWN):
            return
        if proved:
            self.enough_s = math.inf  # it was, once
        self._in_vain = 0
        self._too_short_s = max(gap_s, self._too_short_s)
        if self._found.too_short_s > self._too_short_s:
            self._too_short_s = self._found.too_short_s
            self.rest_s = min(self._found.enough_s * _MARGIN, _MOST_S)
        else:
            self._between()

    def _between(self) -> None:
        """What to try next, if there is much between the two; else what was enough, and a little more."""
        low_s, high_s = max(self._too_short_s, _LEAST_S), min(self.enough_s, _MOST_S)
        if high_s / low_s > _CLOSE:
            self.rest_s = math.sqrt(low_s * high_s)
            return
        self.rest_s = min(high_s * _MARGIN, _MOST_S)
        if self._too_short_s:
            self._found.too_short_s, self._found.enough_s = low_s, high_s

    def _least_s(self) -> float:
        return max(self.rest_s, self._silence_s, _SHORTLY_S)
