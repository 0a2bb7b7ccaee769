"""What each simulated sensor's register held at each read or event: the measure of every audit.

Appended row by row to a plain file of fixed-size records, so that it survives whatever dies around it.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contract.readings import ReadingBatch

_ROW = np.dtype([("time_ms", "<i8"), ("channel", "<u4"), ("value", "<f8")])


class TruthRecorder:
    """Used by one thread; `flush` makes what was recorded visible to others."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")

    def record(self, time_ms: int, channel: int, value: float) -> None:
        self._file.write(np.array((time_ms, channel, value), _ROW).tobytes())

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_log(path: Path) -> ReadingBatch:
    """The recorder's file, sorted by channel, then time; a torn last row is left out."""
    data = path.read_bytes()
    rows = np.frombuffer(data[: len(data) // _ROW.itemsize * _ROW.itemsize], _ROW)
    rows = rows[np.lexsort((rows["time_ms"], rows["channel"]))]
    return ReadingBatch.of(rows["time_ms"], rows["channel"], rows["value"])


def write_parquet(truth: ReadingBatch, path: Path) -> None:
    table = pa.table({"time_ms": truth.time_ms, "channel": truth.channel, "value": truth.value})
    pq.write_table(table, path)


def read_parquet(path: Path) -> ReadingBatch:
    table = pq.read_table(path)
    columns = (table[name].to_numpy() for name in ("time_ms", "channel", "value"))
    return ReadingBatch.of(*columns)
