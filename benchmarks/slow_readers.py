"""What answers that nobody reads cost: memory of the API while many ask for large answers and read them slowly.

24 callers with keys of their own ask at once for a day of 500 channels by the minute (720,000 rows, some 54 MB each as
JSON) and read 1 KiB a second of it, for 30 s; the same through `/v1/series`, which goes out as it is made. Meanwhile
somebody else asks for the newest reading of a channel. Before there was a budget of bytes under way, 414 MB grew to
1,567. Aim: the budget (`max_answers_mb`) and what two answers take while they are made.
"""

from __future__ import annotations

import multiprocessing as mp
import socket
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import numpy as np

from benchmarks.api import DAY_CHANNELS, DAY_MS_0, block, newest
from benchmarks.fields import catalogue
from cloud.api.ports import Services
from cloud.series.compaction import DAY_MS
from cloud.series.files import SegmentFiles
from cloud.series.hourly import hourly_of
from cloud.series.manifest import Manifest
from cloud.series.parquet import ParquetStore
from contract.clock import SystemClock

READERS, LASTS_S, A_TIME = 24, 30.0, 1024
CHANNELS = 1000
DAY = {"channel": list(range(1, DAY_CHANNELS + 1)), "start": DAY_MS_0, "end": DAY_MS_0 + DAY_MS}
ASKED = {"/v1/readings": DAY, "/v1/series": DAY}


def fill(folder: Path) -> None:
    """One day of many channels, in its day's file."""
    folder.mkdir()
    manifest = Manifest(folder / "manifest.sqlite")
    files = SegmentFiles(folder, manifest)
    part = block(np.random.default_rng(7), DAY_CHANNELS, DAY_MS_0, DAY_MS_0 + DAY_MS)
    raw = files.write_raw("day", DAY_MS_0, DAY_MS_0 + DAY_MS, [part])
    manifest.commit([raw, files.write_hourly("day", DAY_MS_0, DAY_MS_0 + DAY_MS, [hourly_of(part)])])
    files.close()
    manifest.close()


def serve(folder: Path, listener: socket.socket, said: Any) -> None:
    """The API with its limits, and a key for each who asks."""
    import uvicorn

    from cloud.access import keys
    from cloud.access.access import Access
    from cloud.access.rate import Rate
    from cloud.access.scopes import Scope
    from cloud.access.settings import AccessSettings
    from cloud.api.app import create_app
    from cloud.api.limits import wrap
    from cloud.api.settings import HttpSettings
    from cloud.ledger.open import open_ledger

    stands = SimpleNamespace(
        catalogue=catalogue(CHANNELS),
        clock=SystemClock(),
        latest=newest(),
        series=ParquetStore(folder),
        log=None,
        warnings=None,
        feed=SimpleNamespace(public=False),
    )
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    access = Access(ledger, AccessSettings(mode="required"))
    rate = Rate(1e6, 1e6)
    said.send(
        [
            keys.create(ledger, f"reader {n}", [Scope.READ], rate, access.now_ms(), "shell:bench")
            for n in range(READERS + 1)
        ]
    )
    app = wrap(create_app(cast(Services, stands), access), HttpSettings())
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


class Reader(threading.Thread):
    """Asks once, and reads as slowly as that."""

    def __init__(self, address: tuple[str, int], path: str, key: str) -> None:
        super().__init__(daemon=True)
        self._address, self._path, self._key = address, path, key
        self.status, self.size = 0, 0

    def run(self) -> None:
        ends_s = time.monotonic() + LASTS_S
        client = HTTPConnection(*self._address, timeout=LASTS_S * 2)
        client.request("GET", f"{self._path}?{urlencode(ASKED[self._path], doseq=True)}", headers=_bearer(self._key))
        answer = client.getresponse()
        self.status = answer.status
        while time.monotonic() < ends_s and (part := answer.read(A_TIME)):
            self.size += len(part)
            time.sleep(1)
        client.close()


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _memory_mb(process: int | None, what: str) -> float:
    """what: VmRSS now, VmHWM the most so far."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1024


def _asked_ms(address: tuple[str, int], key: str) -> float:
    began = time.perf_counter()
    client = HTTPConnection(*address, timeout=60)
    client.request("GET", "/v1/latest?channel=1", headers=_bearer(key))
    assert client.getresponse().read()
    client.close()
    return (time.perf_counter() - began) * 1000


def run() -> dict[str, float | str]:
    out: dict[str, float | str] = {}
    for path in ASKED:
        with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as listener:
            folder = Path(name) / "series"
            fill(folder)
            here, there = mp.get_context("fork").Pipe()
            server = mp.get_context("fork").Process(target=serve, args=(folder, listener, there), daemon=True)
            server.start()
            there.close()
            try:
                *keys, other = here.recv()
                address = listener.getsockname()
                _asked_ms(address, other)
                out[f"{path}: memory before, MB"] = _memory_mb(server.pid, "VmRSS")
                readers = [Reader(address, path, key) for key in keys]
                for reader in readers:
                    reader.start()
                slowest_ms, ends_s = 0.0, time.monotonic() + LASTS_S
                while time.monotonic() < ends_s:
                    slowest_ms = max(slowest_ms, _asked_ms(address, other))
                    time.sleep(0.2)
                out[f"{path}: memory at its highest, MB"] = _memory_mb(server.pid, "VmHWM")
                out[f"{path}: others' small question, slowest, ms"] = slowest_ms
                for reader in readers:
                    reader.join()
                told = [reader.status for reader in readers]
                out[f"{path}: answers begun, told to come again"] = (
                    f"{told.count(200)}, {told.count(429) + told.count(503)} of {READERS}"
                )
            finally:
                server.kill()
    return out
