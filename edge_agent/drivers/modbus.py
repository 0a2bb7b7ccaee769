"""Modbus on every kind of bus: reads what a device's channels need, one request after another.

How one question finds its answer is `edge_agent.drivers.modbus_line`; which requests there are, and what is learnt of
them, `edge_agent.drivers.modbus_reads`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from contract.catalogue.devices import Bus
from contract.clock import Clock
from contract.readings import ReadingBatch
from edge_agent.drivers.base import Answer, Asked, DeviceFault, DeviceInfo, Fault, Heard, Missing, stamp_ms
from edge_agent.drivers.line_settings import LineSettings
from edge_agent.drivers.modbus_identity import told
from edge_agent.drivers.modbus_line import Line
from edge_agent.drivers.modbus_reads import Part, Reads, span
from edge_agent.drivers.modbus_tap import Tapped, exception_words
from edge_agent.drivers.ports import Port, SerialPort, TcpPort
from edge_agent.drivers.read_plan import Read, plan
from firmware_bridge.modbus import (
    ModbusAsciiBus,
    ModbusDevice,
    ModbusModel,
    ModbusRtuOverTcpBus,
    ModbusSerialBus,
    ModbusTcpBus,
)
from firmware_bridge.modbus_frames import AsciiFraming, Question, RtuFraming, TcpFraming
from firmware_bridge.register_types import Table

_OF_THIS_READ = (1, 2, 3)  # the other exceptions tell of the device as a whole, or of a gateway on the way
_OTHERWISE = {
    4: Fault.DEVICE_FAILURE,
    5: Fault.BUSY,
    6: Fault.BUSY,
    7: Fault.DEVICE_FAILURE,
    8: Fault.DEVICE_FAILURE,
    10: Fault.GATEWAY,
    11: Fault.GATEWAY,
}
_NO_SUCH_FUNCTION = 1
# As good as silence: what a device, or the gateway before it, may do where it has no such register.
_NOTHING_CAME = (Fault.TIMEOUT, Fault.ECHO, Fault.GATEWAY, Fault.DEVICE_FAILURE, Fault.CLOSED)
_SETTLED = (Fault.EXCEPTION, Fault.UNANSWERED)  # of one request, and not of the device
_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_NO_NOTES: Mapping[str, str] = {}
_question = lru_cache(4096)(Question)  # the same ones are asked for ever
_SOCKET = "socket://"  # before there was a kind for it, a serial server was named so
_NO_PAUSE_S = 0.00175  # above 19200 baud (Modbus over serial line V1.02, 2.5.1.1)


async def open_driver(bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> ModbusDriver:
    """A driver for a bus; its port is opened by the first read, and again whenever it is gone."""
    return ModbusDriver(bus, devices, address, clock)


def describe(device: DeviceInfo) -> str:
    """The requests that serve its channels: "holding 0+3, discrete 0+5" (table, first address, number)."""
    return ", ".join(span(r) for r in _plan(device))


def line_of(bus: Bus, address: str, port: Port | None = None) -> Line:
    """What one question after another can be asked of. port: see `ModbusDriver`."""
    return Line(port or _port(bus, address), _settings(bus, address), address)


class ModbusDriver:
    """Devices speak when asked, and a reply carries no time: readings get that of its arrival.

    A register that the device refuses, or never answers, is told as missing, and the others are read all the same;
    after other silence, or noise, the rest of the device's requests wait until it is asked again.
    """

    silent_periods = 0

    def __init__(
        self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock, port: Port | None = None
    ) -> None:
        """port: what to speak through; None: the one at `address`."""
        self._clock = clock
        self._line = line_of(bus, address, port)
        self._reads = {d.device.id: Reads(_plan(d)) for d in devices}
        self._identity: dict[str, Mapping[str, str]] = {}

    async def read(self, device: DeviceInfo) -> Answer:
        """See `Driver.read`; one request after another, in the order of `describe`."""
        poll = _Poll(device, self._reads[device.device.id], self._line, self._clock)
        await poll.run()
        return poll.answer()

    async def listen(self, heard: Heard) -> None:
        """Nobody speaks unasked on Modbus."""
        del heard
        await asyncio.Event().wait()

    def line_faults(self) -> Mapping[str, int]:
        """Bytes of noise, damaged frames, other units, other masters' questions, late and unasked replies."""
        return self._line.heard.faults()

    def traffic(self) -> Mapping[str, int]:
        """questions, bytes_sent, bytes_received, frames."""
        return self._line.heard.traffic()

    async def identity(self, device: DeviceInfo) -> Mapping[str, str]:
        """See `TellsWhoItIs`: asked once."""
        name = device.device.id
        assert isinstance(device.model, ModbusModel)  # the catalogue has no other on a Modbus bus
        if device.model.identity and name not in self._identity:
            of = _device(device)
            texts = await told(self._line, of.unit, of.reply_unit, device.model.identity, device.timeout_s)
            self._identity[name] = texts
        return self._identity.get(name, {})

    def tap(self, say: Tapped | None) -> None:
        """See `Tappable`."""
        self._line.listen_in(say)

    async def close(self) -> None:
        """Closes the port or the connection."""
        self._line.close()


