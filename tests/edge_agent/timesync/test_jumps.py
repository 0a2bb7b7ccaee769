"""The gateway's time is put right while readings are on their way through the agent."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_agent.acquisition.bus import BusTask
from edge_agent.agent import Agent
from edge_agent.config import EdgeConfig, load_config
from edge_agent.spool.database import SpoolDatabase
from edge_agent.timesync.timekeeping import EARLIEST_MS
from tests.conftest import SMALL_DISTRICT

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
    agent = Agent(replaced)
    keeper = agent._clock.keeper
    agent._gather(agent._clock.now_ms(), 101, 0.5)
    keeper.take_answer(TRUE_MS, 4_999, 5_000)
    agent._gather(agent._clock.now_ms() + 1000, 101, 0.7)
    agent._flush(quiet=True)
    agent._store.close()
    with closing(SpoolDatabase(replaced.spool_path, replaced.gateway.id, TRUE_MS)) as database:
        (row,) = database.waiting()
        readings = database.readings_of([row])
    assert readings.time_ms.tolist() == pytest.approx([TRUE_MS, TRUE_MS + 1000], abs=2)
    assert keeper.retimed(readings.time_ms, row.stamp) is None


@pytest.mark.parametrize("jump_ms", [DAY_MS, -DAY_MS, 50 * 365 * DAY_MS])
async def test_a_node_is_not_silent_because_the_time_was_put_right(config: EdgeConfig, jump_ms: int) -> None:
    bus = config.gateway.buses[0]
    clock = HandClock(TRUE_MS)
    gathered: list[tuple[int, int, float]] = []
    task = BusTask(bus, config.devices(bus.id), "", clock, lambda *reading: gathered.append(reading))
    watching = asyncio.create_task(task._watch())
    await asyncio.sleep(0)
    channels = [c.id for d in config.devices(bus.id) for c in d.channels]
    for channel in channels:
        task._heard(TRUE_MS, channel, 1.0)
    clock.wall_ms += jump_ms
    for _ in range(5):
        clock.wall_ms += 1000
        clock.mono_ms += 1000
        await asyncio.sleep(0)
    assert len(gathered) == len(channels)
    clock.wall_ms += 3_600_000  # and an hour that did pass is silence
    clock.mono_ms += 3_600_000
    for _ in range(3):
        await asyncio.sleep(0)
    watching.cancel()
    assert len(gathered) > len(channels)
