"""Everything that looking at a configuration can show, to compare it in two processes. Imports no checking library."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from enum import Enum
from functools import cached_property
from typing import Any


def looked_at(thing: Any) -> str:
    """Fields and properties, all the way down, as text."""
    if isinstance(thing, Mapping):
        return "{" + ", ".join(f"{looked_at(k)}: {looked_at(v)}" for k, v in thing.items()) + "}"
    if isinstance(thing, list | tuple):
        return "[" + ", ".join(map(looked_at, thing)) + "]"
    if isinstance(thing, Set):  # their order is another one in each process
        return "{" + ", ".join(sorted(map(looked_at, thing))) + "}"
    if isinstance(thing, Enum) or not type(thing).__module__.startswith(("contract", "firmware_bridge", "edge_agent")):
        return repr(thing)
    if isinstance(thing, str):
        return repr(thing) + looked_at(vars(thing))
    if dataclasses.is_dataclass(thing):
        names = [f.name for f in dataclasses.fields(thing)]
    else:
        names = list(type(thing).model_fields)
    for of in type(thing).__mro__:
        if of.__module__.startswith(("contract", "firmware_bridge", "edge_agent")) and of.__name__ != "PlainModel":
            names += [n for n, what in vars(of).items() if isinstance(what, property | cached_property)]
    return (
        f"{type(thing).__name__}(" + ", ".join(f"{n}={looked_at(getattr(thing, n))}" for n in sorted(set(names))) + ")"
    )
