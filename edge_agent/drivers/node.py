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

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.devices import Bus
from contract.clock import Clock
from contract.readings import ReadingBatch
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault, Heard
from firmware_bridge.framing import Frame, FrameReader
from firmware_bridge.node import NodeBus, NodeField, NodeRegister
from firmware_bridge.telemetry import NodeError, Telemetry, decode_telemetry, sent_ms


async def open_driver(bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> NodeDriver:
    """A driver for a radio bridge; `listen` opens its port."""
    return NodeDriver(bus, devices, address, clock)


def describe(device: DeviceInfo) -> str:
    """Nothing is asked of a node."""
    del device
    return ""


class NodeDriver:
    """Nodes speak by themselves; samples get the time of their frame less their age, in whole seconds.

    A frame's time is that of its arrival. What lay in the port before it was opened came at a time that nobody knows,
    and is thrown away; frames that were read together, by an agent that was held up, are told apart by the node's own
    count.
    """

    silent_periods = 3

    def __init__(self, bus: Bus, devices: Sequence[DeviceInfo], address: str, clock: Clock) -> None:
        assert isinstance(bus, NodeBus)  # what `firmware_bridge.node` has for its devices
        self._bus = bus
        self._address = address
        self._clock = clock
        self._nodes = {d.device.unit: d.device.id for d in devices}
        self._channels = {d.device.unit: _channels(d) for d in devices}
        self._spoke_ms = dict.fromkeys(self._nodes, clock.monotonic_ms())
        self._last_frame: dict[int, tuple[int, int]] = {}
        self._last_ms: dict[int, int] = {}
        self._faults: Counter[str] = Counter()

    async def read(self, device: DeviceInfo) -> Answer:
        """A node cannot be asked: raises DeviceFault(TIMEOUT) with how long it has been silent."""
        unit = device.device.unit
        silent_s = (self._clock.monotonic_ms() - self._spoke_ms[unit]) // 1000
        raise DeviceFault(Fault.TIMEOUT, f"node {unit} silent for {silent_s} s")

    def line_faults(self) -> dict[str, int]:
        """Stretches of the line that were no frame, frames that were no telemetry, unknown nodes, repeats."""
        return dict(self._faults)

    def traffic(self) -> dict[str, int]:
        """Not counted: nothing is asked here."""
        return {}

    async def close(self) -> None:
        """`listen` closes its port itself."""

    async def listen(self, heard: Heard) -> None:
        """See `Driver.listen`: one batch a frame, as its last byte comes in."""
        try:
            port = serial.Serial(
                self._address, self._bus.baud_rate, parity=self._bus.parity, stopbits=self._bus.stop_bits, timeout=0
            )
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
        if at_ms == self._last_ms.get(t.node):  # two reads within a second: two values of one time would be one
            at_ms += 1000
        self._last_ms[t.node] = at_ms
        self._spoke_ms[t.node] = self._clock.monotonic_ms()
        channels = self._channels[t.node]
        rows: list[tuple[int, int, float]] = []
        if NodeField.DEPTH in channels:
            depth = channels[NodeField.DEPTH]
            rows += [(at_ms - s.age_s * 1000, depth.id, _placed(depth, s.depth_m)) for s in t.samples]
        if NodeField.BATTERY in channels:
            battery = channels[NodeField.BATTERY]
            rows.append((at_ms, battery.id, _placed(battery, t.battery_v)))
        heard(self._nodes[t.node], ReadingBatch.of(*zip(*rows, strict=True)))


def _placed(channel: ChannelInfo, reading: float) -> float:
    """What a reading means where the node hangs, to the millimetre and millivolt that frames carry."""
    return round(channel.register.placed(reading), 3) if channel.register.is_placed else reading


def _channels(device: DeviceInfo) -> dict[NodeField, ChannelInfo]:
    """Which channel each field of a node's frames feeds, as its device file says; at least one."""
    out = {}
    for c in device.channels:
        assert isinstance(c.register, NodeRegister)  # the catalogue has no other on a node bus
        out[c.register.source] = c
    return out
