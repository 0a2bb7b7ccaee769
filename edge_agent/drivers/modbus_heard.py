"""What comes over a Modbus line beside the answers: late replies, other masters, other units, damage and noise.

It keeps who owes a reply, counts, and finds the words for an answer that did not come. It reads and sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.drivers.base import DeviceFault, Fault
from firmware_bridge.modbus_frames import Explained, Frame, Framing, Question
from firmware_bridge.modbus_owed import Owed

_SHARED_S = 600.0  # how long another master is remembered
_SLOW_S = 600.0
_STILL_SLOW = 8  # questions without even a late reply: then it is silent, and no longer slow
_LAST_LATE = 3  # of a reply that was lost on the way the next one looks late: the least of so many counts
_MOST_NUMBERS = 64  # transactions that a late reply may name
_TRAFFIC = ("questions", "asked_again", "bytes_sent", "bytes_received", "frames")


@dataclass(slots=True)
class _Late:
    """Late replies of a unit: how long the last took, when the last came, and how many questions ago."""

    took_s: list[float] = field(default_factory=list)
    came_s: float = 0.0
    asked_since: int = 0


@dataclass(frozen=True, slots=True)
class _Reply:
    """queued: it had to wait for the unit's reply to an earlier question, and does not tell how long the unit takes."""

    asked_s: float
    came_s: float
    queued: bool = False


@dataclass(slots=True)
class Evidence:
    """Of the question that is being asked on a line without numbers, perhaps in several tries: how many replies to
    others may come (False), or refusals (True), since it was first asked; and what came how often."""

    question: Question
    surplus: Mapping[bool, int]
    heard: Counter[bytes] = field(default_factory=Counter)


