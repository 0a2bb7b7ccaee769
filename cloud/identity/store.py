"""The registry on disk: one JSON file, replaced whole, so that a reader never sees half of a change."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from cloud.identity.registry import Identity, Registry
from host.files import sync

FILE = "registry.json"


class IdentityError(ValueError):
    """Something an operator must mend; the message says what."""


def write(path: Path, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Durable, and there whole or not at all. Private keys: mode 0o600, from the first byte on. A link at the name is
    replaced, not followed.

    owner: user and group, where root writes; None: those of the file before, or of its folder.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        _keep_owner(file.fileno(), path, owner)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def read(folder: Path) -> Registry:
    """Raises IdentityError."""
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Registry(tuple(Identity.model_validate_json(json.dumps(i)) for i in found["identities"]))
    except FileNotFoundError as error:
        raise IdentityError(f"{path} is missing: `headwater-cloud gateway add` starts it") from error
    except (OSError, ValueError, KeyError, TypeError, ValidationError, RecursionError) as error:
        raise IdentityError(f"{path} cannot be read ({error}): bring it back from a backup") from error


def save(folder: Path, registry: Registry) -> None:
    """Replaces the list of identities in the folder, all of it or nothing. Raises OSError."""
    lines = ",\n".join(i.model_dump_json() for i in registry.identities)
    write(folder / FILE, f'{{"version": 1, "identities": [\n{lines}\n]}}\n'.encode())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One change at a time, whoever makes it. Makes the folder, closed to others."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    with own_file(folder / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def own_file(path: Path) -> Iterator[BinaryIO]:
    """A file to append to, made when it is not there. Raises IdentityError where something else stands at its name: a
    link would have root write into what it points to."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o640)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _no_file(path) from error
        raise
    with os.fdopen(handle, "ab", closefd=True) as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise _no_file(path)
        yield file


def _no_file(path: Path) -> IdentityError:
    return IdentityError(f"{path} is no file of its own (a link?): look who put it there, and remove it")


def _keep_owner(handle: int, path: Path, owner: tuple[int, int] | None) -> None:
    """A folder handed to the user of the cloud stays readable to it when root writes there."""
    if os.geteuid() == 0:
        if owner is None:
            there = path if os.path.lexists(path) and not path.is_symlink() else path.parent
            had = there.stat()
            owner = had.st_uid, had.st_gid
        os.fchown(handle, *owner)
