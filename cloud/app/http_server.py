"""The HTTP server of the cloud: uvicorn round the application, with its limits, until the process is told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from cloud.api.http_protocol import uvicorn_config
from cloud.api.limits import wrap
from cloud.api.ports import TurnedAway
from cloud.api.settings import HttpSettings
from host.systemd import Watchdog


def serve(
    application: FastAPI,
    settings: HttpSettings,
    listener: socket.socket,
    url: str,
    turned_away: TurnedAway,
    addresses: Mapping[str, str],
    watchdog: Watchdog,
    open_to_all: bool,
) -> None:
    """Until SIGTERM or SIGINT. Prints one JSON line when it listens: `ready`, `http`, and `addresses`.
    listener, url: see `cloud.app.listener.listening`. open_to_all: see `cloud.api.limits.wrap`.
    """
    ready = {"ready": True, "http": url, **addresses}
    server = _Server(uvicorn_config(wrap(application, settings, turned_away, open_to_all), settings), ready, watchdog)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises it again when it has stopped: by default that ends the process before it is tidied up.
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    if settings.socket is not None:
        Path(url.removeprefix("unix:")).unlink(missing_ok=True)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: dict[str, Any], watchdog: Watchdog) -> None:
        super().__init__(config)
        self._ready, self._watchdog = ready, watchdog

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(json.dumps(self._ready), flush=True)
        self._watchdog.tell("READY=1")
        self._beat = asyncio.create_task(self._watchdog.beat_forever())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._watchdog.tell("STOPPING=1")
        self._beat.cancel()
        await super().shutdown(sockets)
