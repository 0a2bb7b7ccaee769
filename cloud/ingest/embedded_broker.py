"""The embedded broker of the demo: amqtt in a thread of its own, on loopback.

Right for a demonstration and nothing else: it loses what it queued for absent clients. That harms nobody, because no
acknowledgement of its own counts.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
import threading
from typing import Any

# "PUBACK for unknown pending message": spurious, at every burst.
for _name in ("amqtt", "amqtt.broker", "amqtt.mqtt", "amqtt.mqtt.protocol.handler", "transitions", "transitions.core"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_START_TIMEOUT_S = 60.0
_TRIES = 5


def trouble() -> str | None:
    """Why there can be none here; None when there can."""
    if importlib.util.find_spec("amqtt") is not None:
        return None
    return "the embedded broker is not installed: pip install 'headwater[sim]', or give a real broker's host"


class EmbeddedBroker:
    """`start` returns when it listens. Raises RuntimeError when it cannot.

    port: of loopback; with 0 it takes one that is free, and `port` says which.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or _free_port()
        self._tries = 1 if port else _TRIES
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT_S) or self._error is not None:
            raise RuntimeError(f"the embedded broker did not start on port {self.port}: {self._error}")

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)

    def _run(self) -> None:
        for left in reversed(range(self._tries)):
            try:
                asyncio.run(self._serve())
            except BaseException as error:
                if left and not self._ready.is_set():
                    self.port = _free_port()  # somebody took the one before
                    continue
                self._error = error
                self._ready.set()
            return

    async def _serve(self) -> None:
        from amqtt.broker import Broker

        config: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}", "max_connections": 500}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        broker = Broker(config)
        await broker.start()
        self._ready.set()
        await self._stop.wait()
        await broker.shutdown()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
