"""Opens the batch log by the engine that the configuration names. A new engine is one module and one line here."""

from __future__ import annotations

from pathlib import Path

from cloud.log.base import BatchLog
from cloud.log.sqlite import SqliteLog

ENGINES = {
    "sqlite": SqliteLog.in_folder,
}


def open_log(folder: Path, engine: str = "sqlite") -> BatchLog:
    """The log in `folder`, made when it is not there.

    engine: a key of `ENGINES`. Raises StoreDamaged when what is there cannot be used.
    """
    return ENGINES[engine](folder)
