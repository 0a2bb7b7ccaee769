"""Taking a backup while the cloud runs.

All parts are of one moment: nobody can append to the log while they are looked at, which takes a second or two (what
comes waits), and what was appended before is told and delivered first. They are copied after that, as they were then.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from cloud.backup import document, tables
from cloud.backup.document import Backup, BackupError
from cloud.config import CloudConfig
from cloud.delivery.record import Record
from cloud.ledger.open import open_ledger, still, version_at
from cloud.ledger.schema import HEAD
from cloud.warnings.store import NAME
from cloud.warnings.tables import view_state
from host.files import sync
from host.own_files import only_one
from host.sqlite import connect, copy, snapshot

LOG, LEDGER, QUARANTINE, SERIES, MANIFEST = (
    "log.sqlite",
    "ledger.sqlite",
    "quarantine.sqlite",
    "series",
    "manifest.sqlite",
)
SMALL = ("*.aside", "series.cursor", "latest.npz", "archive/*.jsonl")
_TOLD_S, _DELIVERED_S = 5.0, 3.0  # so long at most is the log held while views and sinks catch up
_LOOK_S = 0.02
_TRIES = 10


def take(config: CloudConfig, to: Path, now_ms: int) -> Backup:
    """Into a new folder, which appears when it is whole. Raises BackupError, and what disk and ledger raise."""
    data = config.data_dir
    if to.exists():
        raise BackupError(f"{to} is there already: name a new folder for each backup")
    if not (data / LOG).exists():
        raise BackupError(f"{data} has no log: nothing to back up")
    found = version_at(config.ledger_url)
    if found != HEAD:
        what = f"the ledger has schema {found}, and this Headwater {HEAD}"
        raise BackupError(f"{what}: take the backup with the release that runs, or start this one before")
    part = to.with_name(f"{to.name}.part")
    with _alone(data) as links:  # before anything of another that is being taken is touched
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700, parents=True)
        try:
            return _take(config, part, to, links, now_ms)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _take(config: CloudConfig, part: Path, to: Path, links: Path, now_ms: int) -> Backup:
    data, ledger = config.data_dir, open_ledger(config.ledger_url)
    try:
        with ExitStack() as stack:
            with _held(data / LOG) as end:
                told = _caught_up(ledger, end)
                undelivered = _delivered(ledger, [s.name for s in config.file.delivery if s.enabled])
                ledger_now = stack.enter_context(still(ledger))
                files = {LOG: stack.enter_context(_seen(data / LOG))}
                if (data / QUARANTINE).exists():
                    files[QUARANTINE] = stack.enter_context(_seen(data / QUARANTINE))
                if (data / SERIES / MANIFEST).exists():
                    (part / SERIES).mkdir()
                    files[f"{SERIES}/{MANIFEST}"] = stack.enter_context(_segments(data / SERIES, links))
                for small in (path for pattern in SMALL for path in data.glob(pattern) if _regular(path)):
                    target = part / small.relative_to(data)
                    target.parent.mkdir(exist_ok=True)
                    shutil.copy2(small, target)
            for name, db in files.items():
                copy(db, part / name)
            _copy_ledger(ledger_now, part / LEDGER)
            for segment in links.iterdir():
                shutil.copy2(segment, part / SERIES / segment.name)
        return _finished(part, to, Backup(version("headwater"), now_ms, end, told, undelivered, left_out(config), {}))
    finally:
        ledger.dispose()


def left_out(config: CloudConfig) -> tuple[str, ...]:
    """What belongs to a cloud and is in no backup: configuration, and everything secret."""
    file, base = config.file, config.base
    out = [f"the configuration in {base.absolute()}", f"the catalogue in {base / file.catalogue}"]
    if config.identity_folder is not None:
        out.append(f"the authority of the gateways, with its key, in {config.identity_folder}")
    if file.broker.key_file is not None:
        out.append(f"the key to the broker, {base / file.broker.key_file}")
    if (token := getattr(file.series, "token_file", None)) is not None:
        out.append(f"the series in InfluxDB, and their token {base / token}")
    for sink in file.delivery:
        paths = [p for _, value in sink for p in (value if isinstance(value, tuple) else (value,))]
        out += [f"{base / p} of sink {sink.name!r}" for p in paths if isinstance(p, Path)]
    return tuple(out)


def _finished(part: Path, to: Path, backup: Backup) -> Backup:
    files = document.described(part)
    for name in files:
        sync(part / name)
    whole = Backup(backup.release, backup.taken_ms, backup.end, backup.told, backup.undelivered, backup.left_out, files)
    document.write(part, whole)
    part.rename(to)
    sync(to.parent)
    return whole


@contextmanager
def _alone(data: Path) -> Iterator[Path]:
    """A folder for links to segments, so that none goes while it is copied. One backup at a time."""
    links = data / "backup.links"
    with ExitStack() as stack:
        try:
            stack.enter_context(only_one(data / "backup.lock"))
        except BlockingIOError as error:
            raise BackupError(f"another backup of {data} is being taken: wait for it") from error
        shutil.rmtree(links, ignore_errors=True)  # of one that was killed
        links.mkdir()
        try:
            yield links
        finally:
            shutil.rmtree(links, ignore_errors=True)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """Nobody appends to the log inside; who wants to waits. Its last offset."""
    db = connect(path)
    try:
        db.execute("begin immediate")
        yield int(db.execute("select coalesce(max(offset), 0) from entry").fetchone()[0])
    finally:
        db.close()


@contextmanager
def _seen(path: Path) -> Iterator[sqlite3.Connection]:
    db = snapshot(path)
    try:
        yield db
    finally:
        db.close()


@contextmanager
def _segments(folder: Path, links: Path) -> Iterator[sqlite3.Connection]:
    """The manifest as it is now, and a link to each file that it names."""
    for n in range(_TRIES):
        with _seen(folder / MANIFEST) as db:
            try:
                for (name,) in db.execute("select path from segment"):
                    _link(folder / name, links / name)
            except FileNotFoundError as error:  # merged into another meanwhile
                if n + 1 < _TRIES:
                    continue
                what = f"{error.filename} is gone though the manifest names it"
                raise BackupError(f"{what}: stop the cloud, `headwater-cloud view rebuild series`") from error
            named = {name for (name,) in db.execute("select path from segment")}
            for path in links.iterdir():
                if path.name not in named:
                    path.unlink()
            yield db
            return


def _regular(path: Path) -> bool:
    """Neither a link, which could lead to what never ends, nor a FIFO, which never begins."""
    return stat.S_ISREG(path.lstat().st_mode)


def _link(file: Path, link: Path) -> None:
    if link.exists():
        return
    try:
        os.link(file, link)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copy2(file, link)


def _caught_up(ledger: Engine, end: int) -> int:
    """Until the warnings have told everything up to `end`, or are not coming there; up to where they have."""

    def told() -> int:
        with ledger.connect() as db:
            return int(db.execute(select(view_state.c.cursor).where(view_state.c.name == NAME)).scalar() or 0)

    _wait(lambda: told() >= end, _TOLD_S)
    return told()


def _delivered(ledger: Engine, sinks: list[str]) -> int:
    """Until no message waits for a consumer that takes any, or it takes too long; how many wait for any."""
    records = [Record(ledger, name) for name in sinks]
    asked = [r for r in records if not (s := r.switches()).off and not s.gone]
    _wait(lambda: not any(r.waiting()[0] for r in asked), _DELIVERED_S)
    return sum(r.waiting()[0] for r in records)


def _wait(done: Callable[[], bool], timeout_s: float) -> None:
    until_s = time.monotonic() + timeout_s
    while not done() and time.monotonic() < until_s:
        time.sleep(_LOOK_S)


def _copy_ledger(source: Connection, target: Path) -> None:
    out = open_ledger(f"sqlite:///{target}")
    try:
        with out.begin() as db:
            tables.copy(source, db)
    finally:
        out.dispose()
    with suppress(OSError):
        target.chmod(0o600)
