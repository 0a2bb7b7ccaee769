"""mosquitto as a child that can be killed, and that can forget what it had queued."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from simulators.catchment.swmm import die_with_parent

_START_S = 15.0


class BrokerMissing(RuntimeError):
    """There is no mosquitto on this machine."""


def find_mosquitto() -> str:
    """Raises BrokerMissing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise BrokerMissing("mosquitto is not installed: install your system's package of that name")
    return found


class Broker:
    """Starts mosquitto with a configuration file that listens on `port` of loopback, again and again."""

    def __init__(self, config: Path, port: int, memory: Path) -> None:
        self.config, self.port, self._memory = config, port, memory
        self._program = find_mosquitto()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens. Raises RuntimeError."""
        with (self.config.parent / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self.config)],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as s:
                s.settimeout(0.2)
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"mosquitto does not listen on port {self.port}; see {self.config.parent}/mosquitto.log")

    def kill(self, forget: bool = False) -> None:
        """kill -9. forget: what it had stored for absent clients is gone, too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if forget:
            self._memory.unlink(missing_ok=True)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
