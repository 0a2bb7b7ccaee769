"""uvicorn's HTTP protocol, and what it does not limit: connections, time for a head, a peer that does not read."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from cloud.api.answering import RETRY_AFTER_S
from cloud.api.settings import HttpSettings

_log = logging.getLogger("uvicorn.error.connection")
_log.setLevel(logging.ERROR)
_PROXYS_SHARE = 4
LOCAL = "unix"  # whoever comes by the Unix socket and has no address
DRAIN_CHECK_S = 10.0
DRAIN_BYTES_PER_S = 1024  # slower than any link that is worth a waiting answer in memory


class BoundedProtocol(H11Protocol):
    """Refusals before there is a request: problem documents, and the connection is closed."""

    settings: HttpSettings
    drain_check_s = DRAIN_CHECK_S
    _head_timer: asyncio.TimerHandle | None = None
    _drain_timer: asyncio.TimerHandle | None = None
    _rests_since_s: float | None = None  # kept alive, and nothing asked
    _head_since_s = 0.0  # since when the request is awaited that came last, or is still to come

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = _log  # uvicorn writes a line for each request that is none: as many as anybody sends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None and self.settings.socket is not None:
            self.client = LOCAL, 0
        room = self.settings.max_connections
        if self.settings.trusted_proxies and self.settings.socket is None and not self._is_proxy():
            room -= room // _PROXYS_SHARE  # these places are kept for the proxy
        if len(self.connections) > room and not (self._close_one_at_rest() or self._close_half_a_request()):
            self._refuse(503, "Too many connections", f"come again in {RETRY_AFTER_S} s")
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._rests_since_s = None
        if self._idle():
            self._await_head()
        super().data_received(data)
        if not self._idle():
            self._head_timer = _stop(self._head_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer, self._drain_timer = _stop(self._head_timer), _stop(self._drain_timer)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._rests_since_s = self.loop.time() if self._idle() else None  # not with a next request in the pipe
        self._watch_drain()

    def send_400_response(self, msg: str) -> None:
        error = sys.exception()
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if hint == 431:
            self._refuse(
                431, "The head is too large", f"at most {self.settings.max_head_bytes} bytes of URL and headers"
            )
        else:
            self._refuse(400, "Not HTTP", msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_drain()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._idle():  # what is left of a whole answer is watched to its end
            self._drain_timer = _stop(self._drain_timer)

    def _watch_drain(self) -> None:
        """What was watched before has gone out, or no more could have been sent: the watch begins anew."""
        self._drain_timer = _stop(self._drain_timer)
        if left := self.transport.get_write_buffer_size():
            self._drain_timer = self.loop.call_later(self.drain_check_s, self._check_drain, left)

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_one_at_rest(self) -> bool:
        """The one that has rested longest makes room: those that are kept alive must not shut others out."""
        resting = {c: c._rests_since_s for c in self.connections if isinstance(c, BoundedProtocol)}
        since = {c: s for c, s in resting.items() if s is not None and not c.transport.is_closing()}
        if not since:
            return False
        min(since, key=since.__getitem__).timeout_keep_alive_handler()
        return True

    def _close_half_a_request(self) -> bool:
        """The one whose request has been awaited longest, its head or its body, makes room: an honest one comes at
        once, and whoever opens connections and sends no more shuts himself out."""
        found = [c for c in self.connections if isinstance(c, BoundedProtocol) and c._owes_a_request()]
        if not found:
            return False
        longest = min(found, key=lambda c: c._head_since_s)
        longest._head_timer = _stop(longest._head_timer)
        longest._refuse(503, "Too many connections", "others came before your request was whole")
        return True

    def _owes_a_request(self) -> bool:
        """Something of it is still to come, and nothing of an answer has gone out."""
        if self.transport.is_closing():
            return False
        body = self.cycle is not None and not self.cycle.response_started and self.conn.their_state is h11.SEND_BODY
        return self._head_timer is not None or body

    def _is_proxy(self) -> bool:
        try:
            address = ip_address(self.client[0]) if self.client else None
        except ValueError:  # a socket of another kind
            return False
        return address is not None and any(address in network for network in self.settings.trusted_proxies)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_since_s = self.loop.time()
            self._head_timer = self.loop.call_later(self.settings.header_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._idle() and not self.transport.is_closing():
            self._refuse(408, "The head took too long", f"not whole after {self.settings.header_timeout_s:g} s")

    def _check_drain(self, before: int) -> None:
        """A peer that asks and does not read would keep its answer in our memory for ever."""
        self._drain_timer = None
        left = self.transport.get_write_buffer_size()
        if left > before - DRAIN_BYTES_PER_S * self.drain_check_s and left:
            self.transport.abort()
        elif left:
            self._drain_timer = self.loop.call_later(self.drain_check_s, self._check_drain, left)

    def _refuse(self, status: int, title: str, detail: str) -> None:
        body = json.dumps({"type": "about:blank", "status": status, "title": title, "detail": detail}).encode()
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: application/problem+json",
            f"content-length: {len(body)}",
            "connection: close",
            *([f"retry-after: {RETRY_AFTER_S}"] if status == 503 else []),
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()


def _stop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """None, to put in its place."""
    if timer is not None:
        timer.cancel()
    return None


def uvicorn_config(app: ASGIApp, settings: HttpSettings) -> uvicorn.Config:
    """`app` is served as it is: wrap it before (`cloud.api.limits.wrap`)."""
    kind: Any = type("Protocol", (BoundedProtocol,), {"settings": settings})
    proxies = [str(network) for network in settings.trusted_proxies]
    if settings.socket is not None:
        proxies.append(LOCAL)
    return uvicorn.Config(
        app,
        log_level="warning",
        http=kind,
        ws="none",
        h11_max_incomplete_event_size=settings.max_head_bytes,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=5,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
    )
