"""What is watched of the cloud in `benchmarks.load`: memory, CPU, health, and signs of life as systemd hears them."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import httpx2
import numpy as np

WATCHDOG_S = 10.0  # a stricter one than the unit's
_HEALTH_LIMIT_S = 5.0


class Manager:
    """Hears READY=1 and WATCHDOG=1 in the place of systemd. Open it before the cloud is started."""

    def __init__(self, folder: Path) -> None:
        path = str(folder / "notify")
        self.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._beats_s: list[float] = []
        threading.Thread(target=self._listen, name="manager", daemon=True).start()

    def gaps_s(self) -> list[float]:
        """Between signs of life, and since the last."""
        return [float(g) for g in np.diff([*self._beats_s, time.monotonic()])]

    def _listen(self) -> None:
        while True:
            if b"WATCHDOG=1" in self._socket.recv(200):
                self._beats_s.append(time.monotonic())


class Watch:
    """Looks once a second until `stop`."""

    def __init__(self, pid: int, http: str) -> None:
        self._pid, self._http = pid, http
        self.memory_mb: list[float] = []
        self.health_s: list[float] = []
        self.health_failed = 0
        self._cpu_s, self._began_s = cpu_s(pid), time.monotonic()
        self.cores = 0.0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=x, daemon=True) for x in (self._memory, self._health)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.cores = (cpu_s(self._pid) - self._cpu_s) / (time.monotonic() - self._began_s)
        self._over.set()
        for thread in self._threads:
            thread.join(_HEALTH_LIMIT_S + 1)

    def quarters_mb(self) -> list[float]:
        """Memory at the end of each quarter of the time: the median of what was seen around it."""
        return [float(np.median(part[-5:])) for part in np.array_split(self.memory_mb, 4) if len(part)]

    def _memory(self) -> None:
        while not self._over.wait(1.0):
            self.memory_mb.append(memory_mb(self._pid, "VmRSS"))

    def _health(self) -> None:
        with httpx2.Client(timeout=_HEALTH_LIMIT_S, trust_env=False) as client:
            while not self._over.wait(1.0):
                began = time.monotonic()
                try:
                    good = client.get(f"{self._http}/healthz").status_code == 200
                except httpx2.HTTPError:
                    good = False
                self.health_s.append(time.monotonic() - began)
                self.health_failed += not good


def memory_mb(pid: int, name: str) -> float:
    """name: VmRSS (now) or VmHWM (at its highest)."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) / 1024


def cpu_s(pid: int) -> float:
    """User and system time of a process since its start."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
