"""A warning centre: takes webhooks, checks their signatures, and keeps each message once."""

from __future__ import annotations

import json
import threading
import time
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class Ailment(Enum):
    """What a centre may suffer from."""

    REFUSES = auto()  # 503 to every message
    POISONED = auto()  # 422 to one message for good: the next that comes
    GONE = auto()  # 410 to every message
    SILENT = auto()  # takes every message and gives no answer


class WarningCentre:
    """`messages`: in order of arrival, by id once; arrived_ms: when each came, real UTC ms.

    Counted: `doubles`, `forged`, and `failed` by an ailment of its own.
    poison: id of the message that it never takes, empty without one."""

    def __init__(self, secret: str, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.arrived_ms: dict[str, int] = {}
        self.doubles = self.forged = self.failed = 0
        self.poison = ""
        self._ailment: Ailment | None = None
        self._well = threading.Event()
        self._well.set()
        self._webhook = Webhook(secret)
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        centre = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1 << 20))
                status = centre.take(body, dict(self.headers.items()))
                centre.wait_until_well()
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The terminal belongs to the summary."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="centre", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/warnings"

    def start(self) -> None:
        self._thread.start()

    def ail(self, ailment: Ailment | None) -> None:
        """From now on; None: it is well again, and answers what it had left without."""
        with self._lock:
            self._ailment = ailment
        if ailment is Ailment.SILENT:
            self._well.clear()
        else:
            self._well.set()

    def wait_until_well(self) -> None:
        """Before an answer: a silent centre gives none until it is well."""
        self._well.wait()

    def stop(self) -> None:
        self._well.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """The HTTP status to answer with."""
        with self._lock:
            try:
                self._webhook.verify(body, {k.lower(): v for k, v in headers.items()})
                message = json.loads(body)
            except (WebhookVerificationError, ValueError):
                self.forged += 1
                return 401
            if refused := self._refused(message):
                self.failed += 1
                return refused
            self.failed += self._ailment is Ailment.SILENT
            if message["id"] in self._seen:
                self.doubles += 1
            else:
                self._seen.add(message["id"])
                self.messages.append(message)
                self.arrived_ms[message["id"]] = time.time_ns() // 1_000_000
            return 204

    def _refused(self, message: dict[str, Any]) -> int:
        """The HTTP status that the ailment gives; 0 when the message is taken."""
        if self._ailment is Ailment.POISONED and not self.poison and message.get("type") == "warning":
            self.poison = message["id"]
        if message["id"] == self.poison:
            return 422
        return {Ailment.REFUSES: 503, Ailment.GONE: 410}.get(self._ailment, 0) if self._ailment else 0
