"""Which replies may still come on a line whose replies carry no numbers. Pure; times are seconds of any one clock.

On RTU and ASCII nothing in a reply says which question it answers but the unit, the function and the length. After a
time-out the late reply would pass for the answer to the next question of the same form, and the shift would persist.
So every question is owed a reply until one has come, or until `HORIZON` time-outs have passed. While a unit owes
replies to other questions of the same form, `surplus` says how many equal ones of them may come in between; whoever
asks again and gets one more equal reply than that has the answer to his own question, whenever and in whatever order
they came.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from firmware_bridge.modbus_frames import Question

HORIZON = 12  # time-outs; what is later is of a unit whose timeout_s is set far too short
UNSEEN = 6  # of a unit that was never late: its replies are lost
_FORGIVEN_S = 1.0  # at least so long
_KNOWN_S = 10.0  # and so long, at least, a late reply is known for what it is
_HANDED_ON = 2  # times that a unit which was never late may have owed the reply to the same question asked again

Form = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """until_s: until when its reply may be taken for another's. known_s: until when it is known. handed_on: how often
    the reply that is owed was taken for that to the same question, asked before."""

    question: Question
    asked_s: float
    until_s: float
    known_s: float
    handed_on: int = 0

    def instead_of(self, before: _Asked, late_before: bool) -> _Asked:
        """It is owed in the place of the one before, to which a reply came. A reply that was lost is so owed to one
        question after the other, and for ever where they follow within the horizon: of a unit that was never late that
        means so many late ones in a row, each when the next was just asked, and is not believed for longer."""
        handed_on = before.handed_on + 1
        ends = handed_on > _HANDED_ON and not late_before
        return replace(self, handed_on=handed_on, until_s=min(self.until_s, before.until_s) if ends else self.until_s)


@dataclass(slots=True)
class _Open:
    """Questions of one form that may be answered yet, oldest first; heard: replies among them that fit several."""

    asked: list[_Asked] = field(default_factory=list)
    heard: int = 0


class Owed:
    """What every unit of a line still owes."""

    def __init__(self) -> None:
        self._open: dict[Form, _Open] = {}

    def ask(self, question: Question, timeout_s: float, late_before: bool, now_s: float) -> None:
        """The question goes out, to a unit that has been late before or not."""
        until_s = now_s + max((HORIZON if late_before else UNSEEN) * timeout_s, _FORGIVEN_S)
        known_s = now_s + max(HORIZON * timeout_s, _KNOWN_S)
        self._of(_form(question), now_s).asked.append(_Asked(question, now_s, until_s, known_s))

    def surplus(self, question: Question, refusal: bool, late_before: bool, now_s: float) -> int:
        """How many equal replies to other questions of this form may come; of refusals, to others of this function.

        late_before: the unit has been late before. Then all that it owes may come at once; else those to one question,
        for replies to several are equal by chance only, and lost by far more often than late.
        """
        if not self._open:  # the usual case
            return 0
        forms = [f for f in self._open if f[:2] == _form(question)[:2]] if refusal else [_form(question)]
        others: Counter[Question] = Counter()
        unheard = 0
        for form in forms:
            found = self._of(form, now_s)
            open_yet = [a for a in found.asked if a.until_s > now_s]
            others.update(a.question for a in open_yet if a.question != question)
            unheard += len(open_yet) - max(found.heard - (len(found.asked) - len(open_yet)), 0)
        most = sum(others.values()) if late_before else max(others.values(), default=0)
        return max(min(most, unheard), 0)

    def believed(self, question: Question, replies: int, late_before: bool, now_s: float) -> None:
        """So many of the replies that came were the question's own: to the last times it was asked, but of a unit that
        has been late, to the first."""
        found = self._of(_form(question), now_s)
        for _ in range(min(replies, found.heard)):
            own = [n for n, a in enumerate(found.asked) if a.question == question]
            if own:
                del found.asked[own[0] if late_before else own[-1]]
                found.heard -= 1

    def answer(self, question: Question, late_before: bool, now_s: float) -> float | None:
        """A reply of the question's form came, of a unit that has been late before or not. Seconds since the oldest
        question that it may answer; None: nobody asked for it."""
        found = self._of(_form(question), now_s)
        if len(found.asked) <= found.heard:
            return None
        asked_s = found.asked[found.heard].asked_s
        found.heard += 1
        if found.heard == len(found.asked):
            self._open.pop(_form(question), None)
        elif all(a.question == question for a in found.asked):  # whichever it was
            found.asked = [a.instead_of(before, late_before) for before, a in pairwise(found.asked)]
            found.heard -= 1
        return now_s - asked_s

    def late(self, unit: int, pdu: bytes, late_before: bool, now_s: float) -> float | None:
        """A reply came while nothing was asked: seconds since a question that it may answer; None: nobody asked."""
        for form in list(self._open):
            for asked in self._open[form].asked:
                if asked.question.replies_from == unit and asked.question.fits(pdu):
                    return self.answer(asked.question, late_before, now_s)
        return None

    def _of(self, form: Form, now_s: float) -> _Open:
        found = self._open.setdefault(form, _Open())
        kept = [a for a in found.asked if a.known_s > now_s]
        # Who knows whether it was those that were answered: as many stay owed as were.
        found.heard = max(found.heard - (len(found.asked) - len(kept)), 0)
        found.asked = kept
        return found


def _form(question: Question) -> Form:
    return question.replies_from, question.function, question.data_bytes
