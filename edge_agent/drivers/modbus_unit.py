"""What is learnt of a unit's ways: how long it takes to answer, and how long a rest it wants before it hears.

Some want rest after their own last question or reply, others after whatever was on the line; both are looked for. It
sends and hears nothing. Times are seconds.
"""

from __future__ import annotations

from edge_agent.drivers.modbus_rest import FoundRest, RestWanted

_FIRST_HEARD_OUT, _FIRST_S = 2, 0.1  # of a unit whose ways are not known yet
_KNOWN = 4  # answers
_LEAST_S = 0.03  # that is waited for an answer


class UnitWays:
    """answers_s: how long its last replies took."""

    def __init__(self, silence_s: float, found: FoundRest) -> None:
        """silence_s: that the line keeps before every question. found: the rest that units of this line want."""
        self.answers_s: list[float] = []
        self._after_own, self._after_others = RestWanted(silence_s, found), RestWanted(silence_s, found)
        self._silent = False  # when last asked, for as long as it may take to answer
        self._own_s: float | None = None  # when the last question to it, or its reply, ended

    def hears_at_s(self, line_s: float) -> float:
        """From when on it should be asked. line_s: when the last thing on the line ended."""
        if self._own_s is None or self._own_s < line_s:
            after_others_s = line_s + self._after_others.rest_s
            return after_others_s if self._own_s is None else max(after_others_s, self._own_s + self._after_own.rest_s)
        return self._own_s + self._after_own.rest_s

    def answered(self, took_s: float, asked_s: float, line_s: float, ended_s: float) -> None:
        """It answered what was asked at asked_s; its reply ended at ended_s. line_s: when the last thing on the line
        before the question had ended."""
        self.answers_s = [*self.answers_s[-7:], took_s]
        self._silent = False
        own_s, self._own_s = self._own_s, ended_s
        if own_s is not None:
            self._after_own.answered(asked_s - own_s)
        if own_s is None or own_s < line_s:
            self._after_others.answered(asked_s - line_s)

    def missed(self, asked_s: float, line_s: float, ended_s: float, slow: bool) -> None:
        """It did not. Of one that never did nothing is learnt, but it may be as others of the line; nor of one that is
        slow: it may have heard."""
        own_s, self._own_s = self._own_s, ended_s
        if not self.answers_s:
            self._after_own.as_others()
            self._after_others.as_others()
        if slow or not self.answers_s:
            return
        if own_s is not None and (own_s >= line_s or self._after_own.is_short(asked_s - own_s)):
            self._after_own.missed(asked_s - own_s)
        else:
            self._after_others.missed(asked_s - line_s)

    def soon_s(self, timeout_s: float) -> float | None:
        """How long to wait before the question is put again, of a unit that has always answered far sooner than it
        might, and hears what comes so soon; None: as long as it might take, for it is not known so well, or was silent
        when last asked."""
        if self._silent or len(self.answers_s) < _KNOWN:
            return None
        wait_s = 3 * max(self.answers_s) + _LEAST_S
        return wait_s if self._after_own.enough_s <= wait_s < timeout_s / 2 else None

    def was_silent(self) -> None:
        """It did not answer for as long as it may take."""
        self._silent = True

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
