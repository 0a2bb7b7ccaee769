"""Folders and files that other users of the machine may not look into.

Whoever may open a SQLite file, to read only, may lock it for as long as he likes, and its owner waits. So a data folder
is closed before anything in it is opened.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER, GROUP_LOOKS_IN = 0o700, 0o750


class NotPrivate(Exception):
    """Others could get in, and we cannot keep them out. The message says what to do."""


@contextmanager
def closed_to_others() -> Iterator[None]:
    """Files that are made meanwhile are their owner's alone, whatever started us."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def close_folder(folder: Path, mode: int = OWNER, files: Iterable[str] = ("*.sqlite*",)) -> None:
    """Makes it, or takes from its mode what is more than `mode`; files: patterns of what is the owner's alone.

    Raises NotPrivate where that cannot be done, OSError where the folder cannot be made.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    _tighten(folder, mode)
    for pattern in files:
        for found in sorted(folder.glob(pattern)):
            if not found.is_symlink():
                _tighten(found, OWNER if found.is_dir() else 0o600)


def close_file(path: Path) -> None:
    """A SQLite file, where there is one, and those beside it. Raises NotPrivate."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        _tighten(path.with_name(name), 0o600)


def exchangeable(path: Path, ours: Collection[int]) -> str | None:
    """Who besides the users `ours` could put something else in the place of `path`, which need not be there: the first
    folder on the way to it that belongs to another user of this machine, or that anybody may write in. None: nobody.

    A number without a name is no user here: of a container's folders, or of a disk from another machine.
    """
    here, real = path.absolute(), Path(os.path.realpath(path))
    for folder in dict.fromkeys((*here.parents, *real.parents)):
        if folder == folder.parent:
            continue
        try:
            at, leads_to = folder.lstat(), folder.stat()
        except OSError:  # not there yet
            continue
        for uid in (at.st_uid, leads_to.st_uid):
            if uid not in ours and (name := _name(uid)) is not None:
                return f"{folder} belongs to {name}"
        if leads_to.st_mode & stat.S_IWOTH and not leads_to.st_mode & stat.S_ISVTX:
            return f"anybody may write in {folder}"
    return None


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _tighten(path: Path, mode: int) -> None:
    """By the open file: what stands at the name cannot be exchanged between the look and the change."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:  # gone in between
        return
    except OSError as error:
        raise NotPrivate(f"{path} cannot be opened ({error.strerror}): give it to the user that runs this") from error
    try:
        had = os.fstat(handle)
        if stat.S_IMODE(had.st_mode) & ~mode:
            os.fchmod(handle, stat.S_IMODE(had.st_mode) & mode)
    except OSError as error:
        what = f"{path} is open to other users of this machine (mode {stat.S_IMODE(had.st_mode):04o})"
        raise NotPrivate(
            f"{what} and belongs to another: chown it to the user that runs this, chmod {mode:04o}"
        ) from error
    finally:
        os.close(handle)
