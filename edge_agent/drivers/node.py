"""Our battery nodes behind a radio bridge: frames on a serial line, whenever a node speaks."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import serial

from contract.clock import Clock
from contract.models import Bus, Quantity
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Fault, Heard
from firmware_bridge.framing import Frame, FrameReader
from firmware_bridge.node import NodeError, Telemetry, decode_telemetry


async def open_driver(bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> NodeDriver:
    return NodeDriver(bus, devices, address, clock)


class NodeDriver:
    """Samples get the time of their frame less their age, in whole seconds."""

    def __init__(self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> None:
        self._bus = bus
        self._address = address
        self._clock = clock
        self._channels = {
            d.device.unit: {c.quantity: c.id for c in d.channels if c.quantity in (Quantity.DEPTH, Quantity.VOLTAGE)}
            for d in devices
        }
        self._last_frame: dict[int, tuple[int, int]] = {}
        self._faults: Counter[str] = Counter()

    def faults(self) -> dict[str, int]:
        return dict(self._faults)

    async def close(self) -> None:
        """`listen` closes its port itself."""

    async def listen(self, heard: Heard) -> None:
        try:
            port = serial.Serial(self._address, self._bus.baud_rate, timeout=0)
        except (serial.SerialException, OSError) as error:
            raise DeviceFault(Fault.BUS_DOWN, f"cannot open {self._address}: {error}") from error
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        reader = FrameReader()

        def readable() -> None:
            try:
                data = os.read(port.fileno(), 4096)
            except BlockingIOError:
                return
            except OSError as error:
                data = b""
                self._faults[f"read: {error.strerror}"] += 1
            if not data:
                loop.remove_reader(port.fileno())
                if not gone.done():
                    gone.set_result(None)
                return
            self._take(reader, data, heard)

        with suppress(OSError, termios.error):
            tty.setraw(port.fileno())
        loop.add_reader(port.fileno(), readable)
        try:
            await gone
        finally:
            loop.remove_reader(port.fileno())
            port.close()
        raise DeviceFault(Fault.BUS_DOWN, f"{self._address} is gone: is the radio bridge plugged in?")

    def _take(self, reader: FrameReader, data: bytes, heard: Heard) -> None:
        for event in reader.feed(data):
            if not isinstance(event, Frame):
                self._faults[event.kind.value] += 1
                continue
            try:
                telemetry = decode_telemetry(event.payload)
            except NodeError:
                self._faults["bad_telemetry"] += 1
                continue
            self._report(telemetry, heard)

    def _report(self, t: Telemetry, heard: Heard) -> None:
        channels = self._channels.get(t.node)
        if channels is None:
            self._faults["unknown_node"] += 1
            return
        key = (t.sequence, t.uptime_s)
        if self._last_frame.get(t.node) == key:  # the bridge hears a node's repeat
            self._faults["repeated_frame"] += 1
            return
        self._last_frame[t.node] = key
        now_ms = self._clock.now_ms() // 1000 * 1000
        for sample in t.samples:
            if Quantity.DEPTH in channels:
                heard(now_ms - sample.age_s * 1000, channels[Quantity.DEPTH], sample.depth_m)
        if Quantity.VOLTAGE in channels:
            heard(now_ms, channels[Quantity.VOLTAGE], t.battery_v)
