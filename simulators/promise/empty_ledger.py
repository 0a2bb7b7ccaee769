"""An empty ledger for a run. Making its tables takes longer than a seed may; they are made once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud.ledger.open import open_ledger


@cache
def empty_ledger() -> bytes:
    """A SQLite file with every table and no row. Nothing of it stays on the disk: the processes of a campaign are ended
    without a word."""
    with TemporaryDirectory(prefix="headwater-ledger-") as folder:
        path = Path(folder) / "ledger.sqlite"
        open_ledger(f"sqlite:///{path}").dispose()
        return path.read_bytes()
