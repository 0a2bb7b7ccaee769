"""The protocol of docs/extending.md does what the page says: its files load or are refused, its devices are read."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from contract.catalogue.protocols import Protocols
from contract.clock import SystemClock
from contract.documents import ConfigError
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers import table
from edge_agent.drivers.base import DeviceInfo
from firmware_bridge.protocols import PROTOCOLS
from host import district_folder
from tests.conftest import SMALL_DISTRICT
from tests.docs.extending import blocks, run
from tests.waiting import until_async

DEVICE_FILE = """\
model: plc
description: Analogue inputs
protocol: dcon
period_s: 1
registers:
  - {name: wet_well, quantity: wet_well, input: 2, scale: 0.5}
  - {name: p1_running, quantity: pump_running, input: 0}
"""


@pytest.fixture(autouse=True)
def protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's two modules and two lines, in place."""
    for name, code in zip(
        ("firmware_bridge.dcon", "edge_agent.drivers.dcon"), blocks("A protocol", "python"), strict=True
    ):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        module.__dict__.update(run(code, name))
    added = (*PROTOCOLS.definitions, sys.modules["firmware_bridge.dcon"].DEFINITION)
    monkeypatch.setattr(district_folder, "PROTOCOLS", Protocols(added))
    monkeypatch.setitem(table.MODULES, "dcon", "edge_agent.drivers.dcon")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small district, with the page's protocol at its pump station."""
    made = tmp_path / "small"
    shutil.copytree(SMALL_DISTRICT, made)
    (made / "devices" / "plc.yaml").write_text(DEVICE_FILE)
    gateways = made / "gateways.yaml"
    gateways.write_text(gateways.read_text().replace("modbus_tcp", "dcon_tcp"))
    return made


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "devices/plc.yaml",
            "input: 2",
            "input: 8",
            "plc.yaml:6: registers.0.input: Input should be less than or equal",
        ),
        ("devices/plc.yaml", "input: 2", "address: 2", "plc.yaml:6: registers.0.address: there is no such setting"),
        (
            "gateways.yaml",
            "model: plc, unit: 1",
            "model: plc, unit: 256",
            "gateways.yaml:15: gateways.0.buses.1.devices",
        ),
        (
            "gateways.yaml",
            "dcon_tcp",
            "modbus_tcp",
            "gateways.yaml:15: model 'plc' speaks dcon, which does not run on bus",
        ),
    ],
)
def test_its_mistakes_are_refused_at_their_lines(folder: Path, file: str, old: str, new: str, said: str) -> None:
    (folder / file).write_text((folder / file).read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        district_folder.load(folder)
    assert said in str(caught.value)


async def test_its_devices_are_read(folder: Path) -> None:
    catalogue = district_folder.load(folder)
    (bus,) = (b for b in catalogue.gateways["gw-1"].buses if b.protocol == "dcon")
    channels = tuple(catalogue.channels[n] for n in (102, 103))
    info = DeviceInfo(bus.devices[0], catalogue.models["plc"], channels)
    assert table.driver_module("dcon").describe(info) == "input 2, input 0"
    holds = {b"#012\r": b">+2.500\r", b"#010\r": b">+1.000\r"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while question := await reader.read(5):
            writer.write(holds[question])
        writer.close()

    gathered: list[ReadingBatch] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    task = asyncio.create_task(BusTask(bus, [info], f"{host}:{port}", SystemClock(), gathered.append).run())
    await until_async(lambda: gathered)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    assert dict(zip(gathered[0].channel.tolist(), gathered[0].value.tolist(), strict=True)) == {102: 1.25, 103: 1.0}
