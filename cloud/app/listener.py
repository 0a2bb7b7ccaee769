"""Where the HTTP server listens: a port, or a Unix socket that its folder keeps from the machine's other users."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from cloud.api.settings import HttpSettings

_MODE = 0o660  # the proxy connects as the group of the service; write is what connecting asks for


class CannotListen(Exception):
    """The address is taken, or is none. The message says what to do."""


def listening(settings: HttpSettings, base: Path) -> tuple[socket.socket, str]:
    """A bound socket, and its address as a URL. base: from where `socket` counts. Raises CannotListen."""
    if settings.socket is not None:
        path = base / settings.socket
        return _unix(path), f"unix:{path}"
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        what = f"cannot listen at {settings.host}:{settings.port}: {error.strerror or error}"
        taken = "end the program that has it (ss -ltnp shows it), or give http.port another number"
        do = taken if error.errno == errno.EADDRINUSE else "give http.host an address of this machine"
        raise CannotListen(f"{what}: {do}") from error
    host, port = listener.getsockname()[:2]
    return listener, f"http://{host}:{port}"


def _unix(path: Path) -> socket.socket:
    if path.exists():
        _take_away(path)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~_MODE)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        what = f"cannot listen at {path}: {error.strerror or error}"
        raise CannotListen(f"{what}: its folder must be there, and the service's; at most 107 bytes") from error
    finally:
        os.umask(before)
    return listener


def _take_away(path: Path) -> None:
    """The socket of a cloud that was killed."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise CannotListen(f"{path} is no socket: look what it is, or give http.socket another name")
    with socket.socket(socket.AF_UNIX) as tried:
        try:
            tried.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise CannotListen(f"another program listens at {path}: stop it, or give http.socket another name")
