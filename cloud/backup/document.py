"""`backup.json`: what a backup holds and lacks. It is written last, so a folder with it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from host.files import read_given, sync

NAME = "backup.json"
VERSION = 1
_BLOCK = 1 << 20
_LONGEST = 1 << 28  # of the document, which names every file of the series


class BackupError(Exception):
    """A backup that cannot be taken or put back. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """release: of the Headwater that took it. end: the last entry of its log.

    told: up to which entry its warnings were told; what lies between goes on where it was. undelivered: messages that
    waited for a consumer: they go out after it is put back, under the ids they had. left_out: what belongs to the cloud
    and is not in it. files: size and SHA-256 by path.
    """

    release: str
    taken_ms: int
    end: int
    told: int
    undelivered: int
    left_out: tuple[str, ...]
    files: Mapping[str, tuple[int, str]]


def write(folder: Path, backup: Backup) -> None:
    """Durable on return. Raises OSError."""
    path = folder / NAME
    path.write_text(json.dumps({"version": VERSION, **asdict(backup)}, indent=1, ensure_ascii=False) + "\n")
    sync(path)
    sync(folder)


def read(folder: Path) -> Backup:
    """Raises BackupError when it is none, or none that this release knows."""
    try:
        found = json.loads(read_given(folder / NAME, _LONGEST))
        if found.pop("version") != VERSION:
            raise BackupError(f"{folder} is a backup by a newer Headwater: install that release")
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in found.pop("files").items()}
        backup = Backup(**{**found, "left_out": tuple(found["left_out"]), "files": files})
    except FileNotFoundError as error:
        what = f"{folder} is no backup, or one that was not finished: it has no {NAME}"
        raise BackupError(f"{what}; take another") from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise BackupError(f"{folder / NAME} cannot be read ({error}): take another backup") from error
    if not all(type(n) is int for n in (backup.taken_ms, backup.end, backup.told, backup.undelivered)):
        raise BackupError(f"{folder / NAME} holds something else than whole numbers: it is not one of ours")
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
        raise BackupError(f"{folder / NAME} names files outside its folder: it is not one of ours")
    return backup


def described(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file there, with its size and SHA-256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, digest_of(path)) for path in files}


def digest_of(path: Path) -> str:
    """SHA-256, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
