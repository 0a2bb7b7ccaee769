"""`headwater-cloud backup`, `restore` and `lost`: for the day after a dead disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cloud.backup.document import Backup, BackupError
from cloud.cli.common import ConfigPath, load_or_exit, note
from host.private import exchangeable
from host.terminal import say


def backup(
    config: ConfigPath,
    to: Annotated[Path, typer.Option(help="A new folder, on another disk.", show_default=False)],
) -> None:
    """Copy log, ledger, series and quarantine as of one moment, while the cloud runs. Keys and configuration stay out.

    Prints a JSON line that names what is in it and what is not. What comes meanwhile waits a second or two.
    """
    from cloud.backup.taking import take
    from contract.clock import SystemClock

    found = load_or_exit(config, complete=False)
    if said := exchangeable(to, {0, os.geteuid(), os.getuid()}):
        what = f"{said}, who could exchange the copy, and `restore` would refuse it: give the folder above it to"
        say(f"{what} root or to who runs the cloud, and take from others the right to write there", err=True)
    try:
        taken = take(found, to, SystemClock().now_ms())
    except (BackupError, OSError) as error:
        say(str(error), err=True)
        raise typer.Exit(2) from error
    note(found, "backup", str(to), entries_until=taken.end)
    _say(taken)
    if taken.told < taken.end:
        say(
            f"the warnings had told of entries up to {taken.told} of {taken.end}: what they tell of the rest goes out "
            "again after a restore, under the same ids",
            err=True,
        )
    if taken.undelivered:
        said = f"{taken.undelivered} messages waited for a consumer: they go out after a restore, under the same ids"
        say(said, err=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="What `backup` made.", show_default=False)], config: ConfigPath
) -> None:
    """Put a backup back into an empty data folder, and an empty database where ledger_url names one.

    What gateways had acknowledged after the backup is gone: `headwater-cloud lost` names it as they are heard again.
    """
    from cloud.backup.putting_back import put_back

    found = load_or_exit(config, complete=False)
    try:
        put = put_back(found, folder)
    except (BackupError, OSError) as error:
        say(str(error), err=True)
        raise typer.Exit(2) from error
    note(found, "restore", str(folder), taken_ms=put.taken_ms)
    _say(put)


def lost(config: ConfigPath) -> None:
    """What a restored cloud had acknowledged after its backup, as JSON lines: gateway, spool, first and last sequence.

    Each gateway tells when it is heard again; what it gave up itself, and counts, is among it.
    """
    from cloud.log.open import open_log

    found = load_or_exit(config, complete=False)
    log = open_log(found.data_dir, found.file.log.engine)
    for x in log.lost():
        line = {"gateway": x.gateway, "spool": f"{x.spool:016x}", "first": x.first, "last": x.last}
        say(json.dumps({**line, "batches": x.last - x.first + 1}))
    log.close()


def _say(backup: Backup) -> None:
    from contract.clock import iso

    line = {
        "taken": iso(backup.taken_ms),
        "release": backup.release,
        "entries_until": backup.end,
        "files": len(backup.files),
        "bytes": sum(size for size, _ in backup.files.values()),
        "undelivered": backup.undelivered,
        "left_out": list(backup.left_out),
    }
    say(json.dumps(line, ensure_ascii=False))
