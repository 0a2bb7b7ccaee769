"""mosquitto as a child that can be killed, started again on the same port, and made to forget what it had queued."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.catalogue.catalogue import Catalogue
from simulators.processes.ending import last_words
from simulators.processes.identities import Identities, make
from simulators.processes.parent import die_with_parent
from simulators.processes.ports import free_port, wait_for_port

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")  # where Debian puts it; a user's PATH often leaves them out


class ProgramMissing(RuntimeError):
    """A program that is no part of Headwater is not on this machine; the message says what to install."""


def find_mosquitto() -> str:
    """Its path. Raises ProgramMissing."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_FOLDERS))
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise ProgramMissing("mosquitto is not installed: install your system's package of that name")
    return found


class Mosquitto:
    """Not started yet.

    folder: for its configuration, its log and what it remembers. extra: lines for its configuration.
    identities: of a district, made for `port`; then it runs with the files that `headwater-cloud` wrote for it.
    """

    def __init__(
        self, folder: Path, extra: str = "", port: int | None = None, identities: Identities | None = None
    ) -> None:
        self.program = find_mosquitto()
        self.folder = folder
        self.port = port or free_port()
        self.identities = identities
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "mosquitto.conf"
        if identities is not None:
            self.config = identities.conf
            return
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 200\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            f"max_queued_messages 0\nuser root\n{extra}\n"
        )

    def start(self) -> None:
        """Returns when it listens. Raises RuntimeError. It dies with the thread that calls this."""
        log_path = self.folder / "mosquitto.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-c", str(self.config)],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )
        if self.identities is not None:
            self.identities.pid_file.write_text(str(self.process.pid))
        try:
            wait_for_port(self.port, self.process)
        except RuntimeError as error:
            self.kill()
            raise RuntimeError(f"{error}; {last_words(log_path)}") from error

    def kill(self, forget: bool = False) -> None:
        """kill -9, as a power cut does. forget: what it had stored for absent clients is gone, too."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        if forget:
            self.config.with_name("mosquitto.db").unlink(missing_ok=True)


@contextmanager
def mosquitto(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """A broker that takes anybody, killed at the end. Raises ProgramMissing."""
    server = Mosquitto(folder, extra)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def tls_mosquitto(folder: Path, catalogue: Catalogue) -> Iterator[Mosquitto]:
    """A broker with mutual TLS, and an identity for every gateway of the district. Raises ProgramMissing.

    `.identities` names everybody's files; `Scene(broker=("127.0.0.1", b.port), identities=b.identities.folder)` uses
    them. A change through `.identities.authority(catalogue)` is told to the broker by SIGHUP.
    """
    find_mosquitto()  # before the work of making identities
    port = free_port()
    server = Mosquitto(folder, port=port, identities=make(folder / "identities", catalogue, port))
    server.start()
    try:
        yield server
    finally:
        server.kill()
