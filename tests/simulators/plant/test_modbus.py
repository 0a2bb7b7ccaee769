"""Whatever a device file says can be simulated: what a device is given comes out of the driver again."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from contract.catalogue.catalogue import ChannelInfo
from contract.clock import SystemClock
from contract.documents import validate
from edge_agent.drivers.base import DeviceInfo
from edge_agent.drivers.modbus import open_driver
from firmware_bridge.modbus import ModbusModel, ModbusTcpBus, TcpDevice
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.register_types import Table
from firmware_bridge.registers import value_of
from host.yaml_config import read_yaml
from simulators.plant.modbus import ModbusUnit, tcp_server, words_held
from tests.edge_agent.drivers.rtu import any_station

DEVICES = Path(__file__).parents[3] / "configs" / "devices"


def modbus_models() -> list[ModbusModel]:
    documents = [read_yaml(f) for f in sorted(DEVICES.glob("*.yaml"))]
    found = [validate(d, ModbusModel) for d in documents if d.data["protocol"] == "modbus"]
    return [m for m in found if m is not None]


def info_of(model: ModbusModel) -> DeviceInfo:
    device = TcpDevice(id="d", model=model.model, unit=3, timeout_s=2)
    channels = [
        ChannelInfo(n, r.name, any_station(), "gw", "b", device, model, r, r.quality, r.reporting)
        for n, r in enumerate(model.registers, 1)
    ]
    return DeviceInfo(device, model, tuple(channels))


async def read_by_driver(model: ModbusModel, values: dict[str, float]) -> dict[str, float]:
    """What the driver reads of a device that holds these values, by register name; NaN where there is no reading."""
    told: list[tuple[str, float]] = []
    unit = ModbusUnit(3, model, lambda: values, lambda register, value: told.append((register.name, value)))
    server = tcp_server([unit])
    await server.serve_forever(background=True)
    transport: Any = server.transport
    host, port = transport.sockets[0].getsockname()[:2]
    info = info_of(model)
    driver = await open_driver(ModbusTcpBus(id="b", address=f"{host}:{port}"), [info], f"{host}:{port}", SystemClock())
    try:
        answer = await driver.read(info)
    finally:
        await driver.close()
        await server.shutdown()
    assert answer.missing == ()
    names = {c.id: c.register.name for c in info.channels}
    read = {names[int(c)]: float(v) for c, v in zip(answer.readings.channel, answer.readings.value, strict=True)}
    for name, value in told:  # what the device says it gave is what was read
        assert value == read[name] or math.isnan(value)
    assert {name for name, _ in told} == set(read)
    return read


@pytest.mark.parametrize("model", modbus_models(), ids=lambda m: m.model)
async def test_a_shipped_device_can_be_simulated(model: ModbusModel) -> None:
    chance = random.Random(model.model)
    bits = {"pump_running", "pump_fault", "mains"}
    values = {
        r.name: float(chance.randrange(2)) if r.quantity.value in bits else round(chance.uniform(0, 3), 2)
        for r in model.registers
        if r.quantity.value != "code"  # 0, no error; or the word of which others are bits
    }
    read = await read_by_driver(model, values)
    for r in model.registers:
        if r.quantity.value != "code":
            assert read[r.name] == pytest.approx(values[r.name], abs=max(r.step, 0.006)), r.name


def made(*registers: dict[str, Any]) -> ModbusModel:
    head = {"model": "m", "description": "d", "protocol": "modbus", "period_s": 1}
    told = [{"quantity": "depth", **r} for r in registers]
    return ModbusModel.model_validate({**head, "registers": told})


async def test_values_that_depend_on_other_words() -> None:
    model = made(
        {"name": "depth", "type": "float32", "valid_if": [{"address": 2, "good": [0]}], "mounting_height_m": 3.5},
        {"name": "code", "address": 2, "quantity": "code", "decimals": 0},
        {"name": "hours", "quantity": "run_hours", "parts": [{"address": 10, "weight": 10000}, {"address": 11}]},
        {
            "name": "running",
            "quantity": "pump_running",
            "address": 12,
            "mask": 0x0300,
            "shift": 8,
            "values": {1: 0, 2: 1},
        },
        {"name": "fault", "quantity": "pump_fault", "address": 12, "bit": 0},
        {"name": "scaled", "address": 20, "type": "int16", "scale_from": {"address": 21, "factors": {3: 0.01}}},
        {
            "name": "by_input",
            "address": 5,
            "table": "input",
            "valid_if": [{"table": "discrete", "address": 7, "bad": [1]}],
        },
    )
    values = {
        "depth": 1.25,
        "code": 0.0,
        "hours": 123456.0,
        "running": 1.0,
        "fault": 1.0,
        "scaled": 2.5,
        "by_input": 9.0,
    }
    assert await read_by_driver(model, values) == values
    broken = await read_by_driver(model, {**values, "code": 13.0})
    assert math.isnan(broken["depth"])
    assert broken["code"] == 13.0


def test_bits_of_one_word_stand_beside_one_another() -> None:
    model = made(
        {"name": "a", "address": 1, "bit": 0},
        {"name": "whole", "address": 1},
        {"name": "b", "address": 1, "bit": 15},
        {"name": "low", "address": 2, "type": "uint8"},
        {"name": "high", "address": 2, "type": "uint8", "half": "high"},
    )
    words = words_held(model.registers, {"a": 1, "b": 1, "low": 7, "high": 9})
    assert words == {(Table.HOLDING, 1): 0x8001, (Table.HOLDING, 2): 0x0907}
    assert [value_of(r, words) for r in model.registers if isinstance(r, ModbusRegister)] == [1, 0x8001, 1, 7, 9]
