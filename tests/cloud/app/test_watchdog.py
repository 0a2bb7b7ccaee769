"""Signs of life: given while all turns, withheld when something is stuck."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from host.systemd import Watchdog
from simulators.cli.main import DISTRICT
from tests.servers import command
from tests.service_manager import listening, service_of
from tests.waiting import until_async


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with listening(tmp_path, timeout_s=60) as s:
        yield s


def heard(manager: socket.socket) -> list[str]:
    manager.setblocking(False)
    out = []
    with suppress(BlockingIOError):
        while True:
            out.append(manager.recv(100).decode())
    return out


def beat(watchdog: Watchdog, done: Callable[[], object]) -> None:
    """Until `done()`."""

    async def run() -> None:
        beating = asyncio.create_task(watchdog.beat_forever())
        await until_async(done)
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating

    asyncio.run(run())


def test_it_beats_at_half_the_limit_and_not_while_something_is_stuck(manager, caplog):
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000"}
    stuck: list[str] = []
    watchdog = Watchdog(environment, lambda: stuck)
    assert watchdog.every_s == 0.02
    said: list[str] = []
    beat(watchdog, lambda: said.extend(heard(manager)) or len(said) > 5)
    assert set(said) == {"WATCHDOG=1"}
    heard(manager)
    stuck.append("view series has ended")
    beat(watchdog, lambda: caplog.text.count("view series has ended") > 1)
    assert heard(manager) == []


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
)
def test_nobody_asked_for_signs(environment):
    watchdog = Watchdog(environment, lambda: pytest.fail("nobody asked"))
    asyncio.run(asyncio.wait_for(watchdog.beat_forever(), 5))  # ends at once
    watchdog.tell("READY=1")


def test_a_manager_that_is_away_is_no_reason_to_stop(tmp_path):
    Watchdog({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, list).tell("READY=1")


def test_a_cloud_says_that_it_is_ready_that_it_lives_and_that_it_stops(manager, tmp_path, monkeypatch):
    config = {"catalogue": str(DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    (tmp_path / "cloud.yaml").write_text(yaml.safe_dump({**config, "http": {"port": 0}, "access": {"mode": "open"}}))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    with command("cloud.cli", "serve", "--config", str(tmp_path / "cloud.yaml")):
        assert [manager.recv(100) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3
    said = heard(manager)
    assert said[-1] == "STOPPING=1"
    assert set(said[:-1]) <= {"WATCHDOG=1"}


def test_the_unit_asks_for_what_the_cloud_gives():
    service = service_of("headwater-cloud.service")
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 60, "a receiver that waits for its disk for a minute is not stuck yet"
    assert service["Restart"] == "always"
    assert "cloud.yaml" in service["ExecStart"]
    assert service["ExecStart"].split()[1:3] == ["serve", "--config"]
