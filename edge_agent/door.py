"""The door of a running agent: a Unix socket by which this machine's technicians ask devices now, one at a time.

It reads and changes nothing, so whoever may see readings may use it: mode 0660, group `headwater` where there is one.
A question is one line of JSON, `{"read": DEVICE}`; so is the answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_MODE = 0o660
_GROUP = "headwater"
_LONGEST_PATH = 107  # bytes: sun_path of unix(7), less its end
_LINE = 4096
_QUESTION_S = 10.0

# Device id -> what `edge_agent.technician.asking` shows; raises KeyError for one that there is not.
Ask = Callable[[str], Awaitable[dict[str, Any]]]


class NoAgent(Exception):
    """No agent answers at this door."""


class Door:
    """`opened` while the agent runs, then `close`."""

    def __init__(self, path: Path, ask: Ask) -> None:
        self._path, self._ask = path, ask
        self._server: asyncio.Server | None = None
        self._one_at_a_time = asyncio.Lock()

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
        try:
            async with asyncio.timeout(_QUESTION_S):
                line = await reader.readline()
            answer = await self._answer(line)
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError) as error:
            log.info("a question at the door came to nothing: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            device = json.loads(line)["read"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return {"error": 'the question is not {"read": DEVICE}'}
        try:
            async with self._one_at_a_time:
                return await self._ask(str(device))
        except KeyError:
            return {"error": f"no device {device!r} is read by this agent"}


async def ask_agent(path: Path, device: str, timeout_s: float) -> dict[str, Any]:
    """What the running agent says of a device. Raises NoAgent when none answers there, ValueError with its words when
    it refuses, TimeoutError."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    except OSError as error:
        raise NoAgent(f"{path}: {error}") from error
    try:
        writer.write(json.dumps({"read": device}).encode() + b"\n")
        async with asyncio.timeout(timeout_s):
            line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise NoAgent(f"{path}: the agent went away")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer
