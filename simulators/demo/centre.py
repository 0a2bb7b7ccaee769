"""A warning centre: takes webhooks, checks their signatures, and keeps each message once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class WarningCentre:
    """`messages`: in order of arrival, by id once. `doubles`, `forged`: counted."""

    def __init__(self, secret: str, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.doubles = self.forged = 0
        self._webhook = Webhook(secret)
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        centre = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1 << 20))
                self.send_response(centre.take(body, dict(self.headers.items())))
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

    def stop(self) -> None:
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
            if message["id"] in self._seen:
                self.doubles += 1
            else:
                self._seen.add(message["id"])
                self.messages.append(message)
            return 204
