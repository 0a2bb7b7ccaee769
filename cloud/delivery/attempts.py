"""How attempts run and how their pauses are spread, where nobody plays time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable


def spread() -> float:
    """A factor for a pause: consumers that fail together are not asked together."""
    return random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret


def in_a_thread(attempt: Callable[[], None]) -> None:
    """Each attempt in a thread of its own."""
    threading.Thread(target=attempt, name="attempt", daemon=True).start()
