"""Child processes that never outlive us, with their words kept in a file each."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from simulators.processes.ending import how_it_ended, last_words
from simulators.processes.parent import die_with_parent


class ChildDied(RuntimeError):
    """A process ended by itself; the message holds the end of its log."""


class Child:
    def __init__(self, name: str, module: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        log.parent.mkdir(parents=True, exist_ok=True)

    @property
    def stdout(self) -> Path:
        return self._log.with_suffix(".out")

    def start(self) -> None:
        with self._log.open("ab") as errors, self.stdout.open("wb") as out:
            # A session of its own: Ctrl-C is ours to hand on. Start from the main thread: the child dies with the
            # thread that made it. One system call between fork and exec is safe beside other threads.
            self._process = subprocess.Popen(
                self._command,
                stdout=out,
                stderr=errors,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raises ChildDied."""
        if self._process is not None and self._process.poll() is not None:
            raise ChildDied(f"{self.name} {how_it_ended(self._process.returncode)}; {last_words(self._log)}")

    def stop(self, timeout_s: float = 60.0) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def first_line(self, timeout_s: float = 120.0) -> str:
        """What it printed first. Raises ChildDied."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            text = self.stdout.read_text() if self.stdout.exists() else ""
            if "\n" in text:
                return text.partition("\n")[0]
            self.check()
            time.sleep(0.05)
        self.check()
        raise ChildDied(f"{self.name} said nothing for {timeout_s:g} s; {last_words(self._log)}")
