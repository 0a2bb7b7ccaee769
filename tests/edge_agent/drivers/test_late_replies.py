"""RTU: a reply that comes after the line's rest, when the next question may be open, is never another register's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from contract.clock import SystemClock
from edge_agent.drivers.base import DeviceFault, Fault
from edge_agent.drivers.modbus import ModbusDriver
from tests.edge_agent.drivers.rtu import RtuUnits, bus, device, says

# The time-out, s: long beside what a busy machine adds. A reply is missed after T, and the line rests until 3 T.
T = 0.2


async def read_all(delays: list[float], *, neighbour: float = 0.0) -> tuple[list[str], int]:
    """Reads registers 0 and 40 of unit 1 (two questions of one length) by turns. The faults met, the values read."""
    script: Iterator[float] = iter(delays)
    first, other = (device(1, [a], timeout_s=T, name=f"d{a}") for a in (0, 40))
    third = device(2, [0], timeout_s=T)
    faults, good = [], 0
    with RtuUnits(lambda unit: next(script, 0.0) * T if unit == 1 else neighbour * T) as units:
        driver = ModbusDriver(bus(), [first, other, third], units.path, SystemClock())
        for info in [first, other, third] * 4:
            try:
                answer = await driver.read(info)
            except DeviceFault as fault:
                faults.append(fault.fault.value)
                continue
            assert answer.readings.value.tolist() == [says(info.device.unit, info.model.registers[0].address)]
            assert answer.readings.channel.tolist() == [info.channels[0].id]
            good += 1
        await driver.close()
    return faults, good


@pytest.mark.parametrize("late", [1.5, 2.9, 3.1, 3.4, 3.8])
@pytest.mark.parametrize("usual", [0.0, 0.3, 0.6])
async def test_one_late_reply(late: float, usual: float) -> None:
    faults, good = await read_all([late, *[usual] * 40], neighbour=usual)
    assert faults[0] == Fault.TIMEOUT
    assert good >= 9


async def test_a_unit_that_answers_everything_late_is_never_believed_wrongly() -> None:
    faults, _ = await read_all([3.4] * 60)
    assert Fault.TIMEOUT in faults


async def test_a_unit_is_not_doubted_for_ever() -> None:
    """While it may owe a reply to another question of one form, two equal replies are wanted; for six time-outs."""
    lost, other = (device(1, [a], timeout_s=T, name=f"d{a}") for a in (0, 40))
    script = iter([0.0, 0.0, None])
    asked: list[int] = []

    def delay(unit: int) -> float | None:
        asked.append(unit)
        return next(script, 0.0)

    with RtuUnits(delay) as units:
        driver = ModbusDriver(bus(), [lost, other], units.path, SystemClock())
        for _ in range(2):
            await driver.read(lost)
        with pytest.raises(DeviceFault):
            await driver.read(lost)
        await driver.read(lost)  # whichever of the two it answers: it is the same question
        assert len(asked) == 2 + 2
        await driver.read(other)
        assert len(asked) == 2 + 2 + 2
        await asyncio.sleep(6 * T)
        await driver.read(other)
        assert len(asked) == 2 + 2 + 2 + 1
        await driver.close()
