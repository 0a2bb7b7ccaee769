"""Ports that cannot be opened, each in words of its own; and addresses of every form."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path
from typing import Any

import pytest

from contract.clock import SystemClock
from edge_agent.drivers.base import DeviceFault, Fault
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.ports import SerialPort, TcpPort
from firmware_bridge.modbus import ModbusAsciiBus, ModbusRtuBus
from tests.edge_agent.drivers.rtu import RtuUnits, bus, device, says
from tests.servers import free_port


async def fault_of(port: SerialPort | TcpPort, timeout_s: float = 5.0) -> DeviceFault:
    with pytest.raises(DeviceFault) as caught:
        await port.open(timeout_s)
    assert not port.is_open
    return caught.value


async def test_a_name_that_nobody_has() -> None:
    assert (await fault_of(TcpPort("no-such-host.invalid:502"))).fault is Fault.NAME_NOT_FOUND


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_nobody_listens_there(host: str) -> None:
    if host == "[::1]" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    fault = await fault_of(TcpPort(f"{host}:{free_port()}"))
    assert fault.fault in ((Fault.REFUSED, Fault.UNREACHABLE, Fault.BUS_DOWN) if host == "[::1]" else (Fault.REFUSED,))


async def test_a_port_that_is_not_there() -> None:
    fault = await fault_of(SerialPort("/dev/ttyNONE", bus()))
    assert (fault.fault, fault.detail) == (Fault.NO_SUCH_PORT, "cannot open /dev/ttyNONE: there is no such port")


async def test_a_file_that_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    fault = await fault_of(SerialPort(str(tmp_path / "notes.txt"), bus()))
    assert (fault.fault, fault.detail) == (
        Fault.NO_SUCH_PORT,
        f"cannot open {tmp_path}/notes.txt: it is no serial port",
    )


async def test_a_port_that_another_program_has_locked() -> None:
    with RtuUnits(lambda _unit: 0.0) as units:
        first, second = SerialPort(units.path, bus()), SerialPort(units.path, bus())
        await first.open(1.0)
        assert (await fault_of(second)).fault is Fault.PORT_LOCKED
        first.close()
        await second.open(1.0)
        second.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_port_that_we_may_not_open(tmp_path: Path) -> None:
    closed = tmp_path / "tty"
    closed.touch(mode=0o000)
    assert (await fault_of(SerialPort(str(closed), bus()))).fault is Fault.NO_PERMISSION


async def test_a_driver_without_rs485_says_what_to_leave_out() -> None:
    told = ModbusRtuBus(id="b", address="", rs485=True)
    with RtuUnits(lambda _unit: 0.0) as units:
        driver = ModbusDriver(told, [device(1, [0], timeout_s=0.2)], units.path, SystemClock())
        with pytest.raises(DeviceFault, match="leave rs485 out") as caught:
            await driver.read(device(1, [0], timeout_s=0.2))
        assert caught.value.fault.of_bus
        await driver.close()


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
async def test_the_old_name_of_a_serial_server_keeps_its_meaning(host: str) -> None:
    """kind modbus_rtu, address socket://host:port: RTU in a TCP connection, as pyserial had it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from firmware_bridge.modbus_frames import RtuFraming

        while await reader.read(8):
            writer.write(RtuFraming().encode(1, b"\x03\x02" + says(1, 7).to_bytes(2, "big")))
        writer.close()

    try:
        server = await asyncio.start_server(answer, host.strip("[]"), 0)
    except OSError:
        pytest.skip("no such address here")
    info = device(1, [7], timeout_s=2.0)
    address = f"socket://{host}:{server.sockets[0].getsockname()[1]}"
    driver = ModbusDriver(bus(), [info], address, SystemClock())
    assert (await driver.read(info)).readings.value.tolist() == [says(1, 7)]
    await driver.close()
    server.close()


def test_seven_data_bits_and_even_parity_are_asciis() -> None:
    made = ModbusAsciiBus(id="b", address="")
    assert (made.data_bits, made.parity) == (7, "E")


def opened(monkeypatch: pytest.MonkeyPatch, made: ModbusRtuBus | ModbusAsciiBus, data_bits: int = 8) -> int:
    """What a port of a pty asks of the kernel when it is opened: the control modes (a pty has no bits and parity of its
    own and forgets them)."""
    asked: list[int] = []
    tcsetattr = termios.tcsetattr

    def remember(fd: int, when: int, modes: list[Any]) -> None:
        asked.append(modes[2])
        tcsetattr(fd, when, modes)

    monkeypatch.setattr(termios, "tcsetattr", remember)
    master, slave = os.openpty()

    async def open_it() -> None:
        port = SerialPort(os.ttyname(slave), made, data_bits)
        await port.open(1.0)
        port.close()

    asyncio.run(open_it())
    os.close(master)
    os.close(slave)
    return asked[-1]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, termios.CS7 | termios.PARENB),
        ({"parity": "O"}, termios.CS7 | termios.PARENB | termios.PARODD),
        ({"parity": "N", "stop_bits": 2}, termios.CS7 | termios.CSTOPB),
        ({"data_bits": 8, "parity": "N"}, termios.CS8),
    ],
)
def test_data_bits_and_parity_as_the_kernel_is_told(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], wanted: int
) -> None:
    made = ModbusAsciiBus.model_validate({"id": "b", "address": "", **settings})
    of_interest = termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB
    assert opened(monkeypatch, made, made.data_bits) & of_interest == wanted


@pytest.mark.parametrize(
    ("settings", "flags", "waits_ms"),
    [
        ({}, 0b011, (0, 0)),  # enabled, RTS high while sending and low behind it (linux/serial.h)
        ({"rs485_rts_on_send": False}, 0b101, (0, 0)),
        ({"rs485_before_s": 0.029, "rs485_after_s": 0.002}, 0b011, (29, 2)),
    ],
)
async def test_rs485_as_the_kernel_is_told(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], flags: int, waits_ms: tuple[int, int]
) -> None:
    told: dict[int, bytes] = {}
    ioctl = fcntl.ioctl

    def kernel(fd: int, request: int, argument: Any = 0, *more: Any) -> Any:
        if request in (_TIOCGRS485, _TIOCSRS485):
            told[request] = bytes(argument)
            return 0
        return ioctl(fd, request, argument, *more)

    monkeypatch.setattr(fcntl, "ioctl", kernel)
    with RtuUnits(lambda _unit: 0.0) as units:
        made = ModbusRtuBus.model_validate({"id": "b", "address": units.path, "rs485": True, **settings})
        driver = ModbusDriver(made, [info := device(1, [0], timeout_s=5.0)], units.path, SystemClock())
        assert (await driver.read(info)).readings.value.tolist() == [says(1, 0)]
        await driver.close()
    said = struct.unpack("=8I", told[_TIOCSRS485])
    assert (said[0] & 0b10111, said[1:3]) == (flags, waits_ms)


_TIOCGRS485, _TIOCSRS485 = 0x542E, 0x542F
