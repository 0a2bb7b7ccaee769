"""The file in which what the quality tests remember outlives the agent: a power cut must not hide a gauge's reset."""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from host.files import sync

log = logging.getLogger(__name__)


def save(file: Path, snapshot: Mapping[str, Any]) -> None:
    """In the place of what was there, whole or not at all. Raises OSError."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **snapshot)
    beside = file.with_suffix(".new")
    with beside.open("wb") as out:
        out.write(buffer.getbuffer())
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    sync(file.parent)


def load(file: Path) -> dict[str, Any] | None:
    """What was saved; None when nothing was, or it cannot be read: then the tests begin anew, and the log says so."""
    try:
        content = io.BytesIO(file.read_bytes())
        with np.load(content, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read, so the quality tests begin anew: %s", file, error)
        return None
