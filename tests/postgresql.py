"""A real PostgreSQL for tests: Debian's, on loopback, on a free port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.servers import free_port, require
from tests.waiting import until


class PostgreSQL:
    """durable: commits are on the disk, as they are at an operator's; without, a body of tests is quicker."""

    def __init__(self, folder: Path, durable: bool) -> None:
        self._bin = _programs()
        self._data = folder / "data"
        self._folder = folder
        self._user = _user()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._options = [] if durable else ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        if self._user is not None:
            shutil.chown(folder, self._user)
        arguments = ["-D", str(self._data), "-U", "headwater", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([self._bin / "initdb", *arguments], check=True, capture_output=True, user=self._user, cwd=folder)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://headwater@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it answers. One that was killed may leave children behind, which keep it out for a moment."""
        until(self._started)

    def _started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"]
            options += ["-c", f"unix_socket_directories={self._folder}", *self._options]
            with (self._folder / "log").open("ab") as log:
                command = [self._bin / "postgres", "-D", str(self._data), *options]
                self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd=self._folder)
        with suppress(OperationalError):
            self.run("select 1")
            return True
        return False

    def kill(self) -> None:
        """As the kernel's out-of-memory killer does; its children see it and end by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def run(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(text(statement))


@contextmanager
def postgresql(durable: bool = True) -> Iterator[PostgreSQL]:
    """In CI its absence is a failure; on a laptop, a named skip."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-pg-"))
    try:
        server = PostgreSQL(folder, durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """Debian keeps the server's programs off the PATH, a folder a version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path(require("initdb")).parent


def _user() -> str | None:
    """It refuses to run as root: then as the user that Debian's package made."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"
