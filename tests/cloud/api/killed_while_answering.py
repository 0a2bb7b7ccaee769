"""A process that serves feed and stream from a ledger, and is killed (SIGKILL) in the middle of an answer."""

from __future__ import annotations

import os
import signal
import socket
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from cloud.api import feed, stream
from cloud.api.ports import Services
from cloud.delivery.settings import FeedSettings
from cloud.ledger.open import open_ledger
from cloud.warnings.reader import LedgerReader
from tests.cloud.delivery.played import START_MS, PlayedClock


class DiesIn:
    """An application that ends with its process once so many bytes of a body have gone out, amid a piece."""

    def __init__(self, app: Any, after_bytes: int | None) -> None:
        self._app, self._left = app, after_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            body = message.get("body", b"")
            if self._left is None or message["type"] != "http.response.body" or len(body) < self._left:
                if self._left is not None:
                    self._left -= len(body)
                await send(message)
                return
            await send({**message, "body": body[: self._left], "more_body": True})
            os.kill(os.getpid(), signal.SIGKILL)

        await self._app(scope, receive, sent)


def serve(ledger_url: str, listener: socket.socket, dies_after_bytes: int | None) -> None:
    """Until it is killed."""
    ledger = open_ledger(ledger_url)
    services = SimpleNamespace(
        warnings=LedgerReader(ledger, lambda: 0, lambda: None),
        clock=PlayedClock(),
        as_of=lambda: START_MS,
        feed=FeedSettings(url="https://warn.example"),
        catalogue=SimpleNamespace(district=SimpleNamespace(name="Jinshui", id="jinshui")),
    )
    app = FastAPI()
    feed.mount(app, cast(Services, services))
    stream.mount(app, cast(Services, services))
    config = uvicorn.Config(DiesIn(app, dies_after_bytes), log_level="critical", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
