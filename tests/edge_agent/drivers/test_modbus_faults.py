"""What a device or a line can do wrong, and the fault it becomes; never another register's value."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contract.catalogue.devices import Bus, BusKind, Table
from edge_agent.drivers.base import DeviceFault, DeviceInfo, Fault
from edge_agent.drivers.modbus import EXCEPTION_NAMES, ModbusDriver
from tests.edge_agent.drivers.registers import info_with
from tests.edge_agent.drivers.rtu import RtuUnits, bus, device, says
from tests.servers import free_port

TCP = Bus(id="tcp", kind=BusKind.MODBUS_TCP, address="")
# function, address, count -> function and data of the reply; None: silence; "close": hang up
Answer = Callable[[int, int, int], bytes | str | None]


@asynccontextmanager
async def server(answer: Answer, unit_shift: int = 0) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                tid, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", await reader.readexactly(12))
                said = answer(function, address, count)
                if said == "close":
                    break
                if isinstance(said, bytes):
                    head = struct.pack(">HHHB", tid, 0, len(said) + 1, unit + unit_shift)
                    writer.write(head + said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        running.close()


async def fault_of(answer: Answer, info: DeviceInfo | None = None, unit_shift: int = 0) -> DeviceFault:
    info = info or info_with(["uint16"], at=[7])
    async with server(answer, unit_shift) as address:
        driver = ModbusDriver(TCP, [info], address)
        with pytest.raises(DeviceFault) as caught:
            await driver.read(info)
        await driver.close()
    return caught.value


def words(function: int, *values: int) -> bytes:
    return struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values)


async def test_good_words_become_values() -> None:
    info = info_with(["uint16", "float32"], at=[7, 8])
    async with server(lambda f, a, n: words(f, 1234, 0x3FA0, 0)) as address:
        driver = ModbusDriver(TCP, [info], address)
        assert await driver.read(info) == ([1, 2], [1234.0, 1.25])
        await driver.close()


@pytest.mark.parametrize(("code", "name"), EXCEPTION_NAMES.items())
async def test_a_refusal_is_named_with_what_was_asked(code: int, name: str) -> None:
    fault = await fault_of(lambda f, a, n: bytes([f | 0x80, code]))
    assert fault.fault is Fault.EXCEPTION
    assert fault.detail == f"unit 1 refuses holding 7+1: {name} (exception {code})"


async def test_silence_is_a_time_out_of_the_devices_own_length() -> None:
    began = asyncio.get_running_loop().time()
    fault = await fault_of(lambda f, a, n: None, info_with(["uint16"], at=[7], timeout_s=0.2))
    assert fault.fault is Fault.TIMEOUT
    assert "unit 1 did not answer within 0.2 s" in fault.detail
    assert asyncio.get_running_loop().time() - began < 10


@pytest.mark.parametrize("said", [words(3), words(3, 1, 2), words(4, 1), words(3, *range(100))])
async def test_a_reply_to_another_question_is_no_value(said: bytes) -> None:
    assert (await fault_of(lambda f, a, n: said)).fault is Fault.BAD_REPLY


async def test_another_units_reply_is_no_value() -> None:
    fault = await fault_of(lambda f, a, n: words(f, 1), info_with(["uint16"], at=[7], timeout_s=0.2), unit_shift=1)
    assert fault.fault in (Fault.BAD_REPLY, Fault.TIMEOUT)


async def test_too_few_bits_are_no_value() -> None:
    info = info_with(["bit"] * 2, at=[0, 8], tables=[Table.COIL] * 2)
    assert (await fault_of(lambda f, a, n: bytes([f, 1, 0xFF]), info)).fault is Fault.BAD_REPLY


async def test_a_server_that_hangs_up_or_is_not_there_is_a_bus_that_is_down() -> None:
    assert (await fault_of(lambda f, a, n: "close")).fault is Fault.BUS_DOWN
    info = info_with(["uint16"], at=[0])
    driver = ModbusDriver(TCP, [info], f"127.0.0.1:{free_port()}")
    with pytest.raises(DeviceFault, match=r"cannot open 127\.0\.0\.1:\d+: is it plugged in") as caught:
        await driver.read(info)
    assert caught.value.fault is Fault.BUS_DOWN
    await driver.close()


async def test_a_connection_that_was_lost_is_made_again_by_the_next_read() -> None:
    script: list[bytes | str] = ["close", words(3, 5), words(3, 6)]
    info = info_with(["uint16"], at=[0])
    async with server(lambda f, a, n: script.pop(0)) as address:
        driver = ModbusDriver(TCP, [info], address)
        with pytest.raises(DeviceFault):
            await driver.read(info)
        assert await driver.read(info) == ([1], [5.0])
        assert await driver.read(info) == ([1], [6.0])
        await driver.close()


async def test_a_serial_port_that_is_not_there_is_a_bus_that_is_down() -> None:
    info = device(1, [0], timeout_s=0.1)
    driver = ModbusDriver(bus(), [info], "/dev/does-not-exist")
    with pytest.raises(DeviceFault, match="is it plugged in") as caught:
        await driver.read(info)
    assert caught.value.fault is Fault.BUS_DOWN
    await driver.close()


async def test_silence_on_a_serial_line_is_a_time_out_and_the_neighbour_is_heard_next() -> None:
    dead, alive = device(1, [0], timeout_s=0.1), device(2, [0, 1], timeout_s=2.0)
    with RtuUnits(lambda unit: None if unit == 1 else 0.0) as units:
        driver = ModbusDriver(bus(), [dead, alive], units.path)
        with pytest.raises(DeviceFault) as caught:
            await driver.read(dead)
        assert caught.value.fault is Fault.TIMEOUT
        assert await driver.read(alive) == ([2000, 2001], [says(2, 0), says(2, 1)])
        await driver.close()
