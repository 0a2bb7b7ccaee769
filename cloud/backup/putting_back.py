"""Putting a backup back, into an empty data folder and an empty ledger."""

from __future__ import annotations

import shutil
from pathlib import Path

from cloud.backup import document, tables
from cloud.backup.document import Backup, BackupError
from cloud.backup.taking import LEDGER
from cloud.config import CloudConfig
from cloud.data_folder import RESTORING
from cloud.ledger.open import open_ledger
from cloud.log.open import open_log
from host.files import sync


def put_back(config: CloudConfig, folder: Path) -> Backup:
    """The data folder appears when it is whole. Raises BackupError, and what disk and ledger raise."""
    backup = document.read(folder)
    data = config.data_dir
    there = data.exists()
    # In a folder that is there already, as a package makes it: its user may not write beside it.
    part = data / RESTORING if there else data.with_name(f"{data.name}.part")
    if there and any(path != part for path in data.iterdir()):
        raise BackupError(f"{data} is not empty: move it away, or name another data_dir")
    _sound(folder, backup)
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
    for name in backup.files:
        if name != LEDGER or not config.file.ledger_url:
            (part / name).parent.mkdir(exist_ok=True)
            shutil.copy2(folder / name, part / name)
            sync(part / name)
    log = open_log(part, config.file.log.engine)
    try:
        log.put_back()
    finally:
        log.close()
    if config.file.ledger_url:
        _fill(config.ledger_url, folder / LEDGER, part / LEDGER)


def _sound(folder: Path, backup: Backup) -> None:
    for name, (size, digest) in backup.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size or document.digest_of(path) != digest:
            raise BackupError(f"{path} is not what was backed up: take another backup, or another copy of this one")


def _fill(url: str, rows: Path, scratch: Path) -> None:
    """The ledger at `url`, from the file in the backup, which may be of an older release."""
    shutil.copy2(rows, scratch)
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
