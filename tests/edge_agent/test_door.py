"""The running agent's door, and `headwater-edge read`: through it, never beside it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import EdgeConfig, load_config
from edge_agent.door import Door, NoAgent, ask_agent, tap_agent
from edge_agent.status import write_status
from edge_agent.technician.reading import NotAsked, chosen, read, show
from tests.conftest import SMALL_DISTRICT
from tests.edge_agent.slave import slave
from tests.waiting import until_async


@pytest.fixture
def short() -> Iterator[Path]:
    """A socket's path has 107 bytes at most; those of tests are longer."""
    folder = Path(tempfile.mkdtemp(prefix="hw-"))
    yield folder
    shutil.rmtree(folder)


def no_tap(bus: str | None, say: Callable[[Mapping[str, Any]], None]) -> Callable[[], None]:
    """One frame at once, of the only bus."""
    if bus not in (None, "rtu"):
        raise KeyError(bus)
    say({"bus": "rtu", "direction": "sent"})
    return lambda: ended.append(bus)


ended: list[str | None] = []


def at_door(folder: Path, ask: Callable[[str], Awaitable[dict[str, Any]]], visit: Callable[[Path], Any]) -> Any:
    async def main() -> Any:
        door = Door(folder / "agent.sock", ask, no_tap)
        await door.open()
        try:
            return await visit(folder / "agent.sock")
        finally:
            await door.close()

    return asyncio.run(main())


async def says(device: str) -> dict[str, Any]:
    if device != "u1-level":
        raise KeyError(device)
    return {"device": device, "unit": 1, "reads": [], "values": [{"name": "d", "value": 1.0, "unit": "m", "flag": 1}]}


def test_those_who_stay_at_the_door_do_not_use_up_the_agents_files(short: Path) -> None:
    async def visit(path: Path) -> None:
        listeners = [tap_agent(path, None) for _ in range(16)]
        for listener in listeners:
            await anext(listener)  # it has been let in
        with pytest.raises(ValueError, match="16 others are at the door"):
            await ask_agent(path, "u1-level", 5)
        before = len(ended)
        for listener in listeners:
            await listener.aclose()
        await until_async(lambda: len(ended) == before + 16)
        assert await ask_agent(path, "u1-level", 5)

    at_door(short, says, visit)


def test_a_question_is_answered_and_the_door_is_for_the_group_alone(short: Path) -> None:
    async def visit(path: Path) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await ask_agent(path, "u1-level", 5))["values"][0]["value"] == 1.0
        with pytest.raises(ValueError, match="no device 'x9' is read by this agent"):
            await ask_agent(path, "x9", 5)
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"what?\n")
        assert "is not" in json.loads(await reader.readline())["error"]
        writer.close()

    at_door(short, says, visit)
    assert not (short / "agent.sock").exists()


def test_whoever_listens_in_hears_frames_until_he_goes(short: Path) -> None:
    ended.clear()

    async def visit(path: Path) -> None:
        async with aclosing(tap_agent(path, None)) as frames:
            assert await anext(frames) == {"bus": "rtu", "direction": "sent"}
        with pytest.raises(ValueError, match="no bus 'x' is read by this agent"):
            await anext(tap_agent(path, "x"))
        await until_async(lambda: ended == [None])

    at_door(short, says, visit)


def test_one_question_at_a_time(short: Path) -> None:
    asking, most = 0, 0

    async def slow(device: str) -> dict[str, Any]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.01)
        asking -= 1
        return {"device": device, "unit": 1, "reads": [], "values": []}

    async def visit(path: Path) -> None:
        await asyncio.gather(*(ask_agent(path, f"d{n}", 5) for n in range(5)))

    at_door(short, slow, visit)
    assert most == 1


def test_a_door_that_an_agent_left_behind_is_opened_anew_and_a_long_path_is_no_reason_to_stop(short: Path) -> None:
    (short / "agent.sock").write_text("")
    at_door(short, says, lambda path: ask_agent(path, "u1-level", 5))
    (short / ("x" * 90)).mkdir()

    async def nothing(_path: Path) -> None:
        return None

    at_door(short / ("x" * 90), says, nothing)
    with pytest.raises(NoAgent):
        asyncio.run(ask_agent(short / "agent.sock", "u1-level", 5))


@pytest.fixture
def config(short: Path) -> EdgeConfig:
    return configured(short, "127.0.0.1:1502")


def configured(folder: Path, address: str) -> EdgeConfig:
    file = folder / "agent.yaml"
    file.write_text(
        f"gateway: gw-1\ncatalogue: {SMALL_DISTRICT}\ndata_dir: data\nbroker: {{host: 127.0.0.1, port: 1883}}\n"
        f"addresses: {{gw-1-tcp: '{address}'}}\n"
    )
    (folder / "data").mkdir(exist_ok=True)
    return load_config(file)


def answers(config: EdgeConfig, device: str | None) -> list[dict[str, Any]]:
    said: list[str] = []
    asyncio.run(show(read(config, device, None), said.append, as_json=True))
    return [json.loads(line) for line in said]


def test_a_device_that_is_not_there_is_refused_with_those_that_are(config: EdgeConfig) -> None:
    assert [[i.device.id for i in infos] for infos in chosen(config, None).values()] == [
        ["u1-level", "r1-rain"],
        ["u1-plc"],
    ]
    with pytest.raises(NotAsked, match="no device 'u9' feeds a channel of gw-1; there are r1-rain, u1-level, u1-plc"):
        chosen(config, "u9")


def test_read_goes_through_the_running_agent(config: EdgeConfig) -> None:
    async def main() -> list[dict[str, Any]]:
        door = Door(config.door_path, says, no_tap)
        await door.open()
        try:
            return [said async for said in read(config, "u1-level", None)]
        finally:
            await door.close()

    (said,) = asyncio.run(main())
    assert said["values"][0]["value"] == 1.0


def test_read_never_goes_beside_a_running_agent(config: EdgeConfig) -> None:
    write_status(config.status_path, {"gateway": "gw-1"})
    with pytest.raises(NotAsked, match="an agent is running, and a second master would disturb it"):
        answers(config, "u1-plc")
    old = time.time() - 3600
    os.utime(config.status_path, (old, old))
    (said,) = answers(config, "u1-plc")  # that one is dead: the bus is asked
    assert said["device"] == "u1-plc"


def test_read_asks_the_bus_itself_where_no_agent_runs(short: Path) -> None:
    with slave(dict.fromkeys(range(60), 0)) as address:
        (said,) = answers(configured(short, address), "u1-plc")
    assert (said["device"], said["unit"]) == ("u1-plc", 1)
    assert any(r["words"] is not None for r in said["reads"])
