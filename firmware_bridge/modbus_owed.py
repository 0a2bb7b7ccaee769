"""Which replies may still come on a line whose replies carry no numbers. Pure; times are seconds of any one clock.

On RTU and ASCII nothing in a reply says which question it answers but the unit, the function and the length. After a
time-out the late reply would pass for the answer to the next question of the same form, and the shift would persist.
So every question is owed a reply until one has come, or until `HORIZON` time-outs have passed. While a unit owes
replies to other questions of the same form, `surplus` says how many of them may come in between; whoever asks again
and gets one more equal reply than that has the answer to his own question, whenever and in whatever order they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.modbus_frames import Question

HORIZON = 12  # time-outs; what is later is of a unit whose timeout_s is set far too short
_FORGIVEN_S = 2.0  # at least so long

Form = tuple[int, int, int]


@dataclass(slots=True)
class _Open:
    """Questions of one form that may be answered yet, oldest first; heard: replies among them that fit several."""

    asked: list[tuple[Question, float, float]] = field(default_factory=list)
    heard: int = 0


class Owed:
    """What every unit of a line still owes."""

    def __init__(self) -> None:
        self._open: dict[Form, _Open] = {}

    def ask(self, question: Question, timeout_s: float, now_s: float) -> None:
        """The question goes out."""
        until_s = now_s + max(HORIZON * timeout_s, _FORGIVEN_S)
        self._of(question, now_s).asked.append((question, now_s, until_s))

    def surplus(self, question: Question, refusal: bool, now_s: float) -> int:
        """How many replies to other questions of this form may come; of refusals, to others of this function."""
        if refusal:
            of_function = [f for f in self._open if f[:2] == _form(question)[:2]]
            return sum(q != question for f in of_function for q, _, until_s in self._open[f].asked if until_s > now_s)
        found = self._of(question, now_s)
        others = sum(q != question for q, _, _ in found.asked)
        return max(min(others, len(found.asked) - found.heard), 0)

    def answer(self, question: Question, now_s: float) -> float | None:
        """A reply of the question's form came. Seconds since the oldest question that it may answer; None: nobody
        asked for it."""
        found = self._of(question, now_s)
        if len(found.asked) <= found.heard:
            return None
        asked_s = found.asked[min(found.heard, len(found.asked) - 1)][1]
        found.heard += 1
        if found.heard == len(found.asked):
            self._open.pop(_form(question), None)
        elif all(q == question for q, _, _ in found.asked):  # whichever it was
            del found.asked[0]
            found.heard -= 1
        return now_s - asked_s

    def late(self, unit: int, pdu: bytes, now_s: float) -> float | None:
        """A reply came while nothing was asked: seconds since a question that it may answer; None: nobody asked."""
        for form in list(self._open):
            for question, _, _ in self._open[form].asked:
                if question.replies_from == unit and question.fits(pdu):
                    return self.answer(question, now_s)
        return None

    def _of(self, question: Question, now_s: float) -> _Open:
        found = self._open.setdefault(_form(question), _Open())
        kept = [entry for entry in found.asked if entry[2] > now_s]
        # Who knows whether it was those that were answered: as many stay owed as were.
        found.heard = max(found.heard - (len(found.asked) - len(kept)), 0)
        found.asked = kept
        return found


def _form(question: Question) -> Form:
    return question.replies_from, question.function, question.data_bytes
