"""What a reading takes on the cloud's disk, for the sizing table of docs/in-the-cloud.md.

The log holds the message as it came, so small messages cost more: 5, 20 and 100 readings each. The series holds the
reading once more, in files of a month in the end. The data: as in `benchmarks.views`; the ledger is not counted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.fields import START_MS
from benchmarks.views import minutes, month_bytes
from cloud.log.base import NewEntry
from cloud.log.open import open_log
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

CHANNELS, MINUTES = 2000, 60
PER_MESSAGE = (5, 20, 100)


def log_bytes(folder: Path, per_message: int) -> float:
    """Bytes a reading of a log on disk, closed."""
    log = open_log(folder)
    seq = 0
    for whole in minutes(CHANNELS, MINUTES, START_MS, np.random.default_rng(5)):
        entries = []
        for at in range(0, CHANNELS, per_message):
            part = whole.take(slice(at, at + per_message))
            seq += 1
            payload = encode_batch(WireBatch("gw", 1, seq, Lane.LIVE, part))
            entries.append(NewEntry("gw", 1, seq, Lane.LIVE, int(part.time_ms.min()), int(part.time_ms.max()), payload))
        log.append(entries, int(whole.time_ms.max()) + 1000)
    log.close()
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / (CHANNELS * MINUTES)


def run() -> dict[str, float | str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "month").mkdir()
        month = month_bytes(folder / "month")
        out: dict[str, float | str] = {"series, a month's file, bytes a reading": month}
        for per_message in PER_MESSAGE:
            taken = log_bytes(folder / f"log{per_message}", per_message)
            out[f"log, {per_message} readings a message, bytes a reading"] = taken
            year = (taken + month) * 1000 * 60 * 24 * 365 / 1e9
            out[f"1,000 readings a minute, {per_message} a message, GB a year"] = year
    return out
