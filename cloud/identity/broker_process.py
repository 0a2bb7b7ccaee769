"""The broker that runs on this machine: told to read its files again, which belong to root and its group."""

from __future__ import annotations

import os
import pwd
import signal
from pathlib import Path

_PROGRAM = "mosquitto"


def reload(pid_file: Path, user: str) -> None:
    """SIGHUP to mosquitto. Who may write the file could name any process, and the signal ends most: so the one it names
    must be mosquitto, of root or of `user`.

    Raises OSError, and ValueError when it is another or no number of a process.
    """
    handle = os.open(pid_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        pid = int(file.read(32))
    if pid <= 1:
        raise ValueError(f"{pid} is no broker's process")
    process = os.pidfd_open(pid)  # the same one is asked and told, though its number were given again
    try:
        program = Path(f"/proc/{pid}/comm").read_text().strip()
        owner = Path(f"/proc/{pid}").stat().st_uid
        if program != _PROGRAM or owner not in {0, os.geteuid(), _uid(user)}:
            raise ValueError(f"process {pid} is {program} of user {owner}, not {_PROGRAM}")
        signal.pidfd_send_signal(process, signal.SIGHUP)
    finally:
        os.close(process)


def owner_for(user: str) -> tuple[int, int] | None:
    """Whose the broker's files are: root's, and its user's group; None where that is not for us to say, or that user is
    not known here."""
    if os.geteuid() != 0:
        return None
    try:
        return 0, pwd.getpwnam(user).pw_gid
    except KeyError:  # the broker is on another machine
        return None


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return 0
