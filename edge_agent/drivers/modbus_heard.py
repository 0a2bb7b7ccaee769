"""What comes over a Modbus line beside the answers: late replies, other masters, other units, damage and noise.

It keeps who owes a reply, counts, and finds the words for an answer that did not come. It reads and sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from edge_agent.drivers.base import DeviceFault, Fault
from firmware_bridge.modbus_frames import Explained, Frame, Framing, Question
from firmware_bridge.modbus_owed import Owed

_SHARED_S = 600.0  # how long another master is remembered
_SLOW_S = 600.0
_MOST_NUMBERS = 64  # transactions that a late reply may name
_TRAFFIC = ("questions", "bytes_sent", "bytes_received", "frames")


class Heard:
    """Of one line. Times are seconds of the caller's clock. numbered: replies are told apart by transaction numbers."""

    def __init__(self, framing: Framing, numbered: bool) -> None:
        self._framing, self._numbered = framing, numbered
        self._owed = Owed()
        self._by_number: dict[int, tuple[Question, float]] = {}
        self._shared_until_s: float | None = None
        self._late: dict[int, tuple[float, float]] = {}  # unit -> how long its late reply took, when that came
        self._expects_s: float | None = None  # since another master's question was heard, the last thing that was
        self.counts: Counter[str] = Counter()

    def faults(self) -> Mapping[str, int]:
        """What came and was no answer, by name."""
        return {k: n for k, n in self.counts.items() if n and k not in _TRAFFIC}

    def traffic(self) -> Mapping[str, int]:
        """questions, bytes_sent, bytes_received, frames (that came whole, whosever they are)."""
        return {k: self.counts[k] for k in _TRAFFIC}

    def asks(self, question: Question, number: int, timeout_s: float, now_s: float) -> None:
        """A question goes out."""
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
        if self._numbered or self._owed.answer(question, now_s) is not None:
            return True
        self._foreign("unasked_replies", now_s)
        return False

    def numbered_reply(self, data: bytes, question: Question, number: int, now_s: float) -> Frame | None:
        """The frame with this number, or a late reply to the same question asked before; units 0 and 255 are one."""
        for frame in self._framing.explain(data).frames:
            asked, asked_s = self._by_number.get(frame.number or 0, (None, 0.0))
            if asked != question or not question.fits(frame.pdu):
                continue
            if frame.unit == question.replies_from or {frame.unit, question.replies_from} == {0, 255}:
                if frame.number != number:
                    self._is_late(question.unit, now_s - asked_s, now_s)
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
        took_s, came_s = self._late.get(unit, (0.0, 0.0))
        if took_s <= timeout_s or now_s - came_s > _SLOW_S:
            return ""
        return (
            f"unit {unit} answered after {took_s:.2f} s, {took_s - timeout_s:.2f} s later than timeout_s {timeout_s:g}"
        )

    def took_late_s(self, unit: int) -> float | None:
        """How long the unit's last late reply took; None when none came."""
        return self._late[unit][0] if unit in self._late else None

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
                    self._is_late(asked[0].unit, now_s - asked[1], now_s)
            elif frame.is_question:
                self._foreign("foreign_questions", now_s)
            elif (took_s := self._owed.late(frame.unit, frame.pdu, now_s)) is not None:
                self._is_late(frame.unit, took_s, now_s)
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
        if slow := self.slow(unit, timeout_s, now_s):
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
        elif (took_s := self._owed.late(frame.unit, frame.pdu, now_s)) is not None:
            self._is_late(frame.unit, took_s, now_s)
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
            self._is_late(asked[0].unit, now_s - asked[1], now_s)
            return None
        self.counts["wrong_transactions"] += 1
        what = f"unit {question.unit} answered with transaction {frame.number}, it was asked with {number}"
        return DeviceFault(Fault.WRONG_TRANSACTION, what)

    def _foreign(self, name: str, now_s: float) -> None:
        self.counts[name] += 1
        self._shared_until_s = now_s + _SHARED_S

    def _is_late(self, unit: int, took_s: float, now_s: float) -> None:
        self.counts["late_replies"] += 1
        self._late[unit] = (took_s, now_s)
