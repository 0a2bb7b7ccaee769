"""RTU units on a pty, written for these tests: every register says its unit and its own address."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import Callable
from functools import cache

from crccheck.crc import CrcModbus

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity
from edge_agent.drivers.base import DeviceInfo
from firmware_bridge.modbus import ModbusModel, ModbusRtuBus, RtuDevice
from firmware_bridge.modbus_register import ModbusRegister
from host.district_folder import load
from simulators.cli.main import DISTRICT

# unit -> seconds until it answers; None: never. Each reply comes when it likes, even before an earlier one
Delay = Callable[[int], float | None]


def says(unit: int, address: int) -> int:
    return unit * 256 + address


class RtuUnits:
    def __init__(self, delay: Delay) -> None:
        self._delay = delay
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._seen = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> RtuUnits:
        asyncio.get_running_loop().add_reader(self._master, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        for task in self._tasks:
            task.cancel()
        os.close(self._master)
        os.close(self._slave)

    def _hear(self) -> None:
        self._seen += os.read(self._master, 4096)
        while len(self._seen) >= 8:
            request, self._seen = self._seen[:8], self._seen[8:]
            unit, function, start, count = struct.unpack(">BBHH", request[:6])
            wait_s = self._delay(unit)
            if wait_s is not None:
                words = [says(unit, start + i) for i in range(count)]
                body = struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)
                self._send_later(wait_s, body + CrcModbus.calc(body).to_bytes(2, "little"))

    def _send_later(self, wait_s: float, frame: bytes) -> None:
        async def send() -> None:
            await asyncio.sleep(wait_s)
            os.write(self._master, frame)

        task = asyncio.get_running_loop().create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def device(unit: int, addresses: list[int], *, timeout_s: float, period_s: float = 1.0, name: str = "") -> DeviceInfo:
    """A device with a channel for every address."""
    registers = tuple(ModbusRegister(name=f"r{a}", quantity=Quantity.CODE, address=a, decimals=0) for a in addresses)
    model = ModbusModel(
        model="test",
        description="for tests",
        protocol="modbus",
        period_s=period_s,
        timeout_s=timeout_s,
        registers=registers,
    )
    made = RtuDevice(id=name or f"unit-{unit}", model="test", unit=unit)
    station = any_station()
    channels = tuple(
        ChannelInfo(unit * 1000 + r.address, r.name, station, "gw", "bus", made, model, r, r.quality, r.reporting)
        for r in registers
    )
    return DeviceInfo(made, model, channels)


def bus(baud_rate: int = 115_200) -> ModbusRtuBus:
    return ModbusRtuBus(id="bus", address="", baud_rate=baud_rate)


def any_station() -> Station:
    return next(iter(_catalogue().stations.values()))


@cache
def _catalogue() -> Catalogue:
    return load(DISTRICT)