class _Poll:
    """One call of `read`: what has come of it so far."""

    def __init__(self, device: DeviceInfo, reads: Reads, line: Line, clock: Clock) -> None:
        self._device, self._reads, self._line, self._clock = device, reads, line, clock
        # When the last of it came, UTC: what was asked in vain behind it does not make it younger.
        self._came_ms = 0
        self._wanted = reads.wanted(device)
        self._lost: set[int] = set()  # channels of which something did not come
        self._took: list[tuple[Part, list[int]]] = []  # with its words
        self._missing: list[Missing] = []
        self._asked: list[Asked] = []

    async def run(self) -> None:
        """Asks until all is there, or something other than a refusal stands in the way."""
        waiting = self._reads.in_turn([p for p in self._reads.parts if self._of(p)])
        while waiting:
            part = waiting.pop(0)
            if part.refused is not None and part.again_s > self._line.now_s():
                self._misses([part], part.refused)
                continue
            if (instead := self._reads.instead(part, waiting)) is not None:
                waiting = [part, *(p for p in waiting if p is not instead)]
                part = instead
            try:
                words = await self._ask(part)
            except _Refused as refused:
                waiting[:0] = self._refused(part, refused)
            except DeviceFault as fault:
                if fault.nearer:
                    self._reads.replied(part)
                if fault.nearer or not (self._reads.unanswered(part) and fault.fault in _NOTHING_CAME):
                    self._misses([part, *waiting], fault)
                    return
                waiting[:0] = self._unanswered(part, fault)
            else:
                self._takes(part, words)

    def answer(self) -> Answer:
        """What came of it. Raises DeviceFault when that is nothing."""
        if self._missing and self._lost >= self._wanted:
            raise _together(self._missing, tuple(self._asked))
        return Answer(self._readings(), tuple(self._missing), tuple(self._asked), self._notes())

    def _readings(self) -> ReadingBatch:
        """Of the channels of which all came."""
        time_ms = stamp_ms(self._came_ms, self._device.period_s)
        if len(self._took) == 1:
            part, words = self._took[0]
            if part.of_plain_alone and part.channels == self._wanted:  # as most devices are read
                return ReadingBatch.at(time_ms, part.plain, part.decoded(words))
        values: dict[int, float] = {}
        at_place: dict[tuple[Table, int], int] = {}
        for part, words in self._took:
            values.update(zip(part.plain.tolist(), part.decoded(words), strict=True))
            at_place.update(zip(part.places, words, strict=True))
        came = [c for c in self._reads.registers if c in self._wanted and c not in self._lost]
        told = [values[c] if c in values else self._reads.readers[c](at_place) for c in came]
        return ReadingBatch.at(time_ms, np.array(came, np.uint32), told)

    def _notes(self) -> Mapping[str, str]:
        """What is not as the file says, though it answers."""
        slow = self._line.heard.slow(_device(self._device).unit, self._device.timeout_s, self._line.now_s())
        return {**self._reads.holes, **({"slow": slow} if slow else {})} if slow or self._reads.holes else _NO_NOTES

    def _refused(self, part: Part, refused: _Refused) -> list[Part]:
        """What to ask in the part's place, now."""
        self._reads.lives()
        pieces = [] if refused.code == _NO_SUCH_FUNCTION else self._reads.split(part)
        if not pieces:
            self._reads.refuse(part, refused, self._line.now_s(), refused.code in _OF_THIS_READ)
            self._misses([part], refused)
            return []
        self._reads.found_hole(part.read, refused.why)
        return [p for p in pieces if self._of(p)]

    def _unanswered(self, part: Part, fault: DeviceFault) -> list[Part]:
        """What to ask in the part's place, now, as the device answers other questions and this one never."""
        pieces = self._reads.split(part)
        if pieces:
            self._reads.found_hole(part.read, f"as a whole it was not answered {part.alone} times ({fault.fault})")
            return [p for p in pieces if self._of(p)]
        what = f"unit {_device(self._device).unit} answers other questions, and never {span(part.read)} "
        never = DeviceFault(Fault.UNANSWERED, f"{what}({_names(part.read)}; {fault.fault})")
        self._reads.leave_out(part, never, self._line.now_s(), fault.fault is Fault.DEVICE_FAILURE)
        self._misses([part], never)
        return []

    def _takes(self, part: Part, words: list[int]) -> None:
        self._reads.answer(part)
        self._came_ms = self._clock.now_ms()
        self._took.append((part, words))

    def _misses(self, parts: Sequence[Part], fault: DeviceFault) -> None:
        """Of a channel all may have come before, by a smaller read."""
        channels = {c for p in parts for c in p.channels} & self._wanted - self._lost
        channels = {c for c in channels if not self._came(c)}
        if not channels:
            return
        self._lost |= channels
        self._missing.append(Missing(tuple(sorted(channels)), fault))

    async def _ask(self, part: Part) -> list[int]:
        read, device = part.read, _device(self._device)
        began_s = self._line.now_s()
        words: list[int] | None = None
        fault: DeviceFault | None = None
        try:
            question = _question(device.unit, _FUNCTION[read.table], read.address, read.count, device.reply_unit)
            pdu = await self._line.ask(question, self._device.timeout_s, device.rest_s)
            if pdu[0] & 0x80:
                raise _exception(device.unit, read, pdu[1])
            words = question.words(pdu)
            return words
        except DeviceFault as error:
            fault = error
            raise
        finally:
            came = None if words is None else tuple(words)
            took_ms = (self._line.now_s() - began_s) * 1000
            self._asked.append(Asked(read.table.value, read.address, read.count, came, fault, took_ms))

    def _came(self, channel: int) -> bool:
        there = {place for part, _ in self._took for place in part.places}
        spans = self._reads.registers[channel].spans()
        return all((s.table, s.address + n) in there for s in spans for n in range(s.count))

    def _of(self, part: Part) -> bool:
        return not part.channels.isdisjoint(self._wanted)


