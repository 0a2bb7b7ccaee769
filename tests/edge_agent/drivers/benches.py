"""Two devices on a bus of each kind, real peers on real sockets and ptys: what the tests of all drivers run against.

A new kind of bus is one more entry of `BENCHES`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymodbus import FramerType

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import Bus
from edge_agent.drivers.base import DeviceInfo
from firmware_bridge.framing import encode_frame
from firmware_bridge.modbus import ModbusModel
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.telemetry import Sample, Telemetry, encode_telemetry
from simulators.plant.line import LineFaults, SerialLine
from simulators.plant.modbus import DeviceFaults, ModbusUnit, serial_server, tcp_server
from tests.edge_agent.drivers.rtu import any_station
from tests.servers import free_port

UNITS = (3, 4)


class Bench(ABC):
    """`start`, then devices are there until `stop`. Device n is `devices[n]`, with the unit `UNITS[n]`."""

    kind: str
    registers: tuple[Mapping[str, Any], ...]

    def __init__(self) -> None:
        model = PROTOCOLS.bus_models[self.kind]
        devices = [{"id": f"d{u}", "model": "m", "unit": u} for u in UNITS]
        self.bus: Bus = model.model_validate({"id": "b", "kind": self.kind, "address": "", "devices": devices})
        self.devices = [self._info(n) for n in range(len(UNITS))]
        self.address = ""
        self.sequence = 0

    def _info(self, n: int) -> DeviceInfo:
        described = {"model": "m", "description": "m", "protocol": self.bus.protocol, "registers": self.registers}
        timing = {"period_s": 1.0, "timeout_s": 1.0}
        model = PROTOCOLS.by_name[self.bus.protocol].device_file.model_validate({**described, **timing})
        device = self.bus.devices[n]
        channels = tuple(
            ChannelInfo(UNITS[n] * 10 + i, r.name, any_station(), "gw", "b", device, model, r, r.quality, r.reporting)
            for i, r in enumerate(model.registers)
        )
        return DeviceInfo(device, model, channels)

    def values(self, n: int) -> dict[str, float]:
        """What device n holds, by register name."""
        return {str(r["name"]): round(UNITS[n] + i / 8, 3) for i, r in enumerate(self.registers)}

    def expected(self, n: int) -> dict[int, float]:
        """The same by channel."""
        return {c.id: self.values(n)[c.register.name] for c in self.devices[n].channels}

    @abstractmethod
    async def start(self) -> None:
        """The devices answer, or may speak, at `address`."""

    @abstractmethod
    async def stop(self) -> None:
        """The port is gone: the server, or the serial line."""

    def speak(self, n: int) -> None:
        """Device n says what it holds, if it is one that speaks by itself."""
        del n

    @abstractmethod
    def kill(self, n: int) -> None:
        """Device n is silent from now on."""


class ModbusBench(Bench):
    registers = (
        {"name": "level", "quantity": "depth", "address": 0, "type": "float32", "order": "CDAB"},
        {"name": "volts", "quantity": "voltage", "address": 40, "scale": 0.001},
    )

    def __init__(self) -> None:
        super().__init__()
        self.faults = [DeviceFaults() for _ in UNITS]

    def units(self) -> list[ModbusUnit]:
        units = []
        for n, info in enumerate(self.devices):
            assert isinstance(info.model, ModbusModel)
            values = self.values(n)
            units.append(ModbusUnit(UNITS[n], info.model, lambda v=values: v, lambda *_: None, self.faults[n]))
        return units

    def kill(self, n: int) -> None:
        self.faults[n].dead = True


class TcpBench(ModbusBench):
    kind = "modbus_tcp"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        framer = FramerType.SOCKET if self.kind == "modbus_tcp" else FramerType.RTU
        self.server = tcp_server(self.units(), self.port, framer)
        await self.server.serve_forever(background=True)

    async def stop(self) -> None:
        await self.server.shutdown()


class RtuOverTcpBench(TcpBench):
    kind = "modbus_rtu_over_tcp"


class _Line:
    """A serial line whose gateway's end has a name of its own, so that it can go and come back."""

    def __init__(self, link: str) -> None:
        self.link = link
        self.line = SerialLine(115_200, "bench", LineFaults())
        self.line.start()
        Path(link).symlink_to(self.line.master_path)

    def stop(self) -> None:
        Path(self.link).unlink()
        self.line.stop()


class RtuBench(ModbusBench):
    kind = "modbus_rtu"

    def __init__(self, link: str) -> None:
        super().__init__()
        self.address = link

    async def start(self) -> None:
        self.line = _Line(self.address)
        framer = FramerType.RTU if self.kind == "modbus_rtu" else FramerType.ASCII
        self.server = serial_server(self.units(), self.line.line.device_path, 115_200, framer)
        await self.server.serve_forever(background=True)

    async def stop(self) -> None:
        await self.server.shutdown()
        self.line.stop()


class AsciiBench(RtuBench):
    kind = "modbus_ascii"


class NodeBench(Bench):
    kind = "node_serial"
    registers = (
        {"name": "level", "quantity": "stage", "field": "depth"},
        {"name": "cell", "quantity": "voltage"},
    )

    def __init__(self, link: str) -> None:
        super().__init__()
        self.address = link
        self.dead = [False] * len(UNITS)

    async def start(self) -> None:
        self.line = _Line(self.address)
        self.port = os.open(self.line.line.device_path, os.O_RDWR | os.O_NOCTTY)

    async def stop(self) -> None:
        os.close(self.port)
        self.line.stop()

    def speak(self, n: int) -> None:
        if self.dead[n]:
            return
        self.sequence += 1
        level, cell = self.values(n).values()
        told = Telemetry(UNITS[n], self.sequence, self.sequence, cell, (Sample(0, level),))
        os.write(self.port, encode_frame(encode_telemetry(told)))

    def kill(self, n: int) -> None:
        self.dead[n] = True


BENCHES = {
    "modbus_tcp": lambda _link: TcpBench(),
    "modbus_rtu": RtuBench,
    "modbus_rtu_over_tcp": lambda _link: RtuOverTcpBench(),
    "modbus_ascii": AsciiBench,
    "node_serial": NodeBench,
}
