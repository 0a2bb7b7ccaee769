"""One body of tests for every driver: whatever the protocol, a bus, two devices, and what comes of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from contract.clock import ScaledClock, SystemClock
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.drivers.base import DeviceFault, Driver, Fault
from edge_agent.drivers.table import MODULES, driver_module
from firmware_bridge.protocols import PROTOCOLS
from tests.edge_agent.drivers.benches import BENCHES, UNITS, Bench
from tests.waiting import LONG_S, until_async

NOW_MS = 1_783_000_000_500
AT_MS = 1_783_000_000_000


@pytest.fixture(params=sorted(PROTOCOLS.bus_models))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return BENCHES[request.param](str(tmp_path / "port"))


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    await bench.start()
    try:
        yield bench
    finally:
        await bench.stop()


class Ear:
    """The driver of a bench, with what it has heard of each device; a clock that stands still."""

    def __init__(self, bench: Bench, driver: Driver) -> None:
        self.bench, self.driver = bench, driver
        self.heard: dict[str, list[ReadingBatch]] = {d.device.id: [] for d in bench.devices}

    async def next(self, n: int) -> ReadingBatch:
        """The next readings of device n: asked for, or spoken by itself."""
        info = self.bench.devices[n]
        if self.driver.silent_periods == 0:
            answer = await self.driver.read(info)
            assert answer.missing == ()
            return answer.readings
        heard = self.heard[info.device.id]
        before = len(heard)
        await self._until_said(n, lambda: len(heard) > before)
        return heard[before]

    async def _until_said(self, n: int, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG_S):
            while not done():  # a frame that comes before the port is open is thrown away: it speaks again
                self.bench.speak(n)
                for _ in range(10):
                    if not done():
                        await asyncio.sleep(0.01)


async def open_driver(bench: Bench) -> Driver:
    clock = ScaledClock(NOW_MS, 1e-12, NOW_MS)
    return await driver_module(bench.bus.protocol).open_driver(bench.bus, bench.devices, bench.address, clock)


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Ear]:
    driver = await open_driver(bench)
    ear = Ear(bench, driver)
    task = asyncio.create_task(driver.listen(lambda device, said: ear.heard[device].append(said)))
    try:
        yield ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, DeviceFault):
            await task
        await driver.close()


def test_every_protocol_has_a_driver_and_every_kind_of_bus_a_bench() -> None:
    assert set(MODULES) == set(PROTOCOLS.by_name)
    assert set(BENCHES) == set(PROTOCOLS.bus_models)


async def test_a_device_gives_a_reading_for_each_of_its_channels(bench: Bench) -> None:
    async with running(bench), listening(bench) as ear:
        for n in range(len(UNITS)):
            said = await ear.next(n)
            assert dict(zip(said.channel.tolist(), said.value.tolist(), strict=True)) == bench.expected(n)
            assert len(said) == len(bench.expected(n))


async def test_readings_have_a_time_in_whole_seconds(bench: Bench) -> None:
    async with running(bench), listening(bench) as ear:
        assert set((await ear.next(0)).time_ms.tolist()) == {AT_MS}


async def test_readings_are_the_devices_own_in_whatever_order(bench: Bench) -> None:
    async with running(bench), listening(bench) as ear:
        for n in (0, 1, 1, 0, 1, 0, 0, 1):
            said = await ear.next(n)
            assert dict(zip(said.channel.tolist(), said.value.tolist(), strict=True)) == bench.expected(n)


async def test_who_is_silent_is_a_time_out_and_the_neighbour_is_heard(bench: Bench) -> None:
    async with running(bench), listening(bench) as ear:
        bench.kill(0)
        for _ in range(2):
            with pytest.raises(DeviceFault, match=f"{UNITS[0]}") as caught:
                await ear.driver.read(bench.devices[0])
            assert caught.value.fault is Fault.TIMEOUT
        assert len(await ear.next(1)) == len(bench.expected(1))


async def test_opening_touches_no_port_and_closing_is_always_right(bench: Bench) -> None:
    driver = await open_driver(bench)
    assert dict(driver.line_faults()) == {}
    assert driver.silent_periods >= 0
    await driver.close()


async def _fault_of(call: Awaitable[object]) -> DeviceFault:
    with pytest.raises(DeviceFault) as caught:
        async with asyncio.timeout(LONG_S):
            await call
    return caught.value


async def test_a_port_that_is_gone_is_a_bus_that_is_down_until_it_is_back(bench: Bench) -> None:
    async with running(bench):
        pass
    driver = await open_driver(bench)
    asked = driver.silent_periods == 0
    fault = await _fault_of(driver.read(bench.devices[0]) if asked else driver.listen(lambda *_: None))
    assert (fault.fault.of_bus, f"cannot open {bench.address}" in fault.detail) == (True, True)
    async with running(bench):
        ear = Ear(bench, driver)
        task = asyncio.create_task(driver.listen(lambda device, said: ear.heard[device].append(said)))
        assert len(await ear.next(0)) == len(bench.expected(0))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await driver.close()


async def test_check_says_what_will_be_asked(bench: Bench) -> None:
    said = driver_module(bench.bus.protocol).describe(bench.devices[0])
    assert said == ("holding 0+2, holding 40+1" if bench.bus.protocol == "modbus" else "")


async def test_a_bus_gathers_from_all_and_misses_who_is_silent(bench: Bench) -> None:
    """Run as the agent runs it: values of the one, missing readings of the other."""
    bench.kill(1)
    gathered: dict[int, list[float]] = {}

    def gather(said: ReadingBatch) -> None:
        for channel, value in zip(said.channel.tolist(), said.value.tolist(), strict=True):
            gathered.setdefault(channel, []).append(value)

    async with running(bench):
        clock = SystemClock()
        task = BusTask(bench.bus, bench.devices, bench.address, clock, gather)
        run = asyncio.create_task(task.run())
        speaking = asyncio.create_task(_speak_often(bench))
        await until_async(lambda: len(gathered.get(UNITS[0] * 10, [])) > 2 and UNITS[1] * 10 in gathered)
        status = task.status()
        run.cancel()
        speaking.cancel()
        await asyncio.gather(run, speaking, return_exceptions=True)
    for channel, value in bench.expected(0).items():
        assert set(gathered[channel]) == {value}
    for channel in bench.expected(1):
        assert all(math.isnan(v) for v in gathered[channel])
    good, silent = status["devices"]
    assert good["last_good_ms"] is not None
    assert (silent["state"], set(silent["faults"])) == ("never", {"timeout"})
    assert (status["kind"], status["restarts"]) == (bench.kind, 0)


async def _speak_often(bench: Bench) -> None:
    while True:
        for n in range(len(UNITS)):
            bench.speak(n)
        await asyncio.sleep(0.2)
