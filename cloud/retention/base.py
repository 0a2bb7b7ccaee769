"""What a trimmed log can no longer say: the newest reading of each channel up to a place in it, in `latest.npz`.

Views begin there. It is written before anything of the log goes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cloud.log.base import Cursor
from contract.readings import ReadingBatch
from host.files import put
from host.sqlite import StoreDamaged

_NAME = "latest.npz"
_REMEDY = "put the file back from a backup: the log before its place is trimmed"


@dataclass(frozen=True, slots=True)
class Base:
    """cursor: of the last entry in it. at_ms: the log's time there. latest: the newest reading of each channel."""

    cursor: Cursor
    at_ms: int
    latest: ReadingBatch


def read(folder: Path) -> Base | None:
    """None: the log is whole. Raises StoreDamaged."""
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            cursor, at_ms = (int(x) for x in found["place"])
            columns = (found["time_ms"], found["channel"], found["value"], found["flag"])
        return Base(Cursor(cursor), at_ms, ReadingBatch.of(*columns))
    except (OSError, ValueError, LookupError, EOFError) as error:
        raise StoreDamaged(f"{path} is damaged ({error}): {_REMEDY}") from error


def write(folder: Path, base: Base) -> None:
    """Durable on return. Raises OSError."""
    b, body = base.latest, io.BytesIO()
    place = np.array([base.cursor, base.at_ms], np.int64)
    np.savez(body, place=place, time_ms=b.time_ms, channel=b.channel, value=b.value, flag=b.flag)
    put(folder / _NAME, body.getvalue())
