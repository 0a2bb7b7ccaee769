"""A link that fails as links do: cut, slow, or half-open. A TCP relay on loopback, in the loop of its caller."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_CHUNK = 4096


class Link:
    """Relays to `target`. It knows nothing of what it carries, so TLS goes through it untouched.

    bytes_per_s: None for as fast as it goes; shared by nothing, each direction of each connection has it.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.bytes_per_s: float | None = None
        self.port = 0
        self._up = True
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaf: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Every connection is reset, and none is made until `mend`."""
        self._up = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._deaf.clear()

    def slow(self, bytes_per_s: float) -> None:
        """From now on no faster than this, until `mend`."""
        self.bytes_per_s = bytes_per_s

    def half_open(self) -> None:
        """The connections that stand swallow what they are given, for ever; new ones are good."""
        self._deaf |= self._writers

    def mend(self) -> None:
        self._up, self.bytes_per_s = True, None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        for source, sink, back in ((reader, far_writer, writer), (far_reader, writer, far_writer)):
            task = asyncio.create_task(self._relay(source, sink, back))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _relay(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                if sink in self._deaf:
                    continue
                if self.bytes_per_s is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                sink.write(data)
                await sink.drain()
        for writer in (sink, back):
            if writer not in self._deaf:  # a half-open end never hears that the other is gone
                self._writers.discard(writer)
                writer.transport.abort()
