"""How much memory something holds on to, measured from outside."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def kept_bytes() -> Iterator[Callable[[], int]]:
    """Gives a function that says how many bytes were allocated since, and not given back."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
