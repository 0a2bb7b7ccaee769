"""The registry on disk: one JSON file, replaced whole, so that a reader never sees half of a change."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from cloud.identity.registry import Identity, Registry
from host.files import read_given, sync
from host.locks import Held, lock_within
from host.own_files import open_own, read_own

FILE = "registry.json"
_WAIT_S = 30.0  # for a change that another command makes
_LONGEST = 1 << 28  # bytes; an identity takes 200


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
        found = json.loads(read_given(path, _LONGEST))
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
    """One change at a time, whoever makes it. Makes the folder, closed to others.

    Raises IdentityError where another change lasts longer than half a minute, so that nobody who can open the lock
    holds a command of root's for good.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        folder.chmod(0o750)  # whatever the umask: its group is to be the service's
    with own_file(folder / ".lock") as lock:
        try:
            lock_within(lock.fileno(), _WAIT_S)
        except Held as held:
            what = "wait until that is done, or end it, and give the command again"
            raise IdentityError(f"{held} changes {folder}, and has for {_WAIT_S:g} s: {what}") from None
        yield


@contextmanager
def own_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """See `host.own_files.open_own`. Raises IdentityError where something else stands at its name."""
    with _refusing():
        handle = open_own(path, mode)
    with os.fdopen(handle, "ab", closefd=True) as file:
        yield file


def own_bytes(path: Path) -> bytes:
    """What stands in a file of the authority's. Raises IdentityError where something else stands at its name: what root
    read through a link would stand in a bundle, or in the broker's folder, for others to read."""
    with _refusing():
        return read_own(path)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EFBIG):
            raise IdentityError(
                f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
            ) from error
        raise


def _keep_owner(handle: int, path: Path, owner: tuple[int, int] | None) -> None:
    """A folder handed to the user of the cloud stays readable to it when root writes there."""
    if os.geteuid() == 0:
        if owner is None:
            there = path if os.path.lexists(path) and not path.is_symlink() else path.parent
            had = there.stat()
            owner = had.st_uid, had.st_gid
        os.fchown(handle, *owner)
