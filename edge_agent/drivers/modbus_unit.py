"""What is learnt of a unit's ways: how long it takes to answer, and how long a rest it wants before it hears.

It sends and hears nothing. Times are seconds.
"""

from __future__ import annotations

_FIRST_HEARD_OUT, _FIRST_S = 2, 0.1  # of a unit whose ways are not known yet
_WHEN_IN_DOUBT_S, _MOST_REST_S = 0.1, 0.2
_MISSED, _MISSED_RESTED, _DOUBTED = 3, 6, 5
_SHORT_S, _LONG_S = 0.02, 0.15  # what is shortly after something else; what is certainly not


class UnitWays:
    """answers_s: how long its last replies took."""

    def __init__(self, silence_s: float) -> None:
        """silence_s: that the line keeps before every question."""
        self._silence_s = silence_s
        self.answers_s: list[float] = []
        self._missed = 0  # questions in a row that came shortly after something else, and got no reply
        self._rest_s = 0.0  # what it seems to want before a question
        self._rested = False  # it was enough, once
        self._doubted = 0  # questions in a row that got no reply after the rest that is kept when in doubt

    def rest_s(self) -> float:
        """How long the line should be silent before the unit is asked, beside what the line wants."""
        return max(self._rest_s, _WHEN_IN_DOUBT_S) if self._in_doubt else self._rest_s

    def answered(self, took_s: float, gap_s: float) -> None:
        """It answered. gap_s: how long the line had been silent before it was asked."""
        self.answers_s = [*self.answers_s[-7:], took_s]
        if gap_s < self._short_s():
            self._missed, self._rested = 0, True
        elif gap_s < _LONG_S:
            self._doubted = 0

    def missed(self, gap_s: float) -> None:
        """It did not. Several questions in a row that came shortly after something else: perhaps it wants more rest
        before. One that has answered after so short a rest must miss more of them: some are lost on any line."""
        if not self.answers_s or gap_s >= _LONG_S:
            return
        if gap_s >= self._short_s():
            self._doubted += self._in_doubt
            if self._doubted >= _DOUBTED:
                self._doubted, self._rest_s = 0, _MOST_REST_S
            return
        self._missed += 1
        if self._missed >= (_MISSED_RESTED if self._rested else _MISSED):
            self._missed, self._rested = 0, False
            self._rest_s = min(max(2.5 * self._rest_s, _SHORT_S), _MOST_REST_S)

    def heard_out_s(self, took_s: float, shared: bool) -> float:
        """How long after the question a second reply may follow one that took so long, should this one be somebody
        else's. shared: another master was heard on the line lately."""
        known = self.answers_s
        if shared:
            return 2 * max([took_s, *known]) + 0.02
        if len(known) < _FIRST_HEARD_OUT:
            return took_s + _FIRST_S
        if took_s < 0.5 * min(known) and min(known) > 0.01:
            return 1.2 * max(known) + 0.005
        return 0.0

    @property
    def _in_doubt(self) -> bool:
        return self._missed > 0 and not self._rested

    def _short_s(self) -> float:
        """What counts as shortly after something else: little more than the rest that is kept."""
        return 1.5 * max(self._rest_s, self._silence_s, _SHORT_S)
