"""A Modbus device that answers every request with the same hostile bytes, under our driver, no socket."""

from __future__ import annotations

import asyncio
from functools import cache

from contract.catalogue.devices import Bus
from contract.clock import SystemClock
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.ports import Port
from tests.played import PlayedLoop


class _Answering(Port):
    """Whatever is written, the reply comes, in two pieces."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self._reply = reply

    async def open(self, timeout_s: float) -> None:
        del timeout_s
        self._opened()

    def write(self, _: bytes) -> None:
        half = len(self._reply) // 2
        for piece in (self._reply[:half], self._reply[half:]):
            if piece:
                self._heard(piece)

    def close(self) -> None:
        self.is_open = False


@cache
def loop() -> asyncio.AbstractEventLoop:
    return PlayedLoop()


def reply(info: DeviceInfo, bus: Bus, address: str, data: bytes) -> object:
    """Raises DeviceFault; else the values, one for each channel."""
    return loop().run_until_complete(_read(info, bus, address, data))


async def _read(info: DeviceInfo, bus: Bus, address: str, data: bytes) -> object:
    driver = ModbusDriver(bus, [info], address, SystemClock(), _Answering(data))
    answer = await driver.read(info)
    channels, values = answer.readings.channel.tolist(), answer.readings.value.tolist()
    missing = [c for m in answer.missing for c in m.channels]
    assert sorted([*channels, *missing]) == sorted(c.id for c in info.channels)
    return channels, values
