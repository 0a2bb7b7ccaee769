"""Files that hold one secret (a key, a token, a password): found out before a program starts that needs it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

_LONGEST = 4096  # bytes; a key of 64 bytes in base64 has 92


def secret_trouble(path: Path, what: str) -> str | None:
    """Why the secret in the file cannot be had by the user that asks, and what to do; None when it can.

    what: that it is, e.g. "the key". The secret itself is never in the answer.
    """
    try:
        said = _wrong_with(path)
    except (FileNotFoundError, NotADirectoryError):
        said = "is not a file"
    except PermissionError:
        return not_readable(path)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} {said}: put {what} there" if said else None


def open_to_others(path: Path) -> str | None:
    """That other users of the machine can read a secret, and what to do; None when they cannot, or it is not there."""
    try:
        mode = path.stat().st_mode
        ways = [folder.stat().st_mode for folder in path.resolve().parents]
    except (OSError, RuntimeError):
        return None
    if not mode & stat.S_IROTH or not all(way & stat.S_IXOTH for way in ways):
        return None
    return f"{path} can be read by every user of this machine (mode {stat.S_IMODE(mode):04o}): chmod 0600, and new ones"


def not_readable(path: Path) -> str:
    """What to do about a file that this user may not read, or whose folder it may not look into."""
    return f"{path} cannot be read by the user {_user()}: give the file or its folder to it, chown {_user()}"


def _wrong_with(path: Path) -> str:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    if found.st_size > _LONGEST:
        return f"has {found.st_size} bytes, more than {_LONGEST}"
    try:
        return "" if path.read_text(encoding="ascii").strip() else "is empty"
    except UnicodeDecodeError:
        return "holds other bytes than text"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.geteuid())
