"""The spool's file: its tables, how it is opened, what others may read of it while nobody runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contract.clock import iso
from edge_agent.spool.batches import COUNTS, GivenUp

_SCHEMA = """
create table if not exists meta (key text primary key, value) without rowid;
create table if not exists batch (
    seq integer primary key, lane integer not null, created_ms integer not null, payload blob not null);
create table if not exists totals (
    channel integer primary key, made integer not null default 0, reported integer not null default 0,
    suppressed integer not null default 0, corrected integer not null default 0);
create table if not exists run (id integer primary key, started_ms integer not null, last_commit_ms integer);
create table if not exists given_up (
    start_ms integer not null, interval_ms integer not null, end_ms integer not null,
    primary key (start_ms, interval_ms)) without rowid;
"""
# given_up: its key comes first, or quick_check of SQLite 3.40 sees a NULL where there is none, and a sound spool would
# be set aside.
# Since the first release; a spool made by an older agent gets them when it is opened.
_ADDED = {
    "batch": {
        "bytes": "integer not null default 0",  # of the payload, so that nobody need read it to add up
        "sent": "integer not null default 0",  # 1: it may have left the gateway, in this run or another
        "interval_ms": "integer not null default 0",  # 0: as it was committed; 1: merged; else thinned to this
        "boot": "text not null default ''",  # of the machine, when it was committed
        "offset_ms": "integer not null default 0",  # gateway's time less monotonic, as its readings are stamped
        "timed": "integer not null default 1",  # 0: nobody knew the time; see edge_agent.timesync.timekeeping
    },
    "totals": {"thinned": "integer not null default 0", "dropped": "integer not null default 0"},
}

_NOT_NOW = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}


class SpoolFull(Exception):
    """The disk has no room, or does not take what is written; nothing of this call is kept.

    Make room, or the agent will have to count losses.
    """


class SpoolCorrupt(Exception):
    """The file is damaged. The store sets it aside and begins a new one."""


def translated(error: sqlite3.DatabaseError, path: Path) -> Exception:
    """What an error of SQLite means to the agent."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return SpoolCorrupt(f"{path}: {error}")
    if code in _NOT_NOW:
        return SpoolFull(f"{path}: {error}: make room on its disk")
    return error  # a defect of this program


_PROBES = (
    "select key, value from meta limit 1",
    "select seq, lane, created_ms, payload from batch limit 1",
    "select channel, made, reported, suppressed, corrected from totals limit 1",
    "select id, started_ms, last_commit_ms from run limit 1",
)


def open_file(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.DatabaseError; see `translated`."""
    db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("pragma journal_size_limit = 8388608")
        db.execute("pragma cache_size = -256")  # kB; what one outage fills is never given back: of itself, 2 MB
        answer = db.execute("pragma quick_check(1)").fetchone()[0]
        if answer != "ok":
            error = sqlite3.DatabaseError(answer)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        db.executescript(_SCHEMA)
        older = "sent" not in {row[1] for row in db.execute("pragma table_info(batch)")}
        for table, wanted in _ADDED.items():
            there = {row[1] for row in db.execute(f"pragma table_info({table})")}
            for name in wanted.keys() - there:
                db.execute(f"alter table {table} add column {name} {wanted[name]}")
        if older:
            db.execute("update batch set bytes = length(payload), sent = 1")
        for probe in _PROBES:
            db.execute(probe)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        db.close()
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code != sqlite3.SQLITE_ERROR:
            raise
        # sound pages, but a schema that is not ours: as useless as a torn one
        damaged = sqlite3.DatabaseError(str(error))
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged from error
    return db


def set_aside(path: Path, now_ms: int) -> Path:
    """A file that cannot be read is kept under another name: somebody may still get readings out of it."""
    stamp = iso(now_ms).replace(":", "").replace(".", "")
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    twin = 1
    while target.exists():
        twin += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{twin}")
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        extra = path.with_name(path.name + suffix)
        if extra.exists():
            extra.rename(target.with_name(target.name + suffix))
    return target


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the agent. last_commit_ms: of the run before it; None at the first."""

    started_ms: int
    last_commit_ms: int | None


def read_totals(path: Path) -> dict[int, dict[str, int]]:
    """Counts of every channel in a spool file that nobody need have open: channel -> made, reported, ..."""
    with closing(_reader(path)) as db:
        rows = db.execute(f"select channel, {', '.join(COUNTS)} from totals order by channel")
        return {row[0]: dict(zip(COUNTS, row[1:], strict=True)) for row in rows}


def read_runs(path: Path) -> list[Run]:
    """The agent's runs that the spool remembers, oldest first. Raises sqlite3.Error when the file cannot be read."""
    with closing(_reader(path)) as db:
        return [Run(*row) for row in db.execute("select started_ms, last_commit_ms from run order by id")]


def read_given_up(path: Path) -> list[GivenUp]:
    """The spans of which readings were given up for want of room. Raises sqlite3.Error when the file cannot be read."""
    with closing(_reader(path)) as db:
        return [GivenUp(*row) for row in db.execute("select start_ms, end_ms, interval_ms from given_up")]


def read_waiting(path: Path) -> int:
    """Batches not yet acknowledged."""
    with closing(_reader(path)) as db:
        return int(db.execute("select count(*) from batch").fetchone()[0])


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
