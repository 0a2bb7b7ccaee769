"""One outgoing HTTP request, held to the rules of `cloud.delivery.egress` and to a time limit as a whole.

The name is resolved once; every address is judged; the connection is made to a judged address and to nothing else, so a
name that answers differently the second time (DNS rebinding) gains nothing. TLS still asks for the certificate of the
name. Redirects are not followed, proxies of the environment are not used, and of the answer only the status is read.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import certifi
import httpcore2

from cloud.delivery.egress import Address, Egress, TargetRefused, permitted, target_of

Resolver = Callable[[str, int], list[Address]]
# Of an answer to its status and headers: interim answers (1xx, RFC 9110, 15.2) may come before it without end, each of
# which costs us time to read.
MOST_BYTES = 1 << 18


class NoAnswer(Exception):
    """No status came back. The message names no header: a peer may echo what it was sent.

    sent: part of the request may have reached the peer.
    """

    def __init__(self, why: str, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """retry_after: the header as it came, cut; None when there was none."""

    status: int
    retry_after: str | None


def resolve(host: str, port: int) -> list[Address]:
    """Raises OSError. Takes as long as the system's resolver does: see resolv.conf(5), timeout and attempts."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """ca_file: a consumer's own authority (PEM) instead of the public ones. Raises OSError."""
    return ssl.create_default_context(cafile=ca_file or certifi.where())


def post(
    url: str,
    headers: Mapping[bytes | str, bytes | str],
    body: bytes,
    *,
    rules: Egress,
    context: ssl.SSLContext,
    timeout_s: float,
    resolver: Resolver = resolve,
) -> Answer:
    """Of the answer the status, and when to come again. Raises TargetRefused, NoAnswer."""
    target_of(url, rules)
    deadline_s = time.monotonic() + timeout_s
    backend = _JudgedBackend(rules, resolver, deadline_s)
    each = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
    try:
        # One connection a message: warnings are few, and a kept one would outlive the judgement of its address.
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=backend, max_keepalive_connections=0) as pool,
            pool.stream("POST", url, headers=dict(headers), content=body, extensions={"timeout": each}) as answer,
        ):
            found = next((v for k, v in answer.headers if k.lower() == b"retry-after"), None)
            return Answer(answer.status, None if found is None else found[:100].decode("latin-1"))
    except (httpcore2.TimeoutException, TimeoutError) as error:
        raise NoAnswer(f"no answer within {timeout_s:g} s", backend.wrote) from error
    except httpcore2.NetworkError as error:
        raise NoAnswer(f"{type(error).__name__}: {error}", backend.wrote) from error
    except (httpcore2.ProtocolError, UnicodeError, ValueError) as error:
        # Not its text, nor itself as the cause: both may quote the peer, and the peer may echo our signature.
        raise NoAnswer(f"{type(error).__name__}: what came back is not HTTP", backend.wrote) from None
    except OSError as error:
        raise NoAnswer(f"{type(error).__name__}: {error}", backend.wrote) from error


class _JudgedBackend(httpcore2.NetworkBackend):
    """wrote: part of a request has been given to the network."""

    wrote = False

    def __init__(self, rules: Egress, resolver: Resolver, deadline_s: float) -> None:
        self._rules, self._resolver, self._deadline_s = rules, resolver, deadline_s
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = permitted(host, self._resolver(host, port), self._rules)
        for i, address in enumerate(addresses):
            share_s = left_s(self._deadline_s, timeout) / (len(addresses) - i)
            try:
                stream = self._plain.connect_tcp(str(address), port, share_s, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if i + 1 == len(addresses):
                    raise
            else:
                return _TimedStream(stream, self._deadline_s, self._writes)
        raise TargetRefused(f"{host} has no address")  # `permitted` never gives an empty list

    def _writes(self) -> None:
        self.wrote = True

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        raise TargetRefused("a webhook goes over TCP")


class _TimedStream(httpcore2.NetworkStream):
    """Every operation gets what is left of the whole request's time, and all reads together `MOST_BYTES`: a peer that
    drips bytes gains no time, and one that pours them none of the processor's."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline_s: float, on_write: Callable[[], None]) -> None:
        self._stream, self._deadline_s, self._on_write = stream, deadline_s, on_write
        self._left_bytes = MOST_BYTES

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left_bytes <= 0:
            raise httpcore2.ReadError(f"no status within {MOST_BYTES >> 10} KiB")
        got = self._stream.read(max_bytes, left_s(self._deadline_s, timeout))
        self._left_bytes -= len(got)
        return got

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._on_write()
        self._stream.write(buffer, left_s(self._deadline_s, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, left_s(self._deadline_s, timeout))
        return _TimedStream(stream, self._deadline_s, self._on_write)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def left_s(deadline_s: float, timeout_s: float | None) -> float:
    """At most timeout_s. Raises httpcore2.ReadTimeout when nothing is left."""
    left = deadline_s - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left if timeout_s is None else min(left, timeout_s)
