"""A Modbus RTU unit at the end of a pty, in a thread, that hears only what comes at its own speed."""

from __future__ import annotations

import os
import struct
import termios
import threading
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from crccheck.crc import CrcModbus


@contextmanager
def pty_unit(registers: Mapping[int, int], unit: int = 1, speed: int = termios.B9600) -> Iterator[str]:
    """The port's path. registers: holding registers by address; others are refused. A pty has no parity."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        while True:
            try:
                request = os.read(master, 4096)
            except OSError:
                return
            if len(request) < 8 or termios.tcgetattr(slave)[5] != speed or request[0] != unit:
                continue
            function, address, count = struct.unpack(">BHH", request[1:6])
            words = [registers.get(address + n) for n in range(count)]
            if function != 3 or None in words:
                body = bytes((unit, function | 0x80, 1 if function != 3 else 2))
            else:
                body = struct.pack(f">BBB{count}H", unit, 3, 2 * count, *(w for w in words if w is not None))
            os.write(master, body + CrcModbus.calc(body).to_bytes(2, "little"))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)  # ends the thread's read: nobody has the other end any more
        thread.join(5)
        os.close(master)
