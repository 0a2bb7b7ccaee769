"""What was written to files is on the disk, also after a power cut; and files that are given to us, read with care."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_LONGEST_SECRET = 4096


def put(path: Path, body: bytes) -> None:
    """A file with these bytes, in the place of one of that name: all of it or nothing. Raises OSError.

    A link at the name, or at that of the file beside it, is replaced and not followed.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """A file, or the names in a folder, on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_given(path: Path, most_bytes: int) -> bytes:
    """A file that somebody named, or that lies in a folder that somebody named: a regular one of at most so many bytes.

    A device never ends, a FIFO never begins, and a link that another user laid into a folder can lead to a file that
    root alone may read, of which a command's mistakes would then tell: so a link may lead no further than the folder
    that it lies in. Raises OSError, which says what to do.
    """
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError:  # which would name the first folder that is missing
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except RuntimeError:  # what this Python says of links in a circle
        raise OSError(errno.ELOOP, "it is a link that leads to itself: give a regular file") from None
    if not real.is_relative_to(path.parent.resolve()):
        raise OSError(errno.EPERM, f"it is a link that leads out of its folder, to {real}: give that file itself")
    handle = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"it is {_kind(mode)}: give a regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(most_bytes + 1)
    finally:
        os.close(handle)
    if len(data) > most_bytes:
        said = f"{most_bytes >> 20} MiB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} KiB"
        raise OSError(errno.EFBIG, f"it is larger than {said}")
    return data


def read_secret(path: Path) -> str:
    """The line of a file that holds a key or a password, without blanks around it. Raises OSError and ValueError, which
    say what is wrong and nothing of what stands in it."""
    try:
        text = read_given(path, _LONGEST_SECRET).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("it holds no text") from None
    if not text:
        raise ValueError("it is empty")
    if not text.isprintable():
        raise ValueError("it holds more than one line, or control characters")
    return text


def _kind(mode: int) -> str:
    kinds = {
        "a folder": stat.S_ISDIR,
        "a device": lambda m: stat.S_ISCHR(m) or stat.S_ISBLK(m),
        "a FIFO": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
    }
    return next((name for name, is_one in kinds.items() if is_one(mode)), "no file")
