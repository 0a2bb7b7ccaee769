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

from contract.catalogue.devices import Bus
from contract.catalogue.quantities import Quantity
from contract.clock import Clock
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Fault, Heard
from firmware_bridge.framing import Frame, FrameReader
from firmware_bridge.node import NodeError, Telemetry, decode_telemetry, sent_ms


async def open_driver(bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> NodeDriver:
    return NodeDriver(bus, devices, address, clock)


class NodeDriver:
    """Samples get the time of their frame less their age, in whole seconds.

    A frame's time is that of its arrival. What lay in the port before it was opened came at a time that nobody knows,
    and is thrown away; frames that were read together, by an agent that was held up, are told apart by the node's own
    count.
    """

    def __init__(self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> None:
        self._bus = bus
        self._address = address
        self._clock = clock
        self._channels = {
            d.device.unit: {c.quantity: c.id for c in d.channels if c.quantity in (Quantity.DEPTH, Quantity.VOLTAGE)}
            for d in devices
        }
        self._last_frame: dict[int, tuple[int, int]] = {}
        self._last_ms: dict[int, int] = {}
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
            termios.tcflush(port.fileno(), termios.TCIFLUSH)
        loop.add_reader(port.fileno(), readable)
        try:
            await gone
        finally:
            loop.remove_reader(port.fileno())
            port.close()
        raise DeviceFault(Fault.BUS_DOWN, f"{self._address} is gone: is the radio bridge plugged in?")

    def _take(self, reader: FrameReader, data: bytes, heard: Heard) -> None:
        together: dict[int, list[Telemetry]] = {}
        for event in reader.feed(data):
            if not isinstance(event, Frame):
                self._faults[event.kind.value] += 1
                continue
            try:
                telemetry = decode_telemetry(event.payload)
            except NodeError:
                self._faults["bad_telemetry"] += 1
                continue
            if self._is_news(telemetry):
                together.setdefault(telemetry.node, []).append(telemetry)
        now_ms = self._clock.now_ms() // 1000 * 1000
        for frames in together.values():
            for at_ms, telemetry in zip(sent_ms([t.uptime_s for t in frames], now_ms), frames, strict=True):
                self._report(at_ms, telemetry, heard)

    def _is_news(self, t: Telemetry) -> bool:
        if t.node not in self._channels:
            self._faults["unknown_node"] += 1
            return False
        key = (t.sequence, t.uptime_s)
        if self._last_frame.get(t.node) == key:  # the bridge hears a node's repeat
            self._faults["repeated_frame"] += 1
            return False
        self._last_frame[t.node] = key
        return True

    def _report(self, at_ms: int, t: Telemetry, heard: Heard) -> None:
        channels = self._channels[t.node]
        if at_ms == self._last_ms.get(t.node):  # two reads within a second: two values of one time would be one
            at_ms += 1000
        self._last_ms[t.node] = at_ms
        for sample in t.samples:
            if Quantity.DEPTH in channels:
                heard(at_ms - sample.age_s * 1000, channels[Quantity.DEPTH], sample.depth_m)
        if Quantity.VOLTAGE in channels:
            heard(at_ms, channels[Quantity.VOLTAGE], t.battery_v)
