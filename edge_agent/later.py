"""A module that a library imports and this program never uses, loaded when it is used after all.

The standard library's own LazyLoader loads it at the library's `import` already (Python 3.11 looks at `__spec__`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


def load_when_used(name: str) -> None:
    """name: of a module within a package. Whoever imports it gets a stand-in, which loads it when something of it is
    looked up."""
    if name in sys.modules:
        return
    stand_in = ModuleType(name)
    stand_in.__spec__ = importlib.util.find_spec(name)

    def of_the_module(attribute: str) -> Any:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    vars(stand_in)["__getattr__"] = of_the_module
    sys.modules[name] = stand_in
    package, _, own = name.rpartition(".")
    vars(sys.modules[package])[own] = stand_in
