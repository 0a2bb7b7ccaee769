"""The registry on disk: one JSON file, replaced whole, so that a reader never sees half of a change."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from cloud.identity.registry import Identity, Registry
from host.files import sync

FILE = "registry.json"


class IdentityError(ValueError):
    """Something an operator must mend; the message says what."""


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Durable, and there whole or not at all. Private keys: mode 0o600, from the first byte on."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        _keep_owner(file.fileno(), path)
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
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep_owner(handle: int, path: Path) -> None:
    """A folder handed to the user of broker or cloud stays readable to it when root writes there."""
    if os.geteuid() == 0:
        had = (path if path.exists() else path.parent).stat()
        os.fchown(handle, had.st_uid, had.st_gid)