class _Refused(DeviceFault):
    """The device has not what was asked for. why: its exception by name and number."""

    def __init__(self, what: str, why: str, code: int) -> None:
        super().__init__(Fault.EXCEPTION, f"{what}: {why}")
        self.why, self.code = why, code


def _as_printed(read: Read) -> str:
    """Of an address that looks like the number a manual prints (Modbus application protocol V1.1b3, 4.4: the first
    register is number 1, of address 0): the address that it mostly is. "" for any other."""
    first = {Table.INPUT: 30001, Table.HOLDING: 40001}.get(read.table, 65536)
    if not first <= read.address < first + 10000:
        return ""
    return f", and what a manual prints as {read.address} is mostly address {read.address - first}"


def _exception(unit: int, read: Read, code: int) -> DeviceFault:
    why = f"{exception_words(code)}{_as_printed(read) if code == 2 else ''}"
    names = _names(read)
    if code in _OF_THIS_READ or code not in _OTHERWISE:
        return _Refused(f"unit {unit} refuses {span(read)} ({names})", why, code)
    return DeviceFault(_OTHERWISE[code], f"unit {unit} says to {span(read)} ({names}): {why}")


def _together(missing: Sequence[Missing], asked: tuple[Asked, ...]) -> DeviceFault:
    """One fault for a device that gave nothing: the last if it was no refusal, else all refusals."""
    last = missing[-1].fault
    told = [m.fault for m in missing] if last.fault in _SETTLED else [last]
    return DeviceFault(last.fault, "; ".join(f.detail for f in told), asked, last.nearer)


def _names(read: Read) -> str:
    return ", ".join(w.register.name for w in read.wanted)


def _plan(device: DeviceInfo) -> list[Read]:
    assert isinstance(device.model, ModbusModel)  # the catalogue has no other on a Modbus bus
    return plan(device.model, device.channels)


def _device(info: DeviceInfo) -> ModbusDevice:
    assert isinstance(info.device, ModbusDevice)  # as above
    return info.device


def _port(bus: Bus, address: str) -> Port:
    if not isinstance(bus, ModbusSerialBus):
        return TcpPort(address)
    if address.startswith(_SOCKET):
        return TcpPort(address.removeprefix(_SOCKET).rstrip("/"))
    rs485 = None
    if bus.rs485:
        from serial.rs485 import RS485Settings  # see SerialPort

        high = bus.rs485_rts_on_send
        rs485 = RS485Settings(high, not high, False, bus.rs485_before_s, bus.rs485_after_s)
    return SerialPort(address, bus, bus.data_bits if isinstance(bus, ModbusAsciiBus) else 8, rs485)


def _settings(bus: Bus, address: str) -> LineSettings:
    if isinstance(bus, ModbusTcpBus):
        numbered = bus.transaction_ids == "strict"
        return LineSettings(
            TcpFraming(), numbered, True, rest_s=bus.rest_s, echo=False, pause_after_connect_s=bus.pause_after_connect_s
        )
    assert isinstance(bus, ModbusSerialBus | ModbusRtuOverTcpBus)  # there are no others
    silence_s = _NO_PAUSE_S if bus.baud_rate > 19_200 else 3.5 * 11 / bus.baud_rate
    echo = {"auto": None, "yes": True, "no": False}[bus.echo]
    if isinstance(bus, ModbusRtuOverTcpBus):
        pause_s = bus.pause_after_connect_s
        return LineSettings(RtuFraming(), False, True, silence_s, 0.0, bus.rest_s, echo, pause_s)
    over_tcp = address.startswith(_SOCKET)
    framing = AsciiFraming() if isinstance(bus, ModbusAsciiBus) else RtuFraming()
    character_s = 0.0 if over_tcp else 11 / bus.baud_rate
    return LineSettings(framing, False, over_tcp, silence_s, character_s, bus.rest_s, echo)
