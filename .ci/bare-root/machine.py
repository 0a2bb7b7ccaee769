"""A bare root as a machine: commands are given in it as root, with the time and the network of whoever plays."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from guide import Command, Written, steps

HERE = Path(__file__).parent
_NODES = ("null", "zero", "full", "random", "urandom", "tty")
NAMES = "127.0.0.1 localhost mqtt.example.org headwater.example\n10.1.0.5 centre.example\n"


class Machine:
    """root: a folder with a Debian in it; it may be altered.

    In a mount namespace of our own, which takes the mounts with it: nothing here may delete the folder before that."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        for kind, folder in (("proc", "proc"), ("tmpfs", "dev"), ("tmpfs", "run")):
            (root / folder).mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", kind, kind, root / folder], check=True)
        for node in _NODES:
            (root / "dev" / node).touch()
            subprocess.run(["mount", "--bind", f"/dev/{node}", root / "dev" / node], check=True)
        (root / "dev" / "shm").mkdir(mode=0o1777)
        (root / "dev" / "pts").mkdir()
        subprocess.run(["mount", "--bind", "/dev/pts", root / "dev" / "pts"], check=True)
        (root / "dev" / "fd").symlink_to("/proc/self/fd")
        for tool in ("systemctl", "journalctl"):
            (root / "usr" / "bin" / tool).unlink(missing_ok=True)
            shutil.copy(HERE / tool, root / "usr" / "bin" / tool)
        (root / "run" / "systemd" / "system").mkdir(parents=True)
        (root / "run" / "lock").mkdir()
        (root / "etc" / "hosts").write_text(NAMES)

    def run(self, command: str, code: int = 0) -> str:
        """What it says on both outputs. Ends the play when its exit code is another."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        env = {"PATH": path, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8", "COLUMNS": "200"}
        began = time.monotonic()
        done = subprocess.run(
            ["chroot", self.root, "/bin/bash", "-o", "pipefail", "-c", f"cd /root && {command}"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=170, check=False,
        )  # fmt: skip
        print(f"{self.name}  {time.monotonic() - began:5.1f} s  $ {command}", flush=True)
        if done.returncode != code:
            sys.exit(f"exit code {done.returncode}, not {code}:\n{done.stdout}")
        return done.stdout

    def follow(self, page: Path) -> None:
        """Every step of a guide."""
        for step in steps(page):
            if isinstance(step, Written):
                path = self.root / step.path.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a" if step.more else "w") as file:
                    file.write(step.content)
            else:
                self._give(step)

    def _give(self, step: Command) -> None:
        if step.text == "apt-get update":  # there is no network here: what is to be installed was fetched before
            return
        said = self.run(step.text)
        for line in step.told:
            if line not in said:
                sys.exit(f"the guide tells of {line!r}; it said:\n{said}")

    def until(self, command: str, good: Callable[[str], bool], within_s: float = 60) -> str:
        """Asks once a second until the answer is good."""
        end = time.monotonic() + within_s
        while True:
            done = subprocess.run(
                ["chroot", self.root, "/bin/bash", "-c", command], capture_output=True, text=True, check=False
            )
            if done.returncode == 0 and good(done.stdout):
                print(f"{self.name}  {within_s - end + time.monotonic():5.1f} s  waited for: {command}", flush=True)
                return done.stdout
            if time.monotonic() > end:
                sys.exit(f"not within {within_s} s: {command}\n{done.stdout}{done.stderr}")
            time.sleep(0.5)
