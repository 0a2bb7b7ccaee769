"""A Modbus device that answers every request with the same hostile bytes, under pymodbus and our driver, no socket."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any

from pymodbus.framer import FramerRTU

from contract.catalogue.devices import Bus, BusKind
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.modbus import ModbusDriver


class _Answering:
    """Stands where the transport stands. What the library raises on data, asyncio answers by dropping the link."""

    def __init__(self, ctx: Any, reply: bytes) -> None:
        self._ctx, self._reply = ctx, reply

    def write(self, _: bytes) -> None:
        with suppress(Exception):
            half = len(self._reply) // 2
            for piece in (self._reply[:half], self._reply[half:]):
                self._ctx.data_received(piece)

    def close(self) -> None: ...

    def abort(self) -> None: ...


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def reply(info: DeviceInfo, kind: BusKind, data: bytes) -> object:
    """Raises DeviceFault; else the values, one for each channel."""
    return loop().run_until_complete(_read(info, kind, data))


async def _read(info: DeviceInfo, kind: BusKind, data: bytes) -> object:
    if kind is BusKind.MODBUS_RTU:
        sealed, body = (data[0] & 1 if data else 0), data[1:]
        data = body + FramerRTU.compute_CRC(body).to_bytes(2, "big") if sealed else body
    address = "none" if kind is BusKind.MODBUS_RTU else "127.0.0.1:9"
    driver = ModbusDriver(Bus(id="b", kind=kind, address=address), [info], address)
    client: Any = driver._client

    async def no_line() -> bool:
        return False

    client.connect = no_line
    client.ctx.transport = _Answering(client.ctx, data)
    channels, values = await driver.read(info)
    assert len(channels) == len(values) == len(info.channels)
    assert all(isinstance(v, float) for v in values)
    return channels, values
