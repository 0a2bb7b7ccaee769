"""What the water truly did, as the process that steps it wrote it down: the measure of how soon people are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from contract.readings import Float64s, Int64s


@dataclass(frozen=True, slots=True)
class WaterRecord:
    """names: of n signals. time_ms: shape (t,), UTC, rising. depth_m: shape (t, n)."""

    names: Sequence[str]
    time_ms: Int64s
    depth_m: Float64s


class WaterRecorder:
    """Appends a row of each step's depths to a file, whose first line are the signals' names."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._file: BinaryIO = path.open("wb")
        self._file.write((" ".join(names) + "\n").encode())

    def write(self, time_ms: int, depths_m: Sequence[float]) -> None:
        self._file.write(np.array([time_ms, *depths_m], "<f8").tobytes())

    def close(self) -> None:
        self._file.close()


def read_water(path: Path) -> WaterRecord:
    """The recorder's file; a torn last row is left out. Raises OSError when there is none."""
    head, _, data = path.read_bytes().partition(b"\n")
    names = head.decode().split()
    width = 1 + len(names)
    rows = np.frombuffer(data[: len(data) // (8 * width) * 8 * width], "<f8").reshape(-1, width)
    return WaterRecord(names, rows[:, 0].astype(np.int64), rows[:, 1:])
