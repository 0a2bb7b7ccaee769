"""Replies that come late, by the quarter, in played time: none is ever another register's value."""

from __future__ import annotations

import random

import pytest

from edge_agent.drivers.base import DeviceFault
from edge_agent.drivers.modbus import ModbusDriver
from firmware_bridge.protocols import PROTOCOLS
from tests.edge_agent.drivers.rtu import device, says
from tests.edge_agent.drivers.rude import Rude, RudePort
from tests.played import PlayedClock, play

TIMEOUT_S = 0.15


async def reads(kind: str, seed: int, number: int, chance_late: float) -> int:
    """Reads one bus, each time another address of another unit; how many gave their value."""
    chance = random.Random(seed)

    def delay_s(_unit: int) -> float:
        late = chance.choice([1.2, 2.5, 3.02, 3.4, 5.0])
        return late * TIMEOUT_S if chance.random() < chance_late else chance.uniform(0, 0.004)

    asked = [
        device(unit, [address], timeout_s=TIMEOUT_S, name=f"{unit}-{address}")
        for unit in (1, 2, 3)
        for address in range(0, 40, 4)
    ]
    bus = PROTOCOLS.bus_models[kind].model_validate({"id": "b", "address": "", "kind": kind})
    driver = ModbusDriver(bus, asked, "x:1", PlayedClock(), RudePort(Rude(kind, delay_s=delay_s)))
    good = 0
    for _ in range(number):
        info = chance.choice(asked)
        try:
            answer = await driver.read(info)
        except DeviceFault:
            continue
        good += 1
        register = info.channels[0].register.address
        assert answer.readings.value.tolist() == [says(info.device.unit, register)], seed
    return good


@pytest.mark.parametrize("kind", ["modbus_rtu", "modbus_ascii", "modbus_rtu_over_tcp"])
@pytest.mark.parametrize(("chance_late", "least"), [(1 / 60, 0.95), (1 / 4, 0.4)])
def test_ten_thousand_reads_with_random_delays(kind: str, chance_late: float, least: float) -> None:
    assert sum(play(reads(kind, seed, 1000, chance_late)) for seed in range(10)) > 10_000 * least
