"""A TCP connection held to the rules of `cloud.delivery.egress`, for sinks that speak other protocols than HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

from cloud.delivery.egress import Address, Egress, TargetRefused, permitted
from cloud.delivery.outgoing import Resolver


def target_trouble(host: str, encrypted: bool, rules: Egress) -> str | None:
    """What is wrong with a target as far as that goes without resolving its name, and what to do; None: nothing."""
    if not encrypted and host not in rules.allow_http:
        return f"{host} without TLS is refused: use TLS, or list {host} in egress.allow_http"
    try:
        permitted(host, [ip_address(host)], rules)
    except TargetRefused as error:
        return str(error)
    except ValueError:  # a name
        return None
    return None


def unreachable(host: str, port: int, rules: Egress, resolver: Resolver) -> str | None:
    """Why a host cannot be reached as its name resolves now; None when it can."""
    try:
        permitted(host, resolver(host, port), rules)
    except TargetRefused as error:
        return str(error)
    except (OSError, UnicodeError) as error:
        return f"{host} does not resolve: {error}"
    return None


def addresses(host: str, port: int, encrypted: bool, rules: Egress, resolver: Resolver) -> list[Address]:
    """Where a connection may go now: the name is resolved once, and only these addresses are to be called.

    Raises TargetRefused, OSError.
    """
    if (said := target_trouble(host, encrypted, rules)) is not None:
        raise TargetRefused(said)
    return permitted(host, resolver(host, port), rules)


def connect(found: list[Address], port: int, timeout_s: float) -> socket.socket:
    """To the first that answers; the time is shared among them. Raises OSError."""
    for i, address in enumerate(found):
        try:
            return socket.create_connection((str(address), port), timeout_s / len(found))
        except OSError:
            if i + 1 == len(found):
                raise
    raise OSError("no address to call")


@contextmanager
def cut_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Ends the connection then, whatever it does: a peer that drips bytes gains no time. What waits for it gets
    OSError, or the end of what it reads."""
    own = connection.dup()  # TLS will take the other over

    def cut() -> None:
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(seconds, 0.0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        own.close()
