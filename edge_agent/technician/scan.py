"""Who is on a line: one question to each unit, gently, and what came of it told apart.

Only ever reads (one holding register); listens before it asks, pauses between questions, and ends at once where another
master speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.catalogue.devices import Bus
from edge_agent.drivers.base import DeviceFault, Fault
from edge_agent.drivers.modbus import line_of
from edge_agent.drivers.modbus_identity import told
from edge_agent.drivers.modbus_line import Line
from edge_agent.drivers.modbus_tap import exception_words
from edge_agent.technician.scan_plan import ScanPlan, Setting
from firmware_bridge.modbus import IdentityText
from firmware_bridge.modbus_frames import Question

_BEHIND_A_GATEWAY = (10, 11)  # exceptions: nobody is there
_NOISY_TRIES = 3
_MOST_CLOSED = 3  # units that got no answer but the end of the connection, before any other did

# What one line is asked through; tests put a played one in its place.
LineOf = Callable[[Bus, str], Line]


@dataclass(slots=True)
class UnitFound:
    """Somebody who answered. word: of holding register 0; exception: the code by which it was refused."""

    unit: int
    word: int | None
    exception: int | None
    ms: float
    late_s: float | None = None  # how long it took, when that was more than the scan waits
    identity: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """For people."""
        if self.late_s is not None:
            return f"answers after {self.late_s:.2f} s: give it a timeout_s above that"
        if self.word is not None:
            return f"answers: holding 0 = {self.word:04X}  ({self.ms:.0f} ms)"
        return f"lives, and refuses holding 0: {exception_words(self.exception or 0)}  ({self.ms:.0f} ms)"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "unit": self.unit,
            "word": self.word,
            "exception": self.exception,
            "ms": round(self.ms, 1),
            "late_s": self.late_s,
            "identity": self.identity,
        }


@dataclass(slots=True)
class Heard:
    """What came of one setting. asked: units so far. others: of units where something came and no reply, the fault.
    silent: how many gave nothing."""

    setting: Setting
    found: list[UnitFound] = field(default_factory=list)
    others: dict[int, DeviceFault] = field(default_factory=dict)
    asked: int = 0
    silent: int = 0
    behind_a_gateway: int = 0
    line_faults: dict[str, int] = field(default_factory=dict)
    done: bool = False


@dataclass(slots=True)
class Scan:
    """What has come of a scan so far, whenever it is looked at. stopped: why it went no further."""

    plan: ScanPlan
    heard: list[Heard] = field(default_factory=list)
    stopped: DeviceFault | None = None
    complete: bool = False

    @property
    def found(self) -> list[tuple[Setting, UnitFound]]:
        """Everybody, with how to speak to him."""
        return [(h.setting, u) for h in self.heard for u in h.found]

    @property
    def not_tried(self) -> list[Setting]:
        """Settings that were left out."""
        return [s for s in self.plan.settings if s not in [h.setting for h in self.heard]]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "address": self.plan.address,
            "complete": self.complete,
            "stopped": None if self.stopped is None else str(self.stopped),
            "settings": [
                {
                    "kind": h.setting.kind,
                    "form": h.setting.form,
                    "asked": h.asked,
                    "silent": h.silent,
                    "behind_a_gateway": h.behind_a_gateway,
                    "units": [u.as_json() for u in h.found],
                    "others": {str(unit): str(fault) for unit, fault in h.others.items()},
                    "line_faults": h.line_faults,
                }
                for h in self.heard
            ],
            "not_tried": [s.words for s in self.not_tried],
        }


@dataclass(frozen=True, slots=True)
class Told:
    """Whoever looks on. setting: one begins. unit: one was found. moved: seconds of the plan that are over."""

    setting: Callable[[Setting], None] = lambda _setting: None
    unit: Callable[[Setting, UnitFound], None] = lambda _setting, _unit: None
    moved: Callable[[float], None] = lambda _seconds: None


async def scan(
    plan: ScanPlan, into: Scan, told_to: Told, identity: Sequence[IdentityText] = (), through: LineOf = line_of
) -> None:
    """Asks as planned; what comes of it stands in `into`, also when it is cancelled. Raises DeviceFault when the port
    cannot be opened to begin with."""
    for setting in plan.settings:
        heard = Heard(setting)
        line = through(setting.bus(plan.address, plan.pause_s), plan.address)
        into.heard.append(heard)
        try:
            await _Setting(plan, heard, line, told_to, identity).run()
        except DeviceFault as fault:
            if len(into.heard) == 1 and not heard.asked and fault.fault.of_bus:
                raise
            into.stopped = fault
            return
        finally:
            heard.line_faults = dict(line.heard.faults())
            line.close()
        if heard.found and not plan.every:
            break
    into.complete = True


class _Setting:
    def __init__(
        self, plan: ScanPlan, heard: Heard, line: Line, told_to: Told, identity: Sequence[IdentityText]
    ) -> None:
        self._plan, self._heard, self._line, self._told = plan, heard, line, told_to
        self._identity = identity
        self._closed = 0  # connections ended instead of an answer, in a row

    async def run(self) -> None:
        setting = self._heard.setting
        await self._listen()
        for unit in setting.units:
            await self._unit(unit)
            self._heard.asked += 1
            self._told.moved(self._plan.unit_s(setting))
        await self._late()
        self._heard.done = True

    async def _listen(self) -> None:
        """Somebody who speaks unasked is another master, or one of its units: it would be disturbed."""
        await self._line.listen(self._plan.listen_s)
        self._told.setting(self._heard.setting)
        self._told.moved(self._plan.listen_s)
        if self._line.heard.faults().get("foreign_questions", 0):
            raise DeviceFault(Fault.OTHER_MASTER, "somebody else asks on this line, and a scan would disturb him")

    async def _unit(self, unit: int) -> None:
        question = Question(unit, 3, 0, 1)
        fault: DeviceFault | None = None
        tries = 0
        while tries < (_NOISY_TRIES if fault is not None and fault.fault in _SOMETHING else self._plan.tries):
            tries += 1
            try:
                pdu = await self._line.ask(question, self._plan.timeout_s)
            except DeviceFault as error:
                fault = self._goes_on(error)
                continue
            await self._answered(question, pdu, 1000 * (self._line.took_s(unit) or 0.0))
            return
        assert fault is not None
        if fault.fault in _NOTHING:
            self._heard.silent += 1
        else:
            self._heard.others[unit] = fault

    async def _answered(self, question: Question, pdu: bytes, ms: float) -> None:
        self._closed = 0
        refused = pdu[1] if pdu[0] & 0x80 else None
        if refused in _BEHIND_A_GATEWAY:
            self._heard.behind_a_gateway += 1
            return
        word = None if refused is not None else question.words(pdu)[0]
        found = UnitFound(question.unit, word, refused, ms)
        if self._identity:
            found.identity = await told(self._line, question.unit, None, self._identity, self._plan.timeout_s)
        self._heard.found.append(found)
        self._told.unit(self._heard.setting, found)

    def _goes_on(self, fault: DeviceFault) -> DeviceFault:
        """Raises it when there is no sense in asking on."""
        if fault.fault is Fault.OTHER_MASTER:
            raise fault
        if fault.fault.of_bus:
            self._closed += 1
            never = not self._heard.found and not self._heard.behind_a_gateway
            if fault.fault is not Fault.CLOSED or (never and self._closed >= _MOST_CLOSED * self._plan.tries):
                raise fault
        return fault

    async def _late(self) -> None:
        """Replies that came when others were being asked, and one that may come yet."""
        await self._line.listen(self._plan.timeout_s)
        for unit in self._heard.setting.units:
            took_s = self._line.heard.took_late_s(unit)
            if took_s is None or any(u.unit == unit for u in self._heard.found):
                continue
            if unit in self._heard.others:
                del self._heard.others[unit]
            else:
                self._heard.silent -= 1
            late = UnitFound(unit, None, None, took_s * 1000, round(took_s, 2))
            self._heard.found.append(late)
            self._told.unit(self._heard.setting, late)


_SOMETHING = (Fault.NOISE, Fault.BAD_CRC, Fault.OTHER_UNIT, Fault.BAD_REPLY)
_NOTHING = (Fault.TIMEOUT, Fault.ECHO, Fault.CLOSED, Fault.TOO_SLOW)
