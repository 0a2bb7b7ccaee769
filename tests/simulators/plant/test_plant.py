"""The plant of a district whose instruments have settings of their own, share a unit, are asked at two periods."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from contract.clock import SystemClock
from edge_agent.config import load_config
from edge_agent.drivers.table import driver_module
from host.district_folder import load
from simulators.plant.plant import Plant
from tests.conftest import SMALL_DISTRICT

WATER = {"depth:u1": 1.25, "depth:s1": 0.5, "well": 3.0, "rain:r1": 12.4}
SERIAL = "kind: modbus_rtu\n        address: /dev/ttyS1"


class StillWater:
    """A simulation, and its signals, that stand still."""

    def __init__(self) -> None:
        self.pumps: dict[str, list[str]] = {}
        self.signals = {
            "u1-level": {"depth": "depth:u1"},
            "s1-level": {"depth": "depth:s1"},
            "u1-plc": {"wet_well": "well"},
            "r1-rain": {"rain_total": "rain:r1"},
        }

    def value(self, name: str) -> float:
        return WATER[name]


async def test_what_the_gateway_reads_is_the_water(tmp_path: Path) -> None:
    district = tmp_path / "district"
    shutil.copytree(SMALL_DISTRICT, district)
    gateways, rain = district / "gateways.yaml", district / "devices" / "rain.yaml"
    said = gateways.read_text().replace(SERIAL, "kind: modbus_tcp\n        address: 127.0.0.1:1")
    said = said.replace(
        "model: level, unit: 1}", "model: level, unit: 1, registers: {depth: {mounting_height_m: 5}}}", 1
    )
    said = said.replace("model: rain, unit: 2", "model: rain, unit: 1, shares_unit: true")
    said = said.replace("model: plc, unit: 1", "model: plc, unit: 1, registers: {p1_running: {period_s: 2}}")
    gateways.write_text(said)
    rain.write_text(rain.read_text().replace("address: 0", "address: 10"))
    config = tmp_path / "edge.yaml"
    config.write_text("gateway: gw-1\ncatalogue: district\ndata_dir: data\nbroker: {host: none}\n")
    water: Any = StillWater()
    clock = SystemClock()
    plant = Plant(load(district), water, water, clock)
    read: dict[str, dict[int, float]] = {}
    await plant.start()
    try:
        checked = load_config(config)
        for bus in checked.gateway.buses:
            devices = checked.devices(bus.id)
            driver = await driver_module(bus.protocol).open_driver(bus, devices, plant.addresses()[bus.id], clock)
            for device in devices:
                readings = (await driver.read(device)).readings
                read[device.device.id] = dict(zip(readings.channel.tolist(), readings.value.tolist(), strict=True))
            await driver.close()
    finally:
        await plant.stop()
    assert list(read) == ["u1-level", "r1-rain", "u1-plc", "u1-plc@2s"]
    assert abs(read["u1-level"][101] - 1.25) < 0.02
    assert round(read["r1-rain"][301] / 0.2, 6).is_integer()
    assert abs(read["u1-plc"][102] - 3.0) < 0.02
    assert read["u1-plc@2s"] == {103: 0.0}
    distance = next(r for d in plant.devices() if d.device == "u1-level" for r in d.registers)
    assert abs(distance["value"] - 1.25) < 0.02  # what its words, a distance of 3.75 m, mean there
