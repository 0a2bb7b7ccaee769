"""Masters and servers that we did not write: mbpoll reads the plant; the agent's driver reads libmodbus."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import command, free_port, require, wait_for_port

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def plant() -> Iterator[list[dict]]:
    with command("simulators.cli", "plant") as offered:
        yield offered["devices"]


def mbpoll(arguments: list[str]) -> dict[int, str]:
    done = subprocess.run([require("mbpoll"), "-o", "10", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return {int(a): v for a, v in re.findall(r"^\[(\d+)\]:\s+(\S+)", done.stdout, re.M)}


def where(device: dict) -> list[str]:
    if device["kind"] == "modbus_tcp":
        host, _, port = device["address"].rpartition(":")
        return ["-m", "tcp", "-p", port, host]
    return ["-m", "rtu", "-b", "9600", "-P", "none", device["address"]]


def test_mbpoll_reads_what_the_plant_says_it_holds(plant):
    modbus = [d for d in plant if d["kind"] != "node_serial"]
    assert {d["kind"] for d in modbus} == {"modbus_tcp", "modbus_rtu"}
    steady = bits = 0
    for device in modbus:
        for row in device["registers"]:
            if row["table"] in ("coil", "discrete"):
                kind = {"coil": "0", "discrete": "1"}[row["table"]]
                ask = ["-a", str(device["unit"]), "-t", kind, "-0", "-r", str(row["address"])]
                read = mbpoll([*ask, "-1", "-q", *where(device)])
                assert [int(read[row["address"]])] == row["words"], (device["device"], row["name"])
                bits += 1
                continue
            kind = {"holding": "4:hex", "input": "3:hex"}[row["table"]]
            ask = ["-a", str(device["unit"]), "-t", kind, "-0", "-r", str(row["address"]), "-c", str(len(row["words"]))]
            read = mbpoll([*ask, "-1", "-q", *where(device)])
            words = [int(read[row["address"] + i], 16) for i in range(len(row["words"]))]
            if row["quantity"] in ("rain_total", "run_hours", "starts", "code"):
                assert words == row["words"], (device["device"], row["name"])
                steady += 1
            else:  # a level has noise: read it back by the same table, and it must be near
                assert near(words, row), (device["device"], row["name"], words, row)
    assert steady > 10
    assert bits >= 15


def near(words: list[int], row: dict) -> bool:
    """Words beside the register's own, such as an error code, are taken for 0."""
    from firmware_bridge.registers import decode, width
    from host.district_folder import load
    from simulators.cli.main import DISTRICT

    for model in load(DISTRICT).models.values():
        for register in model.registers:
            place = (register.name, getattr(register, "address", None), str(getattr(register, "type", "")))
            if place == (row["name"], row["address"], row["type"]):
                beside = [0] * (width(register) - len(words))
                value = decode(register, [*row["words"], *beside])
                if value == row["value"]:
                    return abs(decode(register, [*words, *beside]) - value) < 0.05
    return False


LIBMODBUS_SERVER = r"""
#include <errno.h>
#include <modbus.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_mapping_t *map = modbus_mapping_new(32, 32, 64, 64);
    for (int i = 0; i < 64; i++) { map->tab_registers[i] = 1000 + i; map->tab_input_registers[i] = 2000 + i; }
    map->tab_registers[0] = 0x3FA0; map->tab_registers[1] = 0x0000; /* 1.25f, high word first */
    map->tab_input_bits[4] = 1;
    for (int i = 0; i < 32; i++) map->tab_bits[i] = i % 3 == 0; /* coils: every third is on */
    int s = modbus_tcp_listen(ctx, 1);
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        modbus_tcp_accept(ctx, &s);
        for (;;) {
            int n = modbus_receive(ctx, query);
            if (n == -1) break;
            modbus_reply(ctx, query, n, map);
        }
        modbus_close(ctx);
    }
    return argc;
}
"""


@contextmanager
def libmodbus(tmp_path: Path) -> Iterator[str]:
    source, program, port = tmp_path / "server.c", tmp_path / "server", free_port()
    source.write_text(LIBMODBUS_SERVER)
    flags = subprocess.run(
        [require("pkg-config"), "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=True
    ).stdout.split()
    subprocess.run([require("gcc"), str(source), "-o", str(program), *flags], check=True)
    process = subprocess.Popen([str(program), str(port)])
    try:
        wait_for_port(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_the_agents_driver_reads_coils_of_a_libmodbus_server(tmp_path: Path):
    from contract.clock import SystemClock
    from edge_agent.drivers.modbus import ModbusDriver
    from firmware_bridge.modbus import ModbusTcpBus
    from firmware_bridge.register_types import Table
    from tests.edge_agent.drivers.registers import info_with

    at = [0, 1, 3, 17, 31]
    info = info_with(["bit"] * 5, at=at, tables=[Table.COIL] * 5, max_gap=20)
    with libmodbus(tmp_path) as address:
        driver = ModbusDriver(ModbusTcpBus(id="tcp", address=""), [info], address, SystemClock())
        read = (await driver.read(info)).readings
        await driver.close()
    assert dict(zip(read.channel.tolist(), read.value.tolist(), strict=True)) == {
        n: float(a % 3 == 0) for n, a in enumerate(at, 1)
    }


async def test_the_agents_driver_reads_a_libmodbus_server(tmp_path: Path):
    from contract.clock import SystemClock
    from edge_agent.drivers.base import DeviceInfo
    from edge_agent.drivers.modbus import ModbusDriver
    from host.district_folder import load
    from simulators.cli.main import DISTRICT

    with libmodbus(tmp_path) as address:
        catalogue = load(DISTRICT)
        gateway = next(g for g in catalogue.gateways.values() if any(b.kind == "modbus_tcp" for b in g.buses))
        bus = next(b for b in gateway.buses if b.kind == "modbus_tcp")
        device = bus.devices[0].model_copy(update={"timeout_s": 20.0})
        feeds = tuple(c for c in catalogue.channels_by_gateway[gateway.id] if c.device.id == device.id)
        info = DeviceInfo(device, catalogue.models[device.model], feeds)
        driver = ModbusDriver(bus, [info], address, SystemClock())
        read = (await driver.read(info)).readings
        await driver.close()
    names = [catalogue.channels[c].register.name for c in read.channel.tolist()]
    by_name = dict(zip(names, read.value.tolist(), strict=True))
    assert by_name["wet_well"] == 1.25
    assert by_name["p1_hours"] == pytest.approx(((1010 << 16) + 1011) * 0.1)
    assert (by_name["mains"], by_name["p1_running"]) == (1.0, 0.0)
