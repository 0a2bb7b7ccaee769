"""A serial line between two ptys: it takes the time a real one takes, and can be made to fail like one.

Ptys ignore baud rate and parity, so the line emulates its own speed: eleven bits a byte.
"""

from __future__ import annotations

import asyncio
import os
import random
import tty
from dataclasses import dataclass

_BITS_PER_BYTE = 11


@dataclass(slots=True)
class LineFaults:
    """Of what devices send: how likely a burst has a flipped bit, is lost, or comes late by delay_s."""

    flip: float = 0.0
    drop: float = 0.0
    late: float = 0.0
    delay_s: float = 0.0


class SerialLine:
    """`master_path` is the gateway's end, `device_path` the devices'."""

    def __init__(self, baud_rate: int, seed: str, faults: LineFaults | None = None) -> None:
        self._byte_s = _BITS_PER_BYTE / baud_rate
        self._chance = random.Random(seed)
        self.faults = faults or LineFaults()
        self._master, self._master_slave = _open_raw()
        self._device, self._device_slave = _open_raw()
        self.master_path = os.ttyname(self._master_slave)
        self.device_path = os.ttyname(self._device_slave)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._master, self._forward, self._master, self._device, False)
        loop.add_reader(self._device, self._forward, self._device, self._master, True)

    def stop(self) -> None:
        loop = asyncio.get_running_loop()
        for fd in (self._master, self._device):
            loop.remove_reader(fd)
        for task in self._tasks:
            task.cancel()
        for fd in (self._master, self._master_slave, self._device, self._device_slave):
            os.close(fd)

    def _forward(self, source: int, target: int, from_devices: bool) -> None:
        try:
            data = os.read(source, 4096)
        except (BlockingIOError, OSError):
            return
        task = asyncio.get_running_loop().create_task(self._carry(data, target, from_devices))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, data: bytes, target: int, from_devices: bool) -> None:
        wait_s = len(data) * self._byte_s
        if from_devices:
            faults = self.faults
            if self._chance.random() < faults.drop:
                return
            if self._chance.random() < faults.flip:
                bent = bytearray(data)
                bent[self._chance.randrange(len(bent))] ^= 1 << self._chance.randrange(8)
                data = bytes(bent)
            if self._chance.random() < faults.late:
                wait_s += faults.delay_s
        await asyncio.sleep(wait_s)
        try:
            os.write(target, data)
        except OSError:  # nobody has the other end open, or it is full: bytes on a line wait for nobody
            return


def _open_raw() -> tuple[int, int]:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave
