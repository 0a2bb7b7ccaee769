"""What the agent tells the service manager, and what it holds back when a bus hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from contract.clock import SystemClock
from edge_agent.acquisition import bus as bus_module
from edge_agent.acquisition.bus import BusTask
from simulators.cli.main import DISTRICT
from tests.edge_agent.drivers.rtu import bus, device
from tests.service_manager import listening, service_of
from tests.waiting import until_async


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with listening(tmp_path, timeout_s=60) as s:
        yield s


def test_an_agent_says_that_it_is_ready_that_it_lives_and_that_it_stops(manager, tmp_path):
    broker = {"host": "127.0.0.1", "port": 9}
    config = {"gateway": "gw-north", "catalogue": str(DISTRICT), "data_dir": "data", "broker": broker}
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "edge_agent.cli", "run", str(tmp_path / "agent.yaml")]
    env = {**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as agent:
        try:
            assert [manager.recv(100) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3
            agent.send_signal(signal.SIGTERM)
            while (said := manager.recv(100)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1"
            assert agent.wait(60) == 0
        finally:
            agent.kill()


async def test_a_read_that_does_not_come_back_is_told(monkeypatch):
    monkeypatch.setattr(bus_module, "_STUCK_S", 0.05)

    class Hung:
        silent_periods = 0

        async def read(self, _device: object) -> None:
            await asyncio.Event().wait()

        listen = read

        async def close(self) -> None:
            pass

    async def opened(*_: object) -> Hung:
        return Hung()

    monkeypatch.setattr("edge_agent.drivers.modbus.open_driver", opened)
    task = BusTask(bus(), [device(1, [0], timeout_s=0.1)], "", SystemClock(), lambda _readings: None)
    assert task.stuck() == ""
    running = asyncio.create_task(task.run())
    await until_async(lambda: "bus bus: a read has not come back" in task.stuck())
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert task.stuck() == ""


def test_the_unit_asks_for_what_the_agent_gives():
    service = service_of("headwater-edge.service")
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= bus_module._STUCK_S
    assert service["Restart"] == "always"
    assert service["ExecStart"].split()[1:] == ["run", "/etc/headwater/agent.yaml"]
