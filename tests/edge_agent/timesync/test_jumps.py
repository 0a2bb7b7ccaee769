"""The gateway's time is put right while readings are on their way through the agent."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.agent import Agent
from edge_agent.config import EdgeConfig, load_config
from edge_agent.drivers.base import Answer, DeviceFault, DeviceInfo, Fault, Heard
from edge_agent.spool.database import SpoolDatabase
from edge_agent.timesync.timekeeping import EARLIEST_MS
from tests.conftest import SMALL_DISTRICT
from tests.waiting import until_async

DAY_MS = 86_400_000
TRUE_MS = EARLIEST_MS + 500 * DAY_MS


@dataclass
class HandClock:
    """Moves by hand; its sleepers wake at once, when others have had their turn."""

    wall_ms: int
    mono_ms: int = 5_000

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.mono_ms

    def real_s(self, scenario_s: float) -> float:
        return scenario_s

    async def sleep(self, scenario_s: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def config(tmp_path: Path) -> EdgeConfig:
    shutil.copytree(SMALL_DISTRICT, tmp_path / "district")
    path = tmp_path / "edge.yaml"
    path.write_text("{gateway: gw-1, catalogue: district, data_dir: data, broker: {host: 127.0.0.1}}")
    return load_config(path)


def test_a_scenario_believes_no_clock_of_years_before_it(config: EdgeConfig) -> None:
    assert config.earliest_ms == EARLIEST_MS
    storm = config.file.model_copy(update={"clock": f"scaled:{TRUE_MS},60,0"})
    assert replace(config, file=storm).earliest_ms == TRUE_MS - 365 * DAY_MS


@pytest.mark.parametrize("wall_ms", [TRUE_MS - DAY_MS, TRUE_MS + DAY_MS, 4_000])
def test_readings_between_bus_and_spool_when_the_cloud_says_the_time(config: EdgeConfig, wall_ms: int) -> None:
    """They were stamped before, and are committed after, as if by the new clock."""
    replaced = replace(config, clock=HandClock(wall_ms), boot="b")
    agent = Agent(replaced, "1.0")
    keeper = agent._clock.keeper
    agent._gather(ReadingBatch.of([agent._clock.now_ms()], [101], [0.5]))
    keeper.take_answer(TRUE_MS, 4_999, 5_000)
    agent._gather(ReadingBatch.of([agent._clock.now_ms() + 1000], [101], [0.7]))
    agent._flush(quiet=True)
    agent._store.close()
    with closing(SpoolDatabase(replaced.spool_path, replaced.gateway.id, TRUE_MS)) as database:
        (row,) = database.waiting()
        readings = database.readings_of([row])
    assert readings.time_ms.tolist() == pytest.approx([TRUE_MS, TRUE_MS + 1000], abs=2)
    assert keeper.retimed(readings.time_ms, row.stamp) is None


class Speaking:
    """A driver whose devices speak by themselves, when the test says so; whoever is asked has been silent."""

    silent_periods = 3

    def __init__(self) -> None:
        self.heard: Heard | None = None

    async def open_driver(self, *_: object) -> Speaking:
        return self

    def describe(self, device: DeviceInfo) -> str:
        return ""

    async def read(self, device: DeviceInfo) -> Answer:
        raise DeviceFault(Fault.TIMEOUT, f"{device.device.id} is silent")

    async def listen(self, heard: Heard) -> None:
        self.heard = heard
        await asyncio.Event().wait()

    def line_faults(self) -> dict[str, int]:
        return {}

    def traffic(self) -> dict[str, int]:
        return {}

    async def close(self) -> None:
        self.heard = None


@pytest.mark.parametrize("jump_ms", [DAY_MS, -DAY_MS, 50 * 365 * DAY_MS])
async def test_a_node_is_not_silent_because_the_time_was_put_right(
    config: EdgeConfig, monkeypatch: pytest.MonkeyPatch, jump_ms: int
) -> None:
    driver = Speaking()
    monkeypatch.setattr("edge_agent.acquisition.bus.driver_module", lambda protocol: driver)
    bus = config.gateway.buses[0]
    clock = HandClock(TRUE_MS)
    gathered: list[ReadingBatch] = []
    devices = config.devices(bus.id)
    running = asyncio.create_task(BusTask(bus, devices, "", clock, gathered.append).run())
    await until_async(lambda: driver.heard is not None)
    assert driver.heard is not None
    for device in devices:
        driver.heard(device.device.id, ReadingBatch.of([TRUE_MS], [device.channels[0].id], [1.0]))
    clock.wall_ms += jump_ms
    for _ in range(5):
        clock.wall_ms += 1000
        clock.mono_ms += 1000
        for _ in range(3):
            await asyncio.sleep(0)
    assert len(gathered) == len(devices)
    clock.wall_ms += 3_600_000  # and an hour that did pass is silence
    clock.mono_ms += 3_600_000
    await until_async(lambda: len(gathered) == 2 * len(devices))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert all(np.isnan(missing.value).all() for missing in gathered[len(devices) :])
    assert {c for missing in gathered[len(devices) :] for c in missing.channel.tolist()} == {
        c.id for d in devices for c in d.channels
    }
