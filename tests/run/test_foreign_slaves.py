"""Slaves on a serial line that share no line of code with us: one written from the specification alone
(`tests/peers/rtu_slave.py`), and libmodbus'. Asked by the agent's driver, and by mbpoll."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.clock import SystemClock
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault
from edge_agent.drivers.modbus import ModbusDriver
from firmware_bridge.modbus import ModbusSerialBus
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.register_types import Table
from simulators.plant.line import SerialLine
from tests.edge_agent.drivers.registers import info_with
from tests.servers import require
from tests.waiting import LONG_S

SLAVE = Path(__file__).parents[1] / "peers" / "rtu_slave.py"
TABLES = [Table.HOLDING] * 3 + [Table.INPUT] * 2 + [Table.COIL] * 3 + [Table.DISCRETE] * 3
AT = [0, 1, 63, 2, 7, 0, 1, 33, 5, 9, 60]
VALUES = [1000, 1001, 1063, 2002, 2007, 1, 0, 1, 1, 0, 1]


@contextmanager
def slave(*arguments: str) -> Iterator[str]:
    """The path of its port."""
    process = subprocess.Popen([sys.executable, str(SLAVE), *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def everything(**settings: int) -> DeviceInfo:
    kinds = ["bit" if t.of_bits else "uint16" for t in TABLES]
    return info_with(kinds, at=AT, tables=TABLES, timeout_s=2.0, **settings)


async def polls(info: DeviceInfo, path: str, kind: str = "modbus_rtu", times: int = 1) -> list[Answer]:
    bus = PROTOCOLS.bus_models[kind].model_validate({"id": "b", "kind": kind, "address": path, "baud_rate": 9600})
    assert isinstance(bus, ModbusSerialBus)
    driver = ModbusDriver(bus, [info], path, SystemClock())
    try:
        return [await driver.read(info) for _ in range(times)]
    finally:
        await driver.close()


def values(answer: Answer) -> dict[int, float]:
    return dict(sorted(zip(answer.readings.channel.tolist(), answer.readings.value.tolist(), strict=True)))


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_ascii"])
async def test_every_table_of_a_slave_written_from_the_specification(kind: str) -> None:
    with slave(*(["--ascii"] if kind == "modbus_ascii" else [])) as path:
        for answer in await polls(everything(), path, kind, times=3):
            assert answer.missing == ()
            assert list(values(answer).values()) == VALUES


async def test_what_it_refuses_is_named_and_a_hole_is_found() -> None:
    info = info_with(["uint16"] * 4, at=[0, 5, 7, 64], timeout_s=2.0)
    with slave("--hole", "6") as path:
        first, second = await polls(info, path, times=2)
    for answer in (first, second):
        assert values(answer) == {1: 1000.0, 2: 1005.0, 3: 1007.0}
        (missing,) = answer.missing
        assert missing.fault.detail == "unit 1 refuses holding 64+1 (r3): illegal data address (exception 2)"
    assert len(second.asked) == 3  # the hole is remembered


async def test_one_that_is_mute_where_it_has_nothing() -> None:
    info = info_with(["uint16"] * 3, at=[0, 5, 20], timeout_s=0.5)
    with slave("--hole", "3", "--mute") as path:
        bus = PROTOCOLS.bus_models["modbus_rtu"].model_validate({"id": "b", "kind": "modbus_rtu", "address": path})
        driver = ModbusDriver(bus, [info], path, SystemClock())
        found: dict[int, float] = {}
        async with asyncio.timeout(LONG_S):
            while len(found) < 3:
                try:
                    answer = await driver.read(info)
                except DeviceFault as fault:
                    assert fault.fault is Fault.TIMEOUT
                else:
                    found = values(answer)
        await driver.close()
    assert found == {1: 1000.0, 2: 1005.0, 3: 1020.0}


@pytest.mark.parametrize("noise", ["00", "ff", "55", "7f", "010302"])
async def test_noise_before_its_replies(noise: str) -> None:
    with slave("--noise", noise) as path:
        assert list(values((await polls(everything(), path))[0]).values()) == VALUES


async def test_only_its_unit_is_answered() -> None:
    info = info_with(["uint16"], at=[0], timeout_s=0.3)
    with slave("--unit", "2") as path:
        with pytest.raises(DeviceFault) as caught:
            await polls(info, path)
        assert caught.value.fault is Fault.TIMEOUT
        assert values((await polls(info_with(["uint16"], at=[0], unit=2), path))[0]) == {1: 1000.0}


@pytest.mark.servers
def test_mbpoll_reads_the_same_of_it() -> None:
    with slave() as path:
        for kind, table in (("4", Table.HOLDING), ("3", Table.INPUT), ("0", Table.COIL), ("1", Table.DISCRETE)):
            for at, value in [(a, v) for a, v, t in zip(AT, VALUES, TABLES, strict=True) if t is table]:
                line = ["-m", "rtu", "-b", "9600", "-P", "none", "-a", "1", "-0", "-1", "-q", "-o", "10"]
                said = subprocess.run(
                    [require("mbpoll"), *line, "-t", kind, "-r", str(at), path],
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                assert said.returncode == 0, said.stdout + said.stderr
                assert re.findall(r"^\[(\d+)\]:\s+(\S+)", said.stdout, re.M) == [(str(at), str(value))]


LIBMODBUS_SLAVE = r"""
#include <modbus.h>
#include <stdio.h>
int main(int argc, char **argv) {
    modbus_t *ctx = modbus_new_rtu(argv[1], 9600, 'N', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(64, 64, 64, 64);
    for (int i = 0; i < 64; i++) {
        map->tab_registers[i] = 1000 + i; map->tab_input_registers[i] = 2000 + i;
        map->tab_bits[i] = i % 3 == 0; map->tab_input_bits[i] = i % 5 == 0;
    }
    modbus_set_slave(ctx, 1);
    if (modbus_connect(ctx) == -1) return 1;
    puts("ready"); fflush(stdout);
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    for (;;) {
        int n = modbus_receive(ctx, query);
        if (n > 0) modbus_reply(ctx, query, n, map);
    }
    return argc;
}
"""


@pytest.mark.servers
async def test_every_table_of_a_libmodbus_slave(tmp_path: Path) -> None:
    source, program = tmp_path / "slave.c", tmp_path / "slave"
    source.write_text(LIBMODBUS_SLAVE)
    asked = [require("pkg-config"), "--cflags", "--libs", "libmodbus"]
    flags = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run([require("gcc"), str(source), "-o", str(program), *flags], check=True)
    line = SerialLine(9600, "peer")
    line.start()
    process = subprocess.Popen([str(program), line.device_path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for answer in await polls(everything(), line.master_path, times=3):
            assert answer.missing == ()
            assert list(values(answer).values()) == VALUES
        (refused,) = (await polls(info_with(["uint16"] * 2, at=[0, 64]), line.master_path))[0].missing
        assert refused.fault.detail == "unit 1 refuses holding 64+1 (r1): illegal data address (exception 2)"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        line.stop()
