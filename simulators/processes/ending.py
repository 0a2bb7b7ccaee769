"""How a child ended, and the last of what it said."""

from __future__ import annotations

import signal
from pathlib import Path

_LINES = 8


def how_it_ended(code: int | None) -> str:
    """In words. code: as `subprocess` and `multiprocessing` give it; negative for a signal, None while it runs."""
    if code is None:
        return "still runs"
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with {code}"


def last_words(log: Path) -> str:
    """The log's name and its last lines, for an error message."""
    lines = log.read_text(errors="replace").splitlines()[-_LINES:] if log.exists() else []
    return f"{log}:\n" + ("\n".join(lines) or "it said nothing")
