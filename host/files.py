"""What was written to files is on the disk, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, body: bytes) -> None:
    """A file with these bytes, in the place of one of that name: all of it or nothing. Raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """A file, or the names in a folder, on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
