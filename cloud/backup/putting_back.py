"""Putting a backup back, into an empty data folder and an empty ledger."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path

from cloud.backup import document, tables
from cloud.backup.document import Backup, BackupError
from cloud.backup.taking import LEDGER
from cloud.config import CloudConfig
from cloud.data_folder import RESTORING
from cloud.ledger.open import open_ledger
from cloud.log.open import open_log
from host.files import sync
from host.private import exchangeable

_BLOCK = 1 << 20


def put_back(config: CloudConfig, folder: Path) -> Backup:
    """The data folder appears when it is whole. Raises BackupError, and what disk and ledger raise."""
    backup = document.read(folder)
    data = config.data_dir
    there = data.exists()
    # In a folder that is there already, as a package makes it: its user may not write beside it.
    part = data / RESTORING if there else data.with_name(f"{data.name}.part")
    if there and any(path != part for path in data.iterdir()):
        raise BackupError(f"{data} is not empty: move it away, or name another data_dir")
    said = exchangeable(folder / document.NAME, {0, os.geteuid(), os.getuid()})
    if said is not None:
        what = f"{said}, who could have written another backup in its place: people, keys and warnings come from it"
        raise BackupError(f"{what}; look whose it is, and copy it into a folder of your own")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        _write(config, folder, backup, part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if there:
        for path in sorted(part.iterdir()):
            path.rename(data / path.name)
        sync(data)
        part.rmdir()  # until then a cloud does not start
    else:
        part.rename(data)
        sync(data.parent)
    return backup


def _write(config: CloudConfig, folder: Path, backup: Backup, part: Path) -> None:
    """All that belongs into the data folder, below `part`; and the ledger, where it is elsewhere."""
    for name, (size, digest) in backup.files.items():
        (part / name).parent.mkdir(mode=0o700, exist_ok=True)
        if _copied(folder / name, part / name, size) != digest:
            what = f"{folder / name} is not what was backed up"
            raise BackupError(f"{what}: take another backup, or another copy of this one")
    log = open_log(part, config.file.log.engine)
    try:
        log.put_back()
    finally:
        log.close()
    if config.file.ledger_url:
        _fill(config.ledger_url, part / LEDGER)


def _copied(source: Path, target: Path, size: int) -> str:
    """A file's bytes into a new one that is its owner's alone, durable; what they are, as SHA-256. At most so many, and
    none of what is no regular file: then the answer is that of another file.

    What is judged is what was copied: it cannot be exchanged in between."""
    digest = hashlib.sha256()
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):  # not there, a link, a socket
            return ""
        raise
    with os.fdopen(handle, "rb") as given:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            return ""
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            while block := given.read(_BLOCK):
                digest.update(block)
                file.write(block)
    sync(target)
    return digest.hexdigest()


def _fill(url: str, scratch: Path) -> None:
    """The ledger at `url`, from the file of the backup, which may be of an older release, and goes."""
    old, new = open_ledger(f"sqlite:///{scratch}"), open_ledger(url)
    try:
        with old.connect() as source, new.begin() as target:
            if (table := tables.filled(target)) is not None:
                what = f"the ledger at {new.url.render_as_string(hide_password=True)} is not empty ({table} has rows)"
                raise BackupError(f"{what}: name an empty database in ledger_url")
            tables.copy(source, target)
    finally:
        old.dispose()
        new.dispose()
        scratch.unlink()
