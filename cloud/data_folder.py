"""Whether the user that is to run the cloud may write in its data folder, found out before it starts."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

RESTORING = ".restoring"  # what `restore` puts together in a folder that is there, until it is whole


def data_folder_trouble(data_dir: Path) -> str | None:
    """What keeps this user from using the folder, or from making it, and what to do; None when nothing does."""
    user = _name(os.geteuid())
    there = data_dir
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return f"{there} is no folder: name another"
    if there != data_dir:
        if _may(there, os.R_OK | os.W_OK | os.X_OK):
            return None
        return f"{data_dir} is not there, and {user} cannot make it: install -d -o {user} -m 0700 {data_dir}"
    if not _may(there, os.R_OK | os.W_OK | os.X_OK):
        return f"{there} belongs to {_owner(there)}, and {user} cannot write there: chown -R {user}: {there}"
    return _trouble_inside(data_dir, user)


def _trouble_inside(data_dir: Path, user: str) -> str | None:
    if (data_dir / RESTORING).exists():
        return f"{data_dir}: a restore did not come to its end: empty the folder, and give `restore` again"
    for found in sorted(data_dir.iterdir()):
        wanted = os.R_OK | os.W_OK | (os.X_OK if found.is_dir() else 0)
        if not found.is_symlink() and not _may(found, wanted):
            return f"{found} belongs to {_owner(found)}, and {user} cannot write it: chown -R {user}: {data_dir}"
    return None


def _may(path: Path, wanted: int) -> bool:
    return os.access(path, wanted, effective_ids=True)


def _owner(path: Path) -> str:
    return _name(path.stat().st_uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
