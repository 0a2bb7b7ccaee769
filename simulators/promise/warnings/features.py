"""Which properties of the second promise this release does not keep yet, each with what it waits for.

A property that is off is not looked at, and a fault that needs it is not brought. What stands here is part of the
project's state: docs/promise.md lists the same.
"""

from __future__ import annotations

from simulators.promise.world import Broken

# Property, or kind of fault -> what it waits for.
OFF: dict[str, str] = {}


def on(name: str) -> bool:
    """Whether this release is held to it."""
    return name not in OFF


def fail(name: str, what: str) -> None:
    """Raises Broken, unless the property is off."""
    if on(name):
        raise Broken(f"{name}: {what}")
