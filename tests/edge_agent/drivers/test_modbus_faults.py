"""What a device or a line can do wrong, and the fault it becomes; never another register's value."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contract.clock import SystemClock
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_tap import EXCEPTION_NAMES
from firmware_bridge.modbus import ModbusTcpBus
from firmware_bridge.register_types import Table
from tests.edge_agent.drivers.registers import info_with
from tests.edge_agent.drivers.rtu import RtuUnits, bus, device, says
from tests.servers import free_port

TCP = ModbusTcpBus(id="tcp", address="")
# function, address, count -> function and data of the reply; None: silence; "close": hang up
Reply = Callable[[int, int, int], bytes | str | None]


@asynccontextmanager
async def server(answer: Reply, unit_shift: int = 0) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                tid, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", await reader.readexactly(12))
                reply = answer(function, address, count)
                if reply == "close":
                    break
                if isinstance(reply, bytes):
                    head = struct.pack(">HHHB", tid, 0, len(reply) + 1, unit + unit_shift)
                    writer.write(head + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        running.close()


async def fault_of(answer: Reply, info: DeviceInfo | None = None, unit_shift: int = 0) -> DeviceFault:
    info = info or info_with(["uint16"], at=[7])
    async with server(answer, unit_shift) as address:
        driver = ModbusDriver(TCP, [info], address, SystemClock())
        with pytest.raises(DeviceFault) as caught:
            await driver.read(info)
        await driver.close()
    return caught.value


def said(answer: Answer) -> tuple[list[int], list[float]]:
    """A whole answer's channels and values."""
    assert answer.missing == ()
    return answer.readings.channel.tolist(), answer.readings.value.tolist()


def words(function: int, *values: int) -> bytes:
    return struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values)


async def test_good_words_become_values() -> None:
    info = info_with(["uint16", "float32"], at=[7, 8])
    async with server(lambda f, a, n: words(f, 1234, 0x3FA0, 0)) as address:
        driver = ModbusDriver(TCP, [info], address, SystemClock())
        assert said(await driver.read(info)) == ([1, 2], [1234.0, 1.25])
        await driver.close()


@pytest.mark.parametrize(("code", "name"), EXCEPTION_NAMES.items())
async def test_a_refusal_is_named_with_what_was_asked(code: int, name: str) -> None:
    fault = await fault_of(lambda f, a, n: bytes([f | 0x80, code]))
    kinds = {
        4: Fault.DEVICE_FAILURE,
        5: Fault.BUSY,
        6: Fault.BUSY,
        7: Fault.DEVICE_FAILURE,
        8: Fault.DEVICE_FAILURE,
        10: Fault.GATEWAY,
        11: Fault.GATEWAY,
    }
    says = "says to" if code in kinds else "refuses"
    assert fault.fault is kinds.get(code, Fault.EXCEPTION)
    assert fault.detail == f"unit 1 {says} holding 7+1 (r0): {name} (exception {code})"


async def test_silence_is_a_time_out_of_the_devices_own_length() -> None:
    began = asyncio.get_running_loop().time()
    fault = await fault_of(lambda f, a, n: None, info_with(["uint16"], at=[7], timeout_s=0.2))
    assert fault.fault is Fault.TIMEOUT
    assert "unit 1 did not answer within 0.2 s" in fault.detail
    assert asyncio.get_running_loop().time() - began < 10


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (words(3), Fault.BAD_REPLY),
        (words(3, 1, 2), Fault.BAD_REPLY),
        (words(4, 1), Fault.WRONG_FUNCTION),
        (words(3, *range(100)), Fault.BAD_REPLY),
    ],
)
async def test_a_reply_to_another_question_is_no_value(reply: bytes, kind: Fault) -> None:
    assert (await fault_of(lambda f, a, n: reply)).fault is kind


async def test_another_units_reply_is_no_value() -> None:
    fault = await fault_of(lambda f, a, n: words(f, 1), info_with(["uint16"], at=[7], timeout_s=0.2), unit_shift=1)
    assert (fault.fault, fault.detail) == (Fault.OTHER_UNIT, "unit 1 was asked, unit 2 answered")


async def test_too_few_bits_are_no_value() -> None:
    info = info_with(["bit"] * 2, at=[0, 8], tables=[Table.COIL] * 2)
    assert (await fault_of(lambda f, a, n: bytes([f, 1, 0xFF]), info)).fault is Fault.BAD_REPLY


async def test_a_server_that_hangs_up_or_is_not_there_is_a_bus_that_is_down() -> None:
    assert (await fault_of(lambda f, a, n: "close")).fault is Fault.CLOSED
    info = info_with(["uint16"], at=[0])
    driver = ModbusDriver(TCP, [info], f"127.0.0.1:{free_port()}", SystemClock())
    with pytest.raises(DeviceFault, match=r"cannot open 127\.0\.0\.1:\d+: the connection was refused") as caught:
        await driver.read(info)
    assert caught.value.fault is Fault.REFUSED
    await driver.close()


async def test_a_connection_that_was_lost_is_made_again_by_the_next_read() -> None:
    script: list[bytes | str] = ["close", words(3, 5), words(3, 6)]
    info = info_with(["uint16"], at=[0])
    async with server(lambda f, a, n: script.pop(0)) as address:
        driver = ModbusDriver(TCP, [info], address, SystemClock())
        assert said(await driver.read(info)) == ([1], [5.0])
        assert said(await driver.read(info)) == ([1], [6.0])
        await driver.close()


