"""Files of ours in folders in which another user may write: what that user put at their names is neither followed, nor
read, nor written."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def open_own(path: Path, mode: int = 0o600) -> int:
    """A file to read and to append to, as a handle; made when it is not there. What its mode has more than `mode` is
    taken from it: whoever may open a file to read may lock it, too.

    Raises OSError, which says what to do where something else stands at the name: a link would have us write into what
    it points to.
    """
    handle = _opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, mode)
    had = stat.S_IMODE(os.fstat(handle).st_mode)
    if had & ~mode:
        with suppress(PermissionError):  # root's, in a folder of ours: as good as closed to us
            os.fchmod(handle, had & mode)
    return handle


def read_own(path: Path, most_bytes: int = 1 << 20) -> bytes:
    """What stands in a file that only we write. Raises OSError, which says what to do."""
    with os.fdopen(_opened(path, os.O_RDONLY), "rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes} bytes: look who wrote it", str(path))
    return data


def _opened(path: Path, flags: int, mode: int = 0) -> int:
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _not_own(path) from error
        raise
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(handle)
        raise _not_own(path)
    return handle


def _not_own(path: Path) -> OSError:
    return OSError(errno.EPERM, f"{path} is no file of its own (a link?): look who put it there, and remove it")


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """While it lasts no other command that names the same file. Raises BlockingIOError when another is at work."""
    handle = open_own(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
