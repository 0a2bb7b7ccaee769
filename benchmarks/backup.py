"""How long a backup keeps the log from whoever appends, beside a cloud that runs, with a small log and a large one.

The cloud and its views run in this process; `headwater-cloud backup` is a command of its own; a batch is appended fifty
times a second, and the longest time that one took is what a gateway may have waited for its acknowledgement. Aim: as
long with the large log as with the small one, under 3 s. A city of 50,000 sensors a minute makes 730,000 entries a day.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.edge import REGISTERS, UNITS, district
from cloud.app.cloud import Cloud
from cloud.config import load_config
from cloud.log.base import BatchLog, NewEntry
from cloud.log.open import open_log
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

SIZES = (20_000, 400_000)
PER_MESSAGE, _AT_ONCE = 100, 2000
_PAUSE_S = 0.02
_NUMBERS = np.array([u * 100 + i for u in range(1, UNITS + 1) for i in range(REGISTERS)], np.uint32)


def run() -> dict[str, Any]:
    """Seconds and megabytes, by how many entries the log had."""
    out: dict[str, Any] = {}
    for size in SIZES:
        folder = Path(tempfile.mkdtemp())
        try:
            out |= {f"{name}, {size:,} entries": value for name, value in _beside_a_cloud(folder, size).items()}
        finally:
            shutil.rmtree(folder)
    return out


def _beside_a_cloud(folder: Path, size: int) -> dict[str, Any]:
    district(folder / "district", 1)
    path = folder / "cloud.yaml"
    settings = {"catalogue": "district", "data_dir": "data", "broker": {"embedded": True, "port": 0}}
    more = {"http": {"port": 0}, "access": {"mode": "open"}, "delivery": [{"kind": "log", "name": "l", "path": "t"}]}
    path.write_text(yaml.safe_dump(settings | more))
    (folder / "data").mkdir()
    chance = np.random.default_rng(3)
    now_ms = time.time_ns() // 1_000_000
    log = open_log(folder / "data")
    for first in range(1, size + 1, _AT_ONCE):
        at = [(n, now_ms - (size - n) * 100) for n in range(first, first + _AT_ONCE)]
        log.append([_entry(n, at_ms, chance) for n, at_ms in at], at[-1][1])
    log.close()
    cloud = Cloud(load_config(path))
    parts = (*cloud.runners, *cloud.dispatchers)
    for part in parts:
        part.start()
    try:
        while any(r.state().behind for r in cloud.runners):
            time.sleep(0.2)
        return _figures(folder, path, cloud.log, size)
    finally:
        for part in parts:
            part.stop()
        for close in (cloud.ledger.dispose, cloud.quarantine.close, cloud.log.close):
            close()


def _figures(folder: Path, path: Path, log: BatchLog, size: int) -> dict[str, Any]:
    ended, took = threading.Event(), list[tuple[float, float]]()

    def append() -> None:
        chance = np.random.default_rng(4)
        for seq in itertools.count(size + _AT_ONCE):
            if ended.is_set():
                return
            now_ms = time.time_ns() // 1_000_000
            began_s = time.perf_counter()
            log.append([_entry(seq, now_ms, chance)], now_ms)
            took.append((began_s, time.perf_counter() - began_s))
            time.sleep(_PAUSE_S)

    thread = threading.Thread(target=append)
    thread.start()
    try:
        time.sleep(3)
        began_s = time.perf_counter()
        run = [sys.executable, "-m", "cloud.cli", "backup", "--config", str(path), "--to", str(folder / "copy")]
        subprocess.run(run, check=True, capture_output=True)
        whole_s = time.perf_counter() - began_s
    finally:
        ended.set()
        thread.join()
    return {
        "longest wait of an append (s)": max(s for at, s in took if at >= began_s),
        "median append without (s)": statistics.median(s for at, s in took if at < began_s),
        "the command (s)": whole_s,
        "copied (MB)": sum(p.stat().st_size for p in (folder / "copy").rglob("*") if p.is_file()) / 1e6,
    }


def _entry(seq: int, at_ms: int, chance: np.random.Generator) -> NewEntry:
    channel = np.roll(_NUMBERS, -(seq * PER_MESSAGE) % len(_NUMBERS))[:PER_MESSAGE]
    value = np.round(0.3 + chance.normal(0, 0.01, PER_MESSAGE), 3)
    readings = ReadingBatch.of(np.full(PER_MESSAGE, at_ms // 1000 * 1000), channel, value, np.ones(PER_MESSAGE))
    payload = encode_batch(WireBatch("gw", 1, seq, Lane.LIVE, readings))
    return NewEntry("gw", 1, seq, Lane.LIVE, at_ms, at_ms, payload)
