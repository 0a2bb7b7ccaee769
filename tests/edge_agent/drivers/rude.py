"""Rude Modbus devices and lines in played time: a port whose other end is a script, and units that misbehave as told.

A unit is asked and answers as a real one would, from the framing's own bytes; how it is rude says the test, by what it
hangs into `Rude`. Register r of unit u holds `says(u, r)`.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from contract.catalogue.devices import Bus
from contract.readings import ReadingBatch
from edge_agent.acquisition import bus as bus_module
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Fault
from edge_agent.drivers.modbus import ModbusDriver, describe
from edge_agent.drivers.ports import Port
from firmware_bridge.modbus import TcpDevice
from firmware_bridge.modbus_frames import AsciiFraming, Framing, RtuFraming, TcpFraming
from firmware_bridge.protocols import PROTOCOLS
from tests.edge_agent.drivers.rtu import device, says
from tests.played import PlayedClock

FRAMINGS: dict[str, Framing] = {
    "modbus_rtu": RtuFraming(),
    "modbus_ascii": AsciiFraming(),
    "modbus_rtu_over_tcp": RtuFraming(),
    "modbus_tcp": TcpFraming(),
}
# unit, PDU of the request -> PDU of the reply; None: silence
Answers = Callable[[int, bytes], bytes | None]


def plain(unit: int, pdu: bytes) -> bytes:
    """What a polite device answers, with all the registers there are; bits are those of the address."""
    function, address, count = struct.unpack(">BHH", pdu)
    if function in (1, 2):
        bits = sum((address + n & 1) << n for n in range(count))
        return bytes((function, -(-count // 8))) + bits.to_bytes(-(-count // 8), "little")
    return struct.pack(f">BB{count}H", function, 2 * count, *(says(unit, address + n) for n in range(count)))


def has(registers: set[int]) -> Answers:
    """A unit with these holding registers and nothing else."""

    def answers(unit: int, pdu: bytes) -> bytes | None:
        if pdu[0] != 3:
            return bytes((pdu[0] | 0x80, 1))
        at, n = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        return plain(unit, pdu) if registers.issuperset(range(at, at + n)) else bytes((0x83, 2))

    return answers


@dataclass
class Rude:
    """The other end of a bus.

    answers: see `Answers`. delay_s: of a unit until it answers. bend: what becomes of a reply's bytes on the line,
    given unit, request and reply; a list: pieces and the seconds before each. hears: whether a request reaches anybody.
    opens: whether a connection is taken. hangs_up: after a reply, the seconds until the connection is ended.
    """

    kind: str = "modbus_rtu"
    answers: Answers = plain
    delay_s: Callable[[int], float] = lambda _unit: 0.01
    bend: Callable[[int, bytes, bytes], list[tuple[float, bytes]]] = lambda _unit, _sent, reply: [(0.0, reply)]
    hears: Callable[[int, bytes], bool] = lambda _unit, _pdu: True
    opens: Callable[[], bool] = lambda: True
    hangs_up: Callable[[], float | None] = lambda: None
    asked: list[tuple[float, int, bytes]] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)


class RudePort(Port):
    """Bytes to and from a `Rude`."""

    def __init__(self, rude: Rude) -> None:
        super().__init__()
        self._rude = rude
        self._framing = FRAMINGS[rude.kind]
        self._connection = 0

    async def open(self, timeout_s: float) -> None:
        del timeout_s
        await asyncio.sleep(0.001)
        if not self._rude.opens():
            raise DeviceFault(Fault.REFUSED, "cannot open it: the connection was refused")
        self._connection += 1
        self._opened()
        self._rude.opened.append(self.opened_s)

    def write(self, data: bytes) -> None:
        (frame,) = self._framing.explain(data).frames
        now_s = asyncio.get_running_loop().time()
        self._rude.asked.append((now_s, frame.unit, frame.pdu))
        if not self._rude.hears(frame.unit, frame.pdu):
            return
        pdu = self._rude.answers(frame.unit, frame.pdu)
        reply = b"" if pdu is None else self._framing.encode(frame.unit, pdu, frame.number or 0)
        wait_s = self._rude.delay_s(frame.unit)
        for more_s, piece in self._rude.bend(frame.unit, data, reply):
            wait_s += more_s
            self.say_later(wait_s, piece)
        if reply and (ends_s := self._rude.hangs_up()) is not None:
            asyncio.get_running_loop().call_later(wait_s + ends_s, self._end, self._connection)

    def say_later(self, wait_s: float, data: bytes) -> None:
        """Bytes on the line, whoever they are from."""
        if data:
            asyncio.get_running_loop().call_later(wait_s, self._say, self._connection, data)

    def end(self) -> None:
        """The other side hangs up."""
        self._end(self._connection)

    def close(self) -> None:
        self.is_open = False

    def _say(self, connection: int, data: bytes) -> None:
        if self.is_open and connection == self._connection:
            self._heard(data)

    def _end(self, connection: int) -> None:
        if self.is_open and connection == self._connection:
            self._ended()


@dataclass
class Played:
    """What came of a bus. heard: unit -> time (s since the start), register -> value; missing ones are NaN."""

    status: dict[str, Any]
    heard: dict[int, list[tuple[float, int, float]]]

    def good(self, unit: int, register: int = 0) -> list[float]:
        """When a register of a unit was read, s since the start."""
        return [at for at, r, v in self.heard[unit] if r == register and not math.isnan(v)]

    def worst_gap(self, unit: int, register: int, end_s: float) -> float:
        """The longest time without a value, from the start to the end."""
        times = [0.0, *self.good(unit, register), end_s]
        return max(b - a for a, b in pairwise(times))

    def device(self, unit: int) -> dict[str, Any]:
        return next(d for d in self.status["devices"] if d["unit"] == unit)


async def run(
    rude: Rude,
    devices: list[DeviceInfo],
    for_s: float,
    *,
    meanwhile: Callable[[RudePort, BusTask], Any] | None = None,
    **settings: Any,
) -> Played:
    """A bus task at work for so long. settings: of the bus."""
    made = {"id": "b", "kind": rude.kind, "address": "", **settings}
    bus: Bus = PROTOCOLS.bus_models[rude.kind].model_validate(made)
    port = RudePort(rude)
    heard: dict[int, list[tuple[float, int, float]]] = defaultdict(list)
    registers = {c.id: (d.device.unit, c.register.address) for d in devices for c in d.channels}
    began_s = asyncio.get_running_loop().time()

    def gather(said: ReadingBatch) -> None:
        now_s = asyncio.get_running_loop().time() - began_s
        for channel, value in zip(said.channel.tolist(), said.value.tolist(), strict=True):
            unit, register = registers[channel]
            if not math.isnan(value):
                assert value == says(unit, register), f"unit {unit}, register {register}: {value} stored"
            heard[unit].append((now_s, register, value))

    class Module:
        """The Modbus driver, on a port of ours."""

        @staticmethod
        async def open_driver(of: Bus, infos: list[DeviceInfo], address: str, clock: PlayedClock) -> ModbusDriver:
            return ModbusDriver(of, infos, address, clock, port)

        describe = staticmethod(describe)

    task = BusTask(bus, devices, "", PlayedClock(), gather)
    there = bus_module.driver_module
    bus_module.driver_module = lambda _protocol: Module  # type: ignore[assignment]
    try:
        running = asyncio.create_task(task.run())
        if meanwhile is not None:
            beside = asyncio.create_task(meanwhile(port, task))
        await asyncio.sleep(for_s)
        status = task.status()
        running.cancel()
        if meanwhile is not None:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        await asyncio.gather(running, return_exceptions=True)
    finally:
        bus_module.driver_module = there
    assert status["restarts"] == 0, status["trouble"]
    return Played(status, heard)


def with_device(info: DeviceInfo, **settings: Any) -> DeviceInfo:
    """The same with other settings of the device."""
    return replace(info, device=info.device.model_copy(update=settings))


def tcp_device(unit: int, addresses: list[int], *, timeout_s: float) -> DeviceInfo:
    """As `rtu.device`, with a unit that only TCP has."""
    info = device(1, addresses, timeout_s=timeout_s)
    return replace(info, device=TcpDevice(id=f"unit-{unit}", model="test", unit=unit))
