"""Stands in for systemd: hears what a service tells it, and reads the units we ship."""

from __future__ import annotations

import configparser
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNITS = Path(__file__).parents[1] / "configs" / "systemd"


@contextmanager
def listening(folder: Path, timeout_s: float) -> Iterator[socket.socket]:
    """The socket that NOTIFY_SOCKET is to name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(folder / "notify"))
        s.settimeout(timeout_s)
        yield s


def service_of(unit: str) -> configparser.SectionProxy:
    """The section [Service] of a unit."""
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    assert found.read(_UNITS / unit)
    return found["Service"]
