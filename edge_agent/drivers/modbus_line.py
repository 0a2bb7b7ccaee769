"""One question at a time on a Modbus line or connection, and which of the bytes that come are its answer.

The trap that this closes: on RTU and ASCII nothing in a reply says which question it answers, and other masters, late
neighbours, echoes and noise speak on the same wires. So
- before each question the line is silent for 3.5 characters, or as long as a setting or experience says;
- what comes while nothing is asked is looked at, too: late replies, another master;
- a reply counts only when no reply to another question can be meant (`firmware_bridge.modbus_owed`);
- a unit's first replies, one that comes much sooner than that unit ever answered, and all on a line where somebody else
  was heard are heard out: if a second one follows, neither is believed.
Modbus TCP matches transaction numbers and needs the last two only where a bus says `transaction_ids: ignore`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from edge_agent.drivers.base import DeviceFault, Fault
from edge_agent.drivers.line_settings import LineSettings
from edge_agent.drivers.modbus_connection import ConnectionWays
from edge_agent.drivers.modbus_heard import Evidence, Heard
from edge_agent.drivers.modbus_rest import FoundRest
from edge_agent.drivers.modbus_tap import Tap, Tapped
from edge_agent.drivers.modbus_unit import UnitWays
from edge_agent.drivers.ports import Port
from firmware_bridge.modbus_frames import Frame, Question

_MOST_ASKED = 5  # times for one question whose answer could be mistaken
_STRIDE = 40503  # between transaction numbers: who adds some to ours, or counts for himself, never hits another of ours
_MOST_HEARD = 2048  # bytes between question and reply that are looked through: several frames of the longest kind
_QUIET_S = 0.05  # a reply does not pause so long within itself
_APART_S = 0.25  # of such questions
_SOON = 2  # times that a question is put again before the unit has had all its time
_FOREIGN_S = 0.3  # how long another master's reply is let through before we ask
_CONNECT_S = 3.0


class _HungUp(Exception):
    """The other side ended the connection instead of an answer."""


class Line:
    """What is behind one port."""

    def __init__(self, port: Port, settings: LineSettings, name: str) -> None:
        """name: of the port, for messages."""
        self._port, self._set, self._name = port, settings, name
        self._framing = settings.framing
        self._heard = Heard(settings.framing, settings.numbered)
        self._ways: dict[int, UnitWays] = {}
        self._rest = FoundRest()
        self._number = 0xFFFF
        self._echoes = settings.echo
        self._sent_s = 0.0  # when the last question's last byte left
        self._connection = ConnectionWays(settings.pause_after_connect_s)
        self._evidence: Evidence | None = None
        self._tap: Tap | None = None
        self._late_replies = 0  # that the connection knows of

    @property
    def heard(self) -> Heard:
        """What came beside the answers, in counts and words."""
        return self._heard

    async def ask(self, question: Question, timeout_s: float, rest_s: float | None = None) -> bytes:
        """Function and data of the reply, an exception too. rest_s: the device's own, before it is asked.

        Raises DeviceFault.
        """
        if self._port.has_come:
            self._beside(self._take_apart())
        for left in (1, 0):
            if not self._is_ready():
                await self._ready(timeout_s)
            try:
                return await self._believed(question, timeout_s, rest_s)
            except _HungUp as error:
                self._connection.hung_up(self._port.now_s())
                if not (left and self._set.reconnects):
                    raise self._gone() from error
        raise AssertionError("not reached")

    def now_s(self) -> float:
        """See `Port.now_s`."""
        return self._port.now_s()

    async def listen(self, for_s: float) -> None:
        """Hears what is said unasked, and counts it in `faults`. Raises DeviceFault when the port cannot be opened."""
        await self._ready(for_s)
        until_s = self._port.now_s() + for_s
        came = []
        while self._port.is_open and await self._port.wait(until_s):
            came += self._take_apart()
        self._beside(came)

    def took_s(self, unit: int) -> float | None:
        """How long the unit's last reply took, without what was heard out behind it."""
        known = self._of(unit).answers_s
        return known[-1] if known else None

    def listen_in(self, say: Tapped | None) -> None:
        """Tells each frame that goes over the line, with its meaning; None: no more."""
        self._tap = None if say is None else Tap(self._framing, say)
        self._port.listen_in(None if self._tap is None else self._tap.received)

    def close(self) -> None:
        """Gives the port back."""
        self._port.close()

    # --- the connection ---

    def _is_ready(self) -> bool:
        """Whether `_ready` would find nothing to do; it mostly is so."""
        well = self._connection.is_well() or not self._set.reconnects
        return self._port.is_open and well and self._late_replies == self._heard.counts["late_replies"]

    async def _ready(self, timeout_s: float) -> None:
        """The port is open, and is not one that has died in silence."""
        if self._late_replies != (late := self._heard.counts["late_replies"]):
            self._late_replies = late
            self._connection.late()
        if self._port.is_open and self._set.reconnects and self._connection.has_died(self._port.now_s()):
            self._heard.counts["reconnects"] += 1
            self._connection.given_up()
            self._port.close()
        if self._set.reconnects and self._connection.is_spent(self._port.now_s()):
            self._port.close()
        if self._port.is_open:
            return
        await self._port.open(max(timeout_s, _CONNECT_S))
        self._connection.opened(self._port.opened_s)
        if self._connection.pause_s:
            await asyncio.sleep(self._connection.pause_s)
        if not self._port.is_open and self._connection.ended_in_the_pause():
            await self._ready(timeout_s)

    def _gone(self) -> DeviceFault:
        if self._set.reconnects:
            return DeviceFault(Fault.CLOSED, f"{self._name} closed the connection")
        return DeviceFault(Fault.BUS_DOWN, f"{self._name} is gone")

    # --- asking ---

    async def _believed(self, question: Question, timeout_s: float, rest_s: float | None) -> bytes:
        """Asks until no other question's reply can be meant."""
        if self._set.numbered:
            return await self._fresh_or_once(question, timeout_s, rest_s, timeout_s)
        if self._evidence is None or self._evidence.question != question:
            surplus = {refusal: self._heard.surplus(question, refusal, self._port.now_s()) for refusal in (False, True)}
            self._evidence = Evidence(question, surplus)
        evidence = self._evidence
        pdu = b""
        for _ in range(_MOST_ASKED):
            await self._ready(timeout_s)
            clean = {
                refusal: not self._heard.surplus(question, refusal, self._port.now_s()) for refusal in (False, True)
            }
            try:
                pdu = await self._soon_again(question, timeout_s, rest_s)
            except DeviceFault as fault:
                if pdu:
                    fault.came_nearer()
                raise
            refusal = bool(pdu[0] & 0x80)
            evidence.heard[pdu] += 1
            if clean[refusal] or evidence.heard[pdu] > evidence.surplus[refusal]:
                self._heard.believed(question, evidence.heard[pdu], self._port.now_s())
                self._evidence = None
                return pdu
        self._evidence = None
        if self._heard.late_before(question):
            what = f"unit {question.unit} owes so many late replies that none can be told from another's"
            raise DeviceFault(Fault.BAD_REPLY, what)
        # Values that change from one moment to the next: if one reply was late then the true one follows it.
        if await self._follows(question, self._port.now_s() + timeout_s, b""):
            raise self._two_replies(question)
        return pdu

    async def _soon_again(self, question: Question, timeout_s: float, rest_s: float | None) -> bytes:
        """On a line that loses replies: a unit that always answered soon is asked again soon, as whatever it replies to
        the same question is the answer. Only the last time it has all its time."""
        ways = self._of(question.unit)
        for _ in range(_SOON):
            wait_s = ways.soon_s(timeout_s)
            if wait_s is None:
                break
            try:
                return await self._fresh_or_once(question, timeout_s, rest_s, wait_s)
            except DeviceFault as fault:
                if fault.fault is not Fault.TIMEOUT:
                    raise
            self._heard.counts["asked_again"] += 1
            await self._ready(timeout_s)
        try:
            return await self._fresh_or_once(question, timeout_s, rest_s, timeout_s)
        except DeviceFault as fault:
            if fault.fault is Fault.TIMEOUT:
                ways.was_silent()
            raise

    async def _fresh_or_once(self, question: Question, timeout_s: float, rest_s: float | None, wait_s: float) -> bytes:
        """A connection that has just been made may swallow what is asked at first: it is asked again for a while."""
        while True:
            began_s = self._port.now_s()
            try:
                pdu = await self._once(question, timeout_s, rest_s, wait_s)
            except DeviceFault as fault:
                swallows = self._set.reconnects and self._connection.may_swallow(question, self._port.now_s())
                if fault.fault is not Fault.TIMEOUT or not swallows:
                    raise
                await asyncio.sleep(began_s + _APART_S - self._port.now_s())
                continue
            self._connection.reply(question, began_s - self._port.opened_s, timeout_s)
            return pdu

    async def _once(self, question: Question, timeout_s: float, rest_s: float | None, wait_s: float) -> bytes:
        """Asks once, and takes the reply; raises what came in its place. wait_s: for a reply to begin."""
        ways = self._of(question.unit)
        line_s = self._silent_since_s(ways, rest_s)
        if line_s is None:
            line_s = await self._silence(question, timeout_s, rest_s)
        self._number = (self._number + _STRIDE) & 0xFFFF
        sent = self._framing.encode(question.unit, question.pdu, self._number)
        asked_s = self._port.now_s()
        self._heard.asks(question, self._number, timeout_s, asked_s)
        if self._tap is not None:
            self._tap.sent(sent, question)
        self._port.write(sent)
        self._heard.counts["questions"] += 1
        self._heard.counts["bytes_sent"] += len(sent)
        self._sent_s = asked_s + len(sent) * self._set.character_s
        until_s = self._sent_s + wait_s + (5 + question.data_bytes) * self._set.character_s
        data, reply = await self._hear(question, sent, until_s)
        if reply is None:
            slow = self._heard.slow(question.replies_from, timeout_s, self._port.now_s())
            ways.missed(asked_s, line_s, max(self._port.came_s, self._sent_s), bool(slow))
            self._connection.missed(question, self._heard.took_late_s(question.unit), self._port.now_s())
            rest, echo = self._without_echo(data, sent)
            fault = self._heard.fault(rest, echo, question, self._number, timeout_s, self._port.now_s())
            if fault.fault is Fault.NOISE and self._framing.numbered:
                self._port.close()  # nothing says where the next frame begins
            raise fault
        took_s = self._port.came_s - asked_s
        before = self._without_echo(data[: reply.start], sent)[0] if reply.start else b""
        found = self._heard.beside(before, question, self._port.now_s()) if before else None
        if not self._set.numbered:
            if found is not None and any(f.is_question for f in found.frames):
                what = f"somebody else asked while unit {question.unit} was: no reply is believed"
                raise DeviceFault(Fault.OTHER_MASTER, what)
            self._heard.answered(question, self._port.now_s())
            out_s = ways.heard_out_s(took_s, self._heard.shared(self._port.now_s()))
            if await self._follows(question, asked_s + out_s, data[reply.end :]):
                raise self._two_replies(question)
        self._heard.counts["frames"] += 1
        ways.answered(took_s, asked_s, line_s, self._port.came_s)
        return reply.pdu

    def _silent_since_s(self, ways: UnitWays, rest_s: float | None) -> float | None:
        """As `_silence`, when the line has been silent for long enough and nothing came that is to be looked at; else
        None."""
        if self._port.has_come or not self._port.is_open or self._heard.foreign_reply_due():
            return None
        line_s, own_s = max(self._port.came_s, self._sent_s), self._set.rest_s if rest_s is None else rest_s
        silence_s = max(self._set.silence_s, ways.hears_at_s(line_s) - line_s if own_s is None else own_s)
        return line_s if line_s + silence_s <= self._port.now_s() else None

    async def _silence(self, question: Question, timeout_s: float, rest_s: float | None) -> float:
        """Waits until the line has been silent for long enough; since when it was."""
        ways, own_s = self._of(question.unit), self._set.rest_s if rest_s is None else rest_s
        now_s, line_s = self._port.now_s(), max(self._port.came_s, self._sent_s)
        latest_s = 0.0
        unasked = self._take_apart()
        while True:
            silence_s = max(self._set.silence_s, ways.hears_at_s(line_s) - line_s if own_s is None else own_s)
            latest_s = latest_s or now_s + timeout_s + silence_s + _QUIET_S
            if (ends_s := line_s + silence_s) <= now_s or not self._port.is_open:
                break
            if now_s > latest_s:
                self._beside(unasked)
                fault = Fault.OTHER_MASTER if self._heard.shared(now_s) else Fault.NOISE
                never = f"the line is never silent for {silence_s * 1000:.0f} ms"
                raise DeviceFault(fault, f"unit {question.unit} could not be asked: {never}")
            if await self._port.wait(ends_s):
                unasked += self._take_apart()
            now_s, line_s = self._port.now_s(), max(self._port.came_s, self._sent_s)
        self._beside(unasked)
        if self._heard.foreign_reply_due() and await self._port.wait(self._port.came_s + min(timeout_s, _FOREIGN_S)):
            return await self._silence(question, timeout_s, rest_s)
        if not self._port.is_open:
            raise _HungUp
        return line_s

    async def _hear(self, question: Question, sent: bytes, until_s: float) -> tuple[bytes, Frame | None]:
        """What comes until there is a reply, or can be none any more. A reply that has begun is heard to its end."""
        data = b""
        latest_s = until_s + max(1.0, self._set.character_s * 600)
        while True:
            if await self._port.wait(min(until_s, self._port.now_s() + _QUIET_S) if data else until_s):
                came = self._take()
                if not came and not self._port.is_open:
                    raise _HungUp
                data = (data + came)[-_MOST_HEARD:]
                if (reply := self._reply(data, question, sent, False)) is not None:
                    return data, reply
                continue
            now_s = self._port.now_s()
            if now_s >= until_s:
                speaks = now_s < latest_s and now_s - self._port.came_s < _QUIET_S
                if not (speaks and self._framing.begun(data, question)):
                    return data, self._reply(data, question, sent, True)
                until_s = now_s + _QUIET_S
            elif self._is_hopeless(data, question):
                return data, None

    def _is_hopeless(self, data: bytes, question: Question) -> bool:
        """The line is quiet again, and what came was the reply, damaged or wrong: nothing else will come."""
        found = self._framing.explain(data, question)
        return found.damaged > 0 or (self._set.numbered and any(f.number == self._number for f in found.frames))

    def _reply(self, data: bytes, question: Question, sent: bytes, ended: bool) -> Frame | None:
        """The frame that answers; ended: nothing more will come."""
        if self._set.numbered:
            return self._heard.numbered_reply(data, question, self._number, self._port.came_s)
        start = 0
        if self._echoes is not False and (at := data.find(sent)) >= 0:
            behind = at + len(sent)
            # A question for 17 to 24 bits at 0300H to 03FFH reads like a reply to itself.
            if self._framing.find(data[behind:], question) or self._framing.find(sent, question) is None:
                start = behind
                self._echoes = True
            elif self._echoes or not ended:
                return None
        found = self._framing.find(data[start:], question)
        if found is None:
            return None
        return Frame(found.unit, found.pdu, found.number, found.start + start, found.end + start)

    def _without_echo(self, data: bytes, sent: bytes) -> tuple[bytes, bool]:
        if self._set.numbered or self._echoes is False or sent not in data:
            return data, False
        return data.replace(sent, b"", 1), True

    # --- hearing out ---

    async def _follows(self, question: Question, until_s: float, data: bytes) -> bool:
        """Whether one more reply to the question comes by then, or another master's question."""
        while True:
            if self._framing.find(data, question) is not None:
                self._heard.answered(question, self._port.now_s())
                return True
            if self._heard.foreign_question(data, self._port.now_s()):
                return True
            if not await self._port.wait(until_s):
                break
            came = self._take()
            if not came:
                break
            data += came
        if data:
            self._heard.beside(data, question, self._port.now_s())
        return False

    def _two_replies(self, question: Question) -> DeviceFault:
        if self._heard.shared(self._port.now_s()):
            what = f"unit {question.unit} was answered twice, or somebody else asked meanwhile: not believed"
            return DeviceFault(Fault.OTHER_MASTER, what)
        return DeviceFault(Fault.BAD_REPLY, f"unit {question.unit} answered twice: one reply was late")

    def _of(self, unit: int) -> UnitWays:
        if (ways := self._ways.get(unit)) is None:
            ways = self._ways[unit] = UnitWays(self._set.silence_s, self._rest)
        return ways

    def _beside(self, came: Sequence[tuple[float, bytes]]) -> None:
        """Takes account of what came while nothing was asked: each burst when it ended, for late replies take as long
        as they take."""
        burst, ended_s = b"", 0.0
        for came_s, data in came:
            if burst and came_s - ended_s > _QUIET_S:
                self._heard.beside(burst, None, ended_s)
                burst = b""
            burst, ended_s = burst + data, came_s
        if burst:
            self._heard.beside(burst, None, ended_s)

    def _take(self) -> bytes:
        came = self._take_apart()
        return came[0][1] if len(came) == 1 else b"".join([data for _, data in came])

    def _take_apart(self) -> list[tuple[float, bytes]]:
        came = self._port.take_apart()
        if came:
            self._heard.counts["bytes_received"] += sum([len(data) for _, data in came])
            if dropped := self._port.let_go():
                self._heard.counts["noise_bytes"] += dropped
        return came
