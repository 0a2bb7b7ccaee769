"""Bytes over a serial line of ptys: whole, lost or bent, and no faster than its baud rate."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from simulators.plant.line import LineFaults, SerialLine

WORDS = bytes(range(200))


@contextmanager
def line(baud_rate: int = 1_000_000, faults: LineFaults | None = None) -> Iterator[tuple[SerialLine, int, int]]:
    """The line, the gateway's end and the devices' end, opened as their owners do."""
    found = SerialLine(baud_rate, "seed", faults)
    found.start()
    ends = [os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for path in (found.master_path, found.device_path)]
    for end in ends:
        tty.setraw(end)
    try:
        yield found, ends[0], ends[1]
    finally:
        for end in ends:
            os.close(end)
        found.stop()


async def heard(end: int, count: int) -> bytes:
    """The next so many bytes."""
    loop = asyncio.get_running_loop()
    got = bytearray()
    there = asyncio.Event()
    loop.add_reader(end, there.set)
    try:
        async with asyncio.timeout(30):
            while len(got) < count:
                await there.wait()
                there.clear()
                try:
                    got += os.read(end, 4096)
                except BlockingIOError:
                    continue
    finally:
        loop.remove_reader(end)
    return bytes(got)


async def test_bytes_go_both_ways_unaltered() -> None:
    with line() as (_, gateway, devices):
        os.write(gateway, WORDS)
        assert await heard(devices, len(WORDS)) == WORDS
        os.write(devices, WORDS[::-1])
        assert await heard(gateway, len(WORDS)) == WORDS[::-1]


async def test_eleven_bits_a_byte_take_their_time() -> None:
    loop = asyncio.get_running_loop()
    with line(baud_rate=11_000) as (_, gateway, devices):  # 1 ms a byte
        began = loop.time()
        os.write(gateway, WORDS)
        await heard(devices, len(WORDS))
        assert loop.time() - began >= 0.2


async def test_a_bent_burst_differs_by_one_bit() -> None:
    with line(faults=LineFaults(flip=1.0)) as (_, gateway, devices):
        os.write(devices, WORDS)
        got = await heard(gateway, len(WORDS))
    assert sum((a ^ b).bit_count() for a, b in zip(got, WORDS, strict=True)) == 1


async def test_faults_strike_what_devices_send_alone() -> None:
    with line(faults=LineFaults(flip=1.0, drop=1.0)) as (_, gateway, devices):
        os.write(gateway, WORDS)
        assert await heard(devices, len(WORDS)) == WORDS


async def test_a_lost_burst_never_comes_and_the_next_does() -> None:
    faults = LineFaults(drop=1.0)
    with line(faults=faults) as (found, gateway, devices):
        # The gateway's words go behind the lost ones through the same loop: when they have come, the loss is done.
        os.write(devices, b"lost")
        os.write(gateway, b"asked")
        assert await heard(devices, 5) == b"asked"
        found.faults.drop = 0.0
        os.write(devices, b"come")
        assert await heard(gateway, 4) == b"come"
