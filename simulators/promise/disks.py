"""Disks that crash and fill. Every SQLite connection opened under a node's folder goes through its `Disk`.

The production code is not changed for this: `installed` puts a connection of ours behind `sqlite3.connect`. A crash
drops Python objects and opens the files again, so that synchronous writing costs time and shows nothing: it is off.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

_WRITES = ("insert", "update", "delete", "commit")


class Crash(BaseException):
    """The process is gone. Not an Exception: nothing in production code may live on after it."""


@dataclass(slots=True)
class Disk:
    """One node's. crash_in: writing steps left before a crash, None for none; after: the step is done first."""

    rng: random.Random
    full: bool = False
    crash_in: int | None = None
    after: bool = False
    dead: bool = False
    connections: list[sqlite3.Connection] = field(default_factory=list)

    def step(self, sql: str, db: sqlite3.Connection) -> bool:
        """Before a statement; true when the process dies after it. Raises Crash or sqlite3.OperationalError."""
        if self.dead:
            raise Crash
        verb = sql.lstrip()[:6].lower()
        if verb not in _WRITES or (verb == "commit" and not db.in_transaction):
            return False
        if self.full and (verb == "commit" or self.rng.random() < 0.5):
            # SQLite may end the transaction by itself when there is no room, or leave that to the caller
            if db.in_transaction and self.rng.random() < 0.5:
                sqlite3.Connection.rollback(db)
            raise no_room()
        return self.countdown()

    def countdown(self) -> bool:
        if self.crash_in is None:
            return False
        self.crash_in -= 1
        if self.crash_in > 0:
            return False
        self.crash_in = None
        if not self.after:
            self.die()
        return True

    def crash_after(self, steps: int, done: bool) -> None:
        """So many writing steps from now. done: the last of them is done first."""
        self.crash_in, self.after = steps, done

    def fill(self) -> None:
        self.full = True

    def make_room(self) -> None:
        self.full = False

    def heal(self) -> None:
        self.full, self.crash_in = False, None

    def die(self) -> None:
        self.dead = True
        raise Crash

    def write_file(self) -> None:
        """A file of another kind is made durable."""
        if self.dead:
            raise Crash
        if self.full:
            raise OSError(28, "No space left on device")
        if self.countdown():
            self.die()

    def power_off(self) -> None:
        """What is not committed is gone; the node can start again from its files."""
        self.dead = True
        for db in self.connections:
            db.close()
        self.connections.clear()
        self.dead, self.crash_in = False, None


def no_room() -> sqlite3.OperationalError:
    """As SQLite says it."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
    return error


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *values: Any) -> _Cursor:
        return _through(self.connection, sql, super().execute, *values)  # type: ignore[no-any-return]

    def executemany(self, sql: str, *values: Any) -> _Cursor:
        return _through(self.connection, sql, super().executemany, *values)  # type: ignore[no-any-return]


class _Connection(sqlite3.Connection):
    disk: Disk

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return _through(self, sql, super().execute, *values)  # type: ignore[no-any-return]

    def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return _through(self, sql, super().executemany, *values)  # type: ignore[no-any-return]

    def commit(self) -> None:
        _through(self, "commit", lambda _sql: sqlite3.Connection.commit(self))

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def close(self) -> None:
        """A statement that a crash left unfinished would keep the transaction, and its lock, until it is collected."""
        with suppress(sqlite3.Error):  # closed before
            sqlite3.Connection.rollback(self)
        super().close()


def _through(db: sqlite3.Connection, sql: str, run: Any, *values: Any) -> Any:
    disk = getattr(db, "disk", None)
    if disk is None:
        return run(sql, *values)
    if sql.startswith("pragma synchronous"):
        sql = "pragma synchronous = off"
    dies = disk.step(sql, db)
    out = run(sql, *values)
    if dies:
        disk.die()
    return out


@contextmanager
def installed(disks: Mapping[str, Disk], rng: random.Random) -> Iterator[None]:
    """While it lasts: connections under a folder of `disks` are that disk's, and spool identities come from rng."""
    connect, fsync = sqlite3.connect, os.fsync

    def find(path: object) -> Disk | None:
        return next((disks[f] for f in _above(path) if f in disks), None)

    def opened(path: Any, *args: Any, **named: Any) -> Any:
        disk = find(path)
        if disk is None:
            return connect(path, *args, **named)
        if disk.dead:
            raise Crash
        db = connect(path, *args, **{**named, "factory": _Connection})
        db.disk = disk
        disk.connections.append(db)
        return db

    def synced(number: int) -> None:
        disk = find(Path(f"/proc/self/fd/{number}").readlink())
        if disk is None:
            fsync(number)
        else:
            disk.write_file()

    with (
        mock.patch("sqlite3.connect", opened),
        mock.patch("sqlite3.dbapi2.connect", opened),
        mock.patch("os.fsync", synced),
        mock.patch("secrets.randbits", rng.getrandbits),
    ):
        yield


def _above(path: object) -> Iterable[str]:
    return [str(p) for p in Path(str(path)).parents]
