"""Ports that bytes go through: a serial line and a TCP connection, each behind the same few calls.

Nothing here knows a protocol. What cannot be opened is told by why, for whoever has to see to it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import termios
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from contract.catalogue.devices import SerialBus
from edge_agent.drivers.base import DeviceFault, Fault

if TYPE_CHECKING:
    import serial
    from serial.rs485 import RS485Settings

_MOST_HELD = 4096  # bytes that nobody asked for; of more the oldest are let go, and counted
_READ = 4096


class Port(ABC):
    """Bytes in and out. Times are those of the running loop, seconds.

    is_open: false when it was never opened, was closed, or the other side ended it. opened_s: when it was opened.
    came_s: when bytes last came in.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.opened_s = 0.0
        self.came_s = 0.0
        self._dropped = 0
        self._came: list[tuple[float, bytes]] = []
        self._held = 0  # bytes in it
        self._waiting: asyncio.Future[bool] | None = None
        self._until_s = 0.0  # how long it waits
        self._timer: asyncio.TimerHandle | None = None
        self._tapped: Callable[[bytes], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def now_s(self) -> float:
        """Time of the running loop, which is kept: to look it up is a system call each time."""
        return (self._loop or self._running()).time()

    @property
    def has_come(self) -> bool:
        """Whether there is something to take."""
        return bool(self._came)

    @abstractmethod
    async def open(self, timeout_s: float) -> None:
        """Opens it anew. Raises DeviceFault, one of those of the bus, with words that name the port."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Sends bytes. A port that is gone is told by `is_open` and `wait`, not here."""

    @abstractmethod
    def close(self) -> None:
        """Gives it back; always right."""

    def take(self) -> bytes:
        """What has come since it was last asked."""
        return b"".join(data for _, data in self.take_apart())

    def take_apart(self) -> list[tuple[float, bytes]]:
        """As `take`, in the pieces that it came in: when, and the bytes."""
        came, self._came, self._held = self._came, [], 0
        return came

    def let_go(self) -> int:
        """How many bytes were let go, since it was last asked, because nobody took them."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def listen_in(self, tapped: Callable[[bytes], None] | None) -> None:
        """Whoever is told of all that comes, besides; None: nobody."""
        self._tapped = tapped

    async def wait(self, until_s: float) -> bool:
        """True as soon as there are bytes to take, or the port has ended; false when neither is so in time."""
        if self._came or not self.is_open:
            return True
        loop = self._running()
        if until_s <= loop.time():
            return False
        self._waiting, self._until_s = loop.create_future(), until_s
        if self._timer is None or self._timer.when() > until_s:
            self._time_again(loop)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def _time_again(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer serves many waits: most end before it is due, and to cancel each costs more than to look again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._until_s, self._time_is_up, loop)

    def _time_is_up(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if loop.time() < self._until_s:
            self._time_again(loop)
        else:
            self._tell(False)

    def _opened(self) -> None:
        self._came.clear()
        self._held = 0
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self.opened_s = self.came_s = self._loop.time()

    def _heard(self, data: bytes) -> None:
        self.came_s = self.now_s()
        self._came.append((self.came_s, data))
        if self._tapped is not None:
            self._tapped(data)
        self._held += len(data)
        while (over := self._held - _MOST_HELD) > 0:
            self._held -= min(over, len(self._came[0][1]))
            came_s, oldest = self._came.pop(0)
            self._dropped += min(over, len(oldest))
            if over < len(oldest):
                self._came.insert(0, (came_s, oldest[over:]))
        self._tell(True)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _ended(self) -> None:
        self.is_open = False
        self._tell(True)

    def _tell(self, came: bool) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(came)


class SerialPort(Port):
    """A serial line, locked against other programs that ask before they open. rs485: the kernel switches direction."""

    def __init__(self, path: str, bus: SerialBus, data_bits: int = 8, rs485: RS485Settings | None = None) -> None:
        super().__init__()
        self._path, self._bus, self._data_bits, self._rs485 = path, bus, data_bits, rs485
        self._serial: serial.Serial | None = None

    async def open(self, timeout_s: float) -> None:
        """See `Port.open`; a serial port opens at once or not at all."""
        import serial  # half a megabyte that a gateway without serial lines can do without

        del timeout_s
        self.close()
        try:
            port = serial.Serial(
                self._path,
                self._bus.baud_rate,
                bytesize=self._data_bits,
                parity=self._bus.parity,
                stopbits=self._bus.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (OSError, termios.error, ValueError) as error:  # serial's own is an OSError
            raise _serial_fault(self._path, error) from error
        try:
            if self._rs485 is not None:
                port.rs485_mode = self._rs485
        except ValueError as error:
            port.close()
            what = f"cannot open {self._path}: its driver knows no RS-485 mode ({error}): leave rs485 out of the bus"
            raise DeviceFault(Fault.BUS_DOWN, what) from error
        with suppress(OSError, termios.error):
            termios.tcflush(port.fileno(), termios.TCIOFLUSH)
        self._serial = port
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)
        self._opened()

    def write(self, data: bytes) -> None:
        """See `Port.write`: a frame fits into the kernel's buffer."""
        if self._serial is not None:
            try:
                os.write(self._serial.fileno(), data)
            except BlockingIOError:
                pass  # the line takes nothing: the question is lost, and its time-out tells
            except OSError:
                self._gone()

    def close(self) -> None:
        """See `Port.close`."""
        if self._serial is not None:
            with suppress(OSError, ValueError):
                asyncio.get_running_loop().remove_reader(self._serial.fileno())
            with suppress(OSError):
                self._serial.close()
        self._serial = None
        self.is_open = False

    def _readable(self) -> None:
        assert self._serial is not None
        try:
            data = os.read(self._serial.fileno(), _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._heard(data)
        else:
            self._gone()

    def _gone(self) -> None:
        self.close()
        self._ended()


class TcpPort(Port):
    """A TCP connection, made anew whenever it is opened."""

    def __init__(self, address: str) -> None:
        """address: host:port; an IPv6 address in brackets."""
        super().__init__()
        self._address = address
        host, _, port = address.rpartition(":")
        self._host, self._port = host.removeprefix("[").removesuffix("]"), int(port)
        self._transport: asyncio.Transport | None = None
        self._hearing: _Hearing | None = None

    async def open(self, timeout_s: float) -> None:
        """See `Port.open`."""
        self.close()
        hearing = self._hearing = _Hearing(self)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                transport, _ = await loop.create_connection(lambda: hearing, self._host, self._port)
        except (OSError, UnicodeError) as error:  # TimeoutError is one
            raise _tcp_fault(self._address, error, timeout_s) from error
        if self._hearing is None:
            raise DeviceFault(Fault.CLOSED, f"cannot open {self._address}: the other side ended the connection at once")
        connection = transport.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport = transport
        self._opened()

    def write(self, data: bytes) -> None:
        """See `Port.write`."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """See `Port.close`."""
        if self._transport is not None:
            self._transport.abort()
        self._transport = self._hearing = None
        self.is_open = False

    def _heard_by(self, hearing: _Hearing, data: bytes) -> None:
        if self._hearing is hearing:
            self._heard(data)

    def _ended_by(self, hearing: _Hearing) -> None:
        if self._hearing is hearing:
            self.close()
            self._ended()


class _Hearing(asyncio.BufferedProtocol):
    """One connection of a TcpPort; what an older one hears is nobody's.

    It has its own room, for asyncio would else make a quarter of a megabyte at each reply."""

    def __init__(self, port: TcpPort) -> None:
        self._port = port
        self._room = memoryview(bytearray(_READ))

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._port._heard_by(self, bytes(self._room[:nbytes]))

    def eof_received(self) -> bool:
        self._port._ended_by(self)
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        self._port._ended_by(self)


def _serial_fault(path: str, error: Exception) -> DeviceFault:
    number = getattr(error, "errno", None)
    if number is None and f"({errno.ENOTTY}," in str(error):  # pyserial puts what termios said into its own text
        number = errno.ENOTTY
    fault = {
        errno.ENOENT: Fault.NO_SUCH_PORT,
        errno.ENODEV: Fault.NO_SUCH_PORT,
        errno.ENXIO: Fault.NO_SUCH_PORT,
        errno.ENOTTY: Fault.NO_SUCH_PORT,
        errno.EACCES: Fault.NO_PERMISSION,
        errno.EPERM: Fault.NO_PERMISSION,
        errno.EAGAIN: Fault.PORT_LOCKED,
        errno.EBUSY: Fault.PORT_LOCKED,
    }.get(number or 0, Fault.BUS_DOWN)
    words = {
        Fault.NO_SUCH_PORT: "it is no serial port" if number == errno.ENOTTY else "there is no such port",
        Fault.NO_PERMISSION: "no permission",
        Fault.PORT_LOCKED: "another program has locked it",
    }.get(fault, str(error))
    return DeviceFault(fault, f"cannot open {path}: {words}")


def _tcp_fault(address: str, error: Exception, timeout_s: float) -> DeviceFault:
    if isinstance(error, socket.gaierror | UnicodeError):
        fault, words = Fault.NAME_NOT_FOUND, "no host of that name was found"
    elif isinstance(error, ConnectionRefusedError) or "Errno 111" in str(error):
        fault, words = Fault.REFUSED, "the connection was refused"
    elif isinstance(error, TimeoutError):
        fault, words = Fault.UNREACHABLE, f"nobody answered within {timeout_s:g} s"
    elif getattr(error, "errno", None) in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ETIMEDOUT):
        fault, words = Fault.UNREACHABLE, "the host cannot be reached"
    elif isinstance(error, ConnectionError):
        fault, words = Fault.CLOSED, "the connection was ended at once"
    else:
        fault, words = Fault.BUS_DOWN, str(error)
    return DeviceFault(fault, f"cannot open {address}: {words}")