class Heard:
    """Of one line. Times are seconds of the caller's clock. numbered: replies are told apart by transaction numbers."""

    def __init__(self, framing: Framing, numbered: bool) -> None:
        self._framing, self._numbered = framing, numbered
        self._owed = Owed()
        self._by_number: dict[int, tuple[Question, float]] = {}
        self._shared_until_s: float | None = None
        self._late: dict[int, _Late] = {}  # by unit
        self._replied: dict[int, _Reply] = {}  # the last, by unit
        self._expects_s: float | None = None  # since another master's question was heard, the last thing that was
        self.counts: Counter[str] = Counter(late_replies=0)

    def faults(self) -> Mapping[str, int]:
        """What came and was no answer, by name."""
        return {k: n for k, n in self.counts.items() if n and k not in _TRAFFIC}

    def traffic(self) -> Mapping[str, int]:
        """questions; asked_again: those of them that came before the time-out of the one before; bytes_sent,
        bytes_received; frames (that came whole, whosever they are)."""
        return {k: self.counts[k] for k in _TRAFFIC}

    def asks(self, question: Question, number: int, timeout_s: float, now_s: float) -> None:
        """A question goes out."""
        if (late := self._late.get(question.replies_from)) is not None:
            late.asked_since += 1
        if self._numbered:
            self._by_number[number] = (question, now_s)
            while len(self._by_number) > _MOST_NUMBERS:
                del self._by_number[next(iter(self._by_number))]
        else:
            self._owed.ask(question, timeout_s, question.replies_from in self._late, now_s)

    def late_before(self, question: Question) -> bool:
        """Whether the unit's replies have come late before."""
        return question.replies_from in self._late

    def surplus(self, question: Question, refusal: bool, now_s: float) -> int:
        """How many equal replies to other questions may be taken for one to this."""
        if self._numbered:
            return 0
        return self._owed.surplus(question, refusal, question.replies_from in self._late, now_s)

    def believed(self, question: Question, replies: int, now_s: float) -> None:
        """So many of the replies that came were the question's own."""
        if not self._numbered:
            self._owed.believed(question, replies, question.replies_from in self._late, now_s)

    def answered(self, question: Question, now_s: float) -> bool:
        """A reply of the question's form came. False: one more than was asked for, which tells of another master."""
        if self._numbered:
            return True
        if (took_s := self._owed.answer(question, question.replies_from in self._late, now_s)) is not None:
            self._replied[question.replies_from] = _Reply(now_s - took_s, now_s)
            return True
        self._foreign("unasked_replies", now_s)
        return False

    def numbered_reply(self, data: bytes, question: Question, number: int, now_s: float) -> Frame | None:
        """The frame with this number, or a late reply to the same question asked before; units 0 and 255 are one."""
        for frame in self._framing.explain(data).frames:
            asked, asked_s = self._by_number.get(frame.number or 0, (None, 0.0))
            if (asked is not question and asked != question) or not question.fits(frame.pdu):
                continue
            if frame.unit == question.replies_from or {frame.unit, question.replies_from} == {0, 255}:
                if frame.number != number:
                    self._is_late(question.replies_from, asked_s, now_s)
                self._replied[question.replies_from] = _Reply(asked_s, now_s)
                return frame
        return None

    def foreign_question(self, data: bytes, now_s: float) -> bool:
        """Whether another master's question stands in the bytes."""
        if self._numbered or not any(f.is_question for f in self._framing.explain(data).frames):
            return False
        self._foreign("foreign_questions", now_s)
        return True

    def shared(self, now_s: float) -> bool:
        """Whether another master was heard lately."""
        return self._shared_until_s is not None and now_s < self._shared_until_s

    def slow(self, unit: int, timeout_s: float, now_s: float) -> str:
        """Words when the unit answered too late lately; else ""."""
        took_s, late = self.took_late_s(unit), self._late.get(unit)
        if took_s is None or late is None or took_s <= timeout_s or now_s - late.came_s > _SLOW_S:
            return ""
        return (
            f"unit {unit} answered after {took_s:.2f} s, {took_s - timeout_s:.2f} s later than timeout_s {timeout_s:g}"
        )

    def took_late_s(self, unit: int) -> float | None:
        """How long the unit's late replies took lately; None when none came."""
        return min(self._late[unit].took_s) if unit in self._late else None

    def foreign_reply_due(self) -> bool:
        """Whether the last that was heard is another master's question: its reply comes next."""
        return self._expects_s is not None

    def beside(self, data: bytes, question: Question | None, now_s: float) -> Explained:
        """Takes account of bytes that are no answer, and came before `now_s`; what they were."""
        found = self._framing.explain(data, question)
        self.counts["noise_bytes"] += found.noise
        self.counts["bad_crc"] += found.damaged
        self.counts["frames"] += len(found.frames)
        if found.frames:
            self._expects_s = now_s if found.frames[-1].is_question else None
        for frame in found.frames:
            if self._numbered:
                if (asked := self._by_number.get(frame.number or 0)) is not None:
                    self._is_late(asked[0].replies_from, asked[1], now_s)
            elif frame.is_question:
                self._foreign("foreign_questions", now_s)
            elif (took_s := self._owed.late(frame.unit, frame.pdu, frame.unit in self._late, now_s)) is not None:
                self._is_late(frame.unit, now_s - took_s, now_s)
            else:
                self._foreign("unasked_replies", now_s)
        return found

    def fault(
        self, data: bytes, echo: bool, question: Question, number: int, timeout_s: float, now_s: float
    ) -> DeviceFault:
        """Why there is no answer, by what came in its place. echo: our own question came back, and is left out."""
        unit = question.unit
        found = self._framing.explain(data, question)
        for frame in found.frames:
            self.counts["frames"] += 1
            if (fault := self._wrong_frame(frame, question, number, now_s)) is not None:
                return fault
        self.counts["noise_bytes"] += found.noise
        self.counts["bad_crc"] += found.damaged
        if found.damaged:
            return DeviceFault(Fault.BAD_CRC, f"the reply of unit {unit} was damaged on the line (wrong checksum)")
        if found.noise:
            return DeviceFault(Fault.NOISE, f"unit {unit}: {found.noise} bytes came, and no frame among them")
        slow = self.slow(question.replies_from, timeout_s, now_s)
        if slow and self._late[question.replies_from].asked_since <= _STILL_SLOW:
            return DeviceFault(Fault.TOO_SLOW, slow)
        if echo:
            self.counts["echoes_alone"] += 1
            return DeviceFault(Fault.ECHO, f"unit {unit}: nothing came but the echo of our own question")
        return DeviceFault(Fault.TIMEOUT, f"unit {unit} did not answer within {timeout_s:g} s")

    def _wrong_frame(self, frame: Frame, question: Question, number: int, now_s: float) -> DeviceFault | None:
        """What is wrong with a frame that is not the answer; None: it is a late answer to something else."""
        if self._numbered:
            if frame.number != number:
                return self._wrong_number(frame, question, number, now_s)
        elif frame.is_question:
            self._foreign("foreign_questions", now_s)
            return DeviceFault(Fault.OTHER_MASTER, f"somebody else asked while unit {question.unit} was")
        elif (took_s := self._owed.late(frame.unit, frame.pdu, frame.unit in self._late, now_s)) is not None:
            self._is_late(frame.unit, now_s - took_s, now_s)
            return None
        if frame.unit != question.replies_from:
            self.counts["other_units"] += 1
            return DeviceFault(Fault.OTHER_UNIT, f"unit {question.unit} was asked, unit {frame.unit} answered")
        asked = f"unit {question.unit} was asked"
        if frame.pdu[0] & 0x7F != question.function:
            what = f"{asked} with function {question.function}, it answered with {frame.pdu[0] & 0x7F}"
            return DeviceFault(Fault.WRONG_FUNCTION, what)
        what = f"{asked} for {question.data_bytes} bytes, it answered with {max(len(frame.pdu) - 2, 0)}"
        return DeviceFault(Fault.BAD_REPLY, what)

    def _wrong_number(self, frame: Frame, question: Question, number: int, now_s: float) -> DeviceFault | None:
        if (asked := self._by_number.get(frame.number or 0)) is not None:
            self._is_late(asked[0].replies_from, asked[1], now_s)
            return None
        self.counts["wrong_transactions"] += 1
        what = f"unit {question.unit} answered with transaction {frame.number}, it was asked with {number}"
        return DeviceFault(Fault.WRONG_TRANSACTION, what)

    def _foreign(self, name: str, now_s: float) -> None:
        self.counts[name] += 1
        self._shared_until_s = now_s + _SHARED_S

    def _is_late(self, unit: int, asked_s: float, now_s: float) -> None:
        """A reply came too late. One that was queued tells that the one before it was late, too."""
        self.counts["late_replies"] += 1
        late, before = self._late.setdefault(unit, _Late()), self._replied.get(unit)
        queued = before is not None and before.asked_s < asked_s < before.came_s
        tells = before if before is not None and queued else _Reply(asked_s, now_s)
        if not tells.queued:
            late.took_s = [*late.took_s, tells.came_s - tells.asked_s][-_LAST_LATE:]
        late.came_s, late.asked_since = now_s, 0
        self._replied[unit] = _Reply(asked_s, now_s, queued)
