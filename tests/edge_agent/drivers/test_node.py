"""Node frames on a pty: when is a frame that nobody read at once?"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from contract.catalogue.quantities import Quantity
from contract.clock import ScaledClock
from contract.readings import ReadingBatch
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.node import NodeDriver
from firmware_bridge.framing import encode_frame
from firmware_bridge.telemetry import Sample, Telemetry, encode_telemetry, sent_ms
from host.district_folder import load
from simulators.cli.main import DISTRICT
from tests.waiting import until_async

NOW_MS = 1_600_000_000_500
AT_MS = 1_600_000_000_000
CATALOGUE = load(DISTRICT)
CHANNELS = tuple(c for c in CATALOGUE.channels_by_gateway["gw-radio"] if c.device.id == "s6-level")
DEVICES = [DeviceInfo(CHANNELS[0].device, CHANNELS[0].model, CHANNELS)]
BUS = next(b for b in CATALOGUE.gateways["gw-radio"].buses if b.id == "radio-bridge")
NODE = CHANNELS[0].device.unit
DEPTH, VOLTAGE = (next(c.id for c in CHANNELS if c.quantity is q) for q in (Quantity.DEPTH, Quantity.VOLTAGE))


def frame(sequence: int, uptime_s: int, depth_m: float) -> bytes:
    return encode_frame(encode_telemetry(Telemetry(NODE, sequence, uptime_s, 3.6, (Sample(0, depth_m),))))


def test_frames_read_together_are_told_apart() -> None:
    assert sent_ms([10, 70, 131], 1_000_000) == [879_000, 939_000, 1_000_000]
    assert sent_ms([70, 70], 1_000_000) == [999_000, 1_000_000]
    assert sent_ms([5000, 20, 80], 1_000_000) == [920_000, 940_000, 1_000_000], "it started again between"
    assert sent_ms([], 1_000_000) == []


def _waiting(port: int) -> int:
    """Bytes that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(port, termios.FIONREAD, bytes(4)), sys.byteorder)


@asynccontextmanager
async def listening(before: bytes) -> AsyncIterator[tuple[int, list[tuple[int, int, float]]]]:
    """A driver on a pty in which something lay already: the far end, and what it has reported."""
    far, near = os.openpty()
    tty.setraw(near)
    os.write(far, before)
    await until_async(lambda: _waiting(near) == len(before))  # the kernel brings it over in its own time
    heard: list[tuple[int, int, float]] = []
    driver = NodeDriver(BUS, DEVICES, os.ttyname(near), ScaledClock(NOW_MS, 1e-12, NOW_MS))

    def take(device: str, said: ReadingBatch) -> None:
        assert device == "s6-level"
        heard.extend(zip(said.time_ms.tolist(), said.channel.tolist(), said.value.tolist(), strict=True))

    task = asyncio.create_task(driver.listen(take))
    await until_async(lambda: _waiting(near) == 0)
    try:
        yield far, heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        os.close(far)
        os.close(near)


async def test_what_lay_in_the_port_has_no_time_and_is_thrown_away() -> None:
    async with listening(before=frame(1, 60, 0.10) + frame(2, 120, 0.20)[:5]) as (far, heard):
        assert heard == []
        os.write(far, frame(3, 180, 0.30))
        await until_async(lambda: len(heard) >= 2)
        assert heard == [(AT_MS, DEPTH, 0.30), (AT_MS, VOLTAGE, 3.6)]


async def test_no_two_readings_of_a_channel_get_one_time() -> None:
    """An agent that was held up reads several frames at once; then others, within the same second."""
    async with listening(before=b"noise") as (far, heard):
        os.write(far, frame(1, 60, 0.10) + frame(1, 60, 0.10) + frame(2, 120, 0.20))
        await until_async(lambda: len(heard) >= 4)  # depth and voltage each
        os.write(far, frame(3, 120, 0.30))
        await until_async(lambda: len(heard) >= 6)
        assert [(t, v) for t, c, v in heard if c == DEPTH] == [
            (AT_MS - 60_000, 0.10),
            (AT_MS, 0.20),
            (AT_MS + 1000, 0.30),
        ]
