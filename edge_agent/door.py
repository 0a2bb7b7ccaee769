"""The door of a running agent: a Unix socket by which this machine's technicians ask devices now, one at a time.

It reads and changes nothing, so whoever may see readings may use it: mode 0660, group `headwater` where there is one.
A question is one line of JSON, and so is the answer: `{"read": DEVICE}` asks a device now; `{"tap": BUS}`, or null for
all, is answered by a line for each frame of the bus until the caller goes away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_MODE = 0o660
_GROUP = "headwater"
_LONGEST_PATH = 107  # bytes: sun_path of unix(7), less its end
_LINE = 4096
_QUESTION_S = 10.0
_MOST_FRAMES = 1000
_MOST_CALLERS = 16  # each has a file of the process, and without files no device is asked and nothing is stored

# Device id -> what `edge_agent.technician.asking` shows; raises KeyError for one that there is not.
Ask = Callable[[str], Awaitable[dict[str, Any]]]
# Bus id or None, and who is told of each frame -> what ends it; raises KeyError for a bus that there is not.
TapBus = Callable[[str | None, Callable[[Mapping[str, Any]], None]], Callable[[], None]]


class NoAgent(Exception):
    """No agent answers at this door."""


class Door:
    """`opened` while the agent runs, then `close`."""

    def __init__(self, path: Path, ask: Ask, tap: TapBus) -> None:
        self._path, self._ask, self._tap = path, ask, tap
        self._server: asyncio.Server | None = None
        self._one_at_a_time = asyncio.Lock()
        self._callers = 0

    async def open(self) -> None:
        """A door that cannot be opened is told of in the log: the agent measures all the same."""
        try:
            if len(os.fsencode(self._path)) > _LONGEST_PATH:
                raise OSError(f"its path is longer than {_LONGEST_PATH} bytes")
            self._path.unlink(missing_ok=True)  # of an agent that was killed
            before = os.umask(0o777 & ~_MODE)
            try:
                self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_LINE)
            finally:
                os.umask(before)
            with suppress(LookupError, PermissionError):
                shutil.chown(self._path, group=_GROUP)
        except OSError as error:
            log.warning("`headwater-edge read` will find no door at %s: %s", self._path, error)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._callers >= _MOST_CALLERS:
            writer.write(_line({"error": f"{_MOST_CALLERS} others are at the door: end one of their commands"}))
            writer.close()
            return
        self._callers += 1
        try:
            await self._hear(reader, writer)
        finally:
            self._callers -= 1
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_QUESTION_S):
                line = await reader.readline()
            question = _parsed(line)
            if "tap" in question:
                await self._listen_in(question["tap"], reader, writer)
                return
            writer.write(_line(await self._answer(question)))
            await writer.drain()
        except (OSError, TimeoutError, ValueError) as error:
            log.info("a question at the door came to nothing: %s", error)

    async def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if "read" not in question:
            return {"error": 'the question is not {"read": DEVICE} or {"tap": BUS}'}
        device = question["read"]
        try:
            async with self._one_at_a_time:
                return await self._ask(str(device))
        except KeyError:
            return {"error": f"no device {device!r} is read by this agent"}

    async def _listen_in(self, bus: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Frames as they go by, until the caller hangs up; one who does not keep up misses the oldest."""
        frames: deque[Mapping[str, Any]] = deque(maxlen=_MOST_FRAMES)
        wake = asyncio.Event()

        def say(frame: Mapping[str, Any]) -> None:
            frames.append(frame)
            wake.set()

        try:
            end = self._tap(None if bus is None else str(bus), say)
        except KeyError:
            writer.write(_line({"error": f"no bus {bus!r} is read by this agent"}))
            await writer.drain()
            return
        gone = asyncio.create_task(reader.read())
        gone.add_done_callback(lambda _task: wake.set())
        try:
            while not gone.done():
                await wake.wait()
                wake.clear()
                while frames:
                    writer.write(_line(frames.popleft()))
                    await writer.drain()
        finally:
            end()
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return question if isinstance(question, dict) else {}


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


async def tap_agent(path: Path, bus: str | None) -> AsyncIterator[dict[str, Any]]:
    """The frames of a running agent's bus, or of all, as they go by. Raises NoAgent, ValueError with its words."""
    async with _asked(path, {"tap": bus}) as reader:
        while line := await reader.readline():
            yield _answered(line)


async def ask_agent(path: Path, device: str, timeout_s: float) -> dict[str, Any]:
    """What the running agent says of a device. Raises NoAgent when none answers there, ValueError with its words when
    it refuses, TimeoutError."""
    async with _asked(path, {"read": device}) as reader, asyncio.timeout(timeout_s):
        line = await reader.readline()
    if not line:
        raise NoAgent(f"{path}: the agent went away")
    return _answered(line)


@asynccontextmanager
async def _asked(path: Path, question: Mapping[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
    """From where a running agent's answers to a question come. Raises NoAgent when none lets us in."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    except OSError as error:
        raise NoAgent(f"{path}: {error}") from error
    try:
        writer.write(_line(question))
        yield reader
    finally:
        writer.close()


def _answered(line: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise ValueError(said["error"])
    return said