async def test_a_serial_port_that_is_not_there_is_a_bus_that_is_down() -> None:
    info = device(1, [0], timeout_s=0.1)
    driver = ModbusDriver(bus(), [info], "/dev/does-not-exist", SystemClock())
    with pytest.raises(DeviceFault, match="there is no such port: is the adapter plugged in") as caught:
        await driver.read(info)
    assert caught.value.fault is Fault.NO_SUCH_PORT
    await driver.close()


async def test_silence_on_a_serial_line_is_a_time_out_and_the_neighbour_is_heard_next() -> None:
    dead, alive = device(1, [0], timeout_s=0.1), device(2, [0, 1], timeout_s=2.0)
    with RtuUnits(lambda unit: None if unit == 1 else 0.0) as units:
        driver = ModbusDriver(bus(), [dead, alive], units.path, SystemClock())
        with pytest.raises(DeviceFault) as caught:
            await driver.read(dead)
        assert caught.value.fault is Fault.TIMEOUT
        assert said(await driver.read(alive)) == ([2000, 2001], [says(2, 0), says(2, 1)])
        await driver.close()


async def test_what_a_device_refuses_is_missing_and_the_rest_is_read() -> None:
    info = info_with(["uint16"] * 3, at=[0, 100, 200])

    def reply(function: int, address: int, count: int) -> bytes:
        return bytes([function | 0x80, 2]) if address == 100 else words(function, address)

    async with server(reply) as address:
        driver = ModbusDriver(TCP, [info], address, SystemClock())
        answer = await driver.read(info)
        await driver.close()
    assert (answer.readings.channel.tolist(), answer.readings.value.tolist()) == ([1, 3], [0.0, 200.0])
    (missing,) = answer.missing
    assert (missing.channels, missing.fault.fault) == ((2,), Fault.EXCEPTION)
    assert missing.fault.detail == "unit 1 refuses holding 100+1 (r1): illegal data address (exception 2)"


@pytest.mark.parametrize(
    ("table", "at", "told"),
    [
        (Table.INPUT, 30300, ", and what a manual prints as 30300 is mostly address 299"),
        (Table.HOLDING, 40005, ", and what a manual prints as 40005 is mostly address 4"),
        (Table.HOLDING, 30300, ""),
        (Table.INPUT, 299, ""),
    ],
)
async def test_a_refused_number_as_manuals_print_them_is_told_with_its_address(
    table: Table, at: int, told: str
) -> None:
    info = info_with(["uint16"], at=[at], tables=[table])
    fault = await fault_of(lambda function, _address, _count: bytes([function | 0x80, 2]), info)
    assert fault.detail.endswith(f"illegal data address (exception 2){told}")


@pytest.mark.parametrize(("code", "asked"), [(2, [0, 100, 200]), (6, [0]), (11, [0])])
async def test_a_device_that_cannot_answer_at_all_is_not_asked_on(code: int, asked: list[int]) -> None:
    info = info_with(["uint16"] * 3, at=[0, 100, 200])
    seen: list[int] = []

    def reply(function: int, address: int, count: int) -> bytes:
        seen.append(address)
        return bytes([function | 0x80, code])

    kinds = {2: Fault.EXCEPTION, 6: Fault.BUSY, 11: Fault.GATEWAY}
    assert (await fault_of(reply, info)).fault is kinds[code]
    assert seen == asked


async def test_after_silence_the_rest_is_not_asked_and_what_came_before_counts() -> None:
    info = info_with(["uint16"] * 3, at=[0, 100, 200], timeout_s=0.3)
    seen: list[int] = []

    def reply(function: int, address: int, count: int) -> bytes | None:
        seen.append(address)
        return words(function, 7) if address == 0 else None

    async with server(reply) as address:
        driver = ModbusDriver(TCP, [info], address, SystemClock())
        answer = await driver.read(info)
        await driver.close()
    assert (seen, answer.readings.value.tolist()) == ([0, 100], [7.0])
    (missing,) = answer.missing
    assert (missing.channels, missing.fault.fault) == ((2, 3), Fault.TIMEOUT)


async def test_a_reading_has_the_time_of_its_reply_however_long_the_next_is_waited_for() -> None:
    """In a scenario that runs 60 times as fast, a reply that never comes takes a minute."""

    class Told(SystemClock):
        def now_ms(self) -> int:
            return told_ms

    told_ms, read_ms = 1_700_000_000_000, 1_700_000_000_000

    def answer(function: int, address: int, count: int) -> bytes | None:
        nonlocal told_ms
        if address == 7:
            return words(function, 1234)
        told_ms += 60_000
        return None

    info = info_with(["uint16", "uint16"], at=[7, 3000], timeout_s=0.1)
    async with server(answer) as address:
        driver = ModbusDriver(TCP, [info], address, Told())
        found = await driver.read(info)
        await driver.close()
    assert (found.readings.channel.tolist(), found.readings.time_ms.tolist()) == ([1], [read_ms])
    assert [m.channels for m in found.missing] == [(2,)]
