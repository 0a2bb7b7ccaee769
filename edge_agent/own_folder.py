"""One agent a data folder: two would take each other's batches, and each other's door."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from host.own_files import open_own
from host.private import GROUP_LOOKS_IN

log = logging.getLogger(__name__)

_NAME = "agent.lock"


class InUse(Exception):
    """Another agent has the folder; the text says which, and what to do."""


def keep(folder: Path) -> None:
    """The folder is this process's until it ends, whatever it becomes (`os.execv`). Raises InUse.

    A folder that cannot be written to is kept by nobody: the agent measures all the same, and its spool says why.
    """
    try:
        folder.mkdir(mode=GROUP_LOOKS_IN, parents=True, exist_ok=True)
        file = open_own(folder / _NAME)  # the group that looks in could lock what it may read, and no agent would start
    except OSError as error:
        log.warning("nothing keeps a second agent out of %s: %s", folder, error)
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(file, 20, 0).decode(errors="replace").strip()
        os.close(file)
        raise InUse(
            f"an agent works in {folder} already (process {other or 'unknown'}): stop that one "
            "(systemctl stop headwater-edge), or give this one a data_dir of its own"
        ) from None
    except OSError as error:  # a file system without locks
        os.close(file)
        log.warning("nothing keeps a second agent out of %s: %s", folder, error)
        return
    try:
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
    except OSError as error:  # no room; the lock holds all the same
        log.warning("%s does not name its process: %s", folder / _NAME, error)
    os.set_inheritable(file, True)
