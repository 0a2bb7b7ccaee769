"""A shared serial bus: a dead unit must not cost its neighbours their cadence, a late reply must not lie."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from contract.clock import SystemClock
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import DeviceFault
from edge_agent.drivers.modbus import ModbusDriver
from tests.edge_agent.drivers.rtu import RtuUnits, bus, device, says

DEAD = 5
PERIOD_S = 1.0


async def test_a_dead_unit_of_eight_costs_the_others_at_most_a_period():
    heard: dict[int, list[float]] = defaultdict(list)
    loop = asyncio.get_running_loop()

    def gather(readings: ReadingBatch) -> None:
        for channel, value in zip(readings.channel.tolist(), readings.value.tolist(), strict=True):
            if value == value:
                assert int(value) == says(channel // 1000, channel % 1000)
                heard[channel // 1000].append(loop.time())

    devices = [device(u, [0, 1, 2], timeout_s=0.3, period_s=PERIOD_S) for u in range(1, 9)]
    with RtuUnits(lambda unit: None if unit == DEAD else 0.01) as units:
        task = asyncio.create_task(BusTask(bus(), devices, units.path, SystemClock(), gather).run())
        await asyncio.sleep(15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert set(heard) == set(range(1, 9)) - {DEAD}
    for unit, times in heard.items():
        gaps = [b - a for a, b in zip(times[::3], times[3::3], strict=False)]
        assert len(gaps) > 10
        assert max(gaps) <= 2 * PERIOD_S, (unit, max(gaps))


async def late_by_turns(seed: int, reads: int, timeout_s: float) -> tuple[int, int, int]:
    """Reads one bus. One reply in sixty is late; the others take up to 4 ms. The late replies, the reads that failed
    all the same (most are asked again within their poll), and the good."""
    chance = random.Random(seed)
    late = 0

    def delay(_unit: int) -> float:
        # It comes 1.5 time-outs after its own, or when the line has rested and the next question is open.
        nonlocal late
        times = chance.choice([2.5, 3.02, 3.4])
        if chance.random() >= 1 / 60:
            return chance.uniform(0, 0.004)
        late += 1
        return times * timeout_s

    # Each register is a device to the driver, so that every read asks another address of another unit.
    asked = [
        device(unit, [address], timeout_s=timeout_s, name=f"{unit}-{address}")
        for unit in (1, 2, 3)
        for address in range(0, 40, 4)
    ]
    failed = good = 0
    with RtuUnits(delay) as units:
        driver = ModbusDriver(bus(), asked, units.path, SystemClock())
        for _ in range(reads):
            info = chance.choice(asked)
            try:
                answer = await driver.read(info)
            except DeviceFault:
                failed += 1
                continue
            good += 1
            assert answer.readings.channel.tolist() == [info.channels[0].id]
            assert answer.readings.value.tolist() == [says(info.device.unit, info.model.registers[0].address)]
        await driver.close()
    return late, failed, good


@pytest.mark.slow
@pytest.mark.undisturbed
@pytest.mark.timeout(400)
async def test_a_late_reply_is_never_another_registers_value():
    # Ten buses at once, since a miss is mostly waiting; a time-out long beside what a busy machine adds to a delay.
    buses, reads = 10, 1_000
    found = await asyncio.gather(*(late_by_turns(seed, reads, timeout_s=0.15) for seed in range(buses)))
    late, failed, good = (sum(n) for n in zip(*found, strict=True))
    assert failed + good == buses * reads == 10_000
    assert late > 10_000 / 100  # enough of them came late for the test to mean something
    assert good > 10_000 * 0.9
