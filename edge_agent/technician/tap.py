"""`headwater-edge tap`: the frames of a bus as they go by, with their meaning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from contract.clock import SystemClock
from contract.readings import ReadingBatch
from edge_agent.acquisition.bus import BusTask
from edge_agent.config import EdgeConfig
from edge_agent.door import NoAgent, tap_agent
from edge_agent.last_values import raw
from edge_agent.technician.reading import NotAsked, nobody_runs

Frame = Mapping[str, Any]
_MARK = {
    "foreign question": "FOREIGN question",
    "foreign reply": "FOREIGN reply",
    "noise": "NOISE",
    "damaged": "DAMAGED",
}


async def frames(config: EdgeConfig, bus: str | None) -> AsyncIterator[Frame]:
    """Through the running agent; where none runs, of devices that this process asks as the agent would.

    bus: its id; None: all. Raises NotAsked.
    """
    known = [b.id for b in config.gateway.buses]
    if bus is not None and bus not in known:
        raise NotAsked(f"no bus {bus!r} on {config.gateway.id}; there are {', '.join(known)}")
    try:
        async for frame in tap_agent(config.door_path, bus):
            yield frame
        raise NotAsked("the agent has ended")
    except NoAgent as error:
        nobody_runs(config, error)
    except ValueError as error:
        raise NotAsked(f"the agent did not let us listen: {error}") from error
    async for own in _own(config, bus):
        yield own


async def _own(config: EdgeConfig, bus: str | None) -> AsyncIterator[Frame]:
    said: asyncio.Queue[Frame] = asyncio.Queue()
    tasks = []
    for b in config.gateway.buses:
        if bus in (None, b.id):
            task = BusTask(b, config.devices(b.id), config.address(b.id), SystemClock(), _nobody)
            task.tap(said.put_nowait)
            tasks.append(asyncio.create_task(task.run()))
    try:
        while True:
            yield await said.get()
    finally:
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nobody(_readings: ReadingBatch) -> None:
    """What is read is shown as frames, and kept nowhere."""


def as_text(frame: Frame) -> str:
    """A line: time, bus, direction, unit, function, place, words, checksum; foreign frames in capitals."""
    arrow = "->" if frame["direction"] == "sent" else "<-"
    parts = [frame["time"], frame["bus"], arrow]
    if "unit" in frame:
        parts.append(f"unit {frame['unit']}")
    parts.append(_MARK.get(frame["what"], frame["what"]))
    if frame.get("table"):
        parts.append(f"{frame['table']} {frame['address']}+{frame['count']}")
    elif "function" in frame:
        parts.append(f"function {frame['function']}")
    if "words" in frame:
        parts.append("= " + " ".join(raw(w, frame["table"]) for w in frame["words"]))
    if "exception" in frame:
        parts.append(frame["exception"])
    if "crc" in frame:
        parts.append(f"CRC {frame['crc']}")
    return "  ".join([*parts, f"[{frame['bytes']}]"])
