"""What our SQLite files share: transactions, and a damaged file said by name with what to do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_ROWS_AT_ONCE = 100  # of 32,766 values that a statement may have


class StoreDamaged(Exception):
    """A file of the cloud's is damaged. The message names it, and what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return; for any thread, in autocommit mode.

    Waits up to 30 s for who writes. Raises sqlite3.DatabaseError when the file is none, and leaves nothing open then.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
    except BaseException:
        db.close()
        raise
    return db


def insert(db: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]]) -> None:
    """Rows by as few statements as may be: at each of them a thread gives way to the others, and who has many rows to
    write would wait for all of them at every row. into: `insert into TABLE`, our own words."""
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[at : at + _ROWS_AT_ONCE]
        db.execute(_inserting(into, len(some[0]), len(some)), [value for row in some for value in row])


@lru_cache(maxsize=512)
def _inserting(into: str, columns: int, rows: int) -> str:
    each = f"({', '.join('?' * columns)})"
    return f"{into} values {', '.join([each] * rows)}"


def snapshot(path: Path) -> sqlite3.Connection:
    """A connection that sees the file as it is now, whatever others write to it meanwhile.

    Close it as soon as may be: the write-ahead file grows until then.
    """
    db = connect(path)
    try:
        db.execute("begin")
        db.execute("select count(*) from sqlite_master").fetchone()  # only a read fixes what is seen
    except BaseException:
        db.close()
        raise
    return db


def copy(db: sqlite3.Connection, target: Path) -> None:
    """What a connection sees, into a new file of its own; durable on return."""
    out = sqlite3.connect(target, isolation_level=None)
    try:
        out.execute("pragma synchronous = full")
        db.backup(out)
        out.execute("pragma journal_mode = delete")  # one file, readable wherever it is carried
    finally:
        out.close()


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside is durable when it ends, or none of it. Whatever is raised inside, or by a full disk,
    goes on to the caller, and no transaction is left open.

    db: in autocommit mode, see `connect`.
    """
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:  # a full disk may have ended it already
            db.execute("rollback")
        raise


@contextmanager
def opening(path: Path, remedy: str) -> Iterator[None]:
    """What SQLite, or a cell that holds no such thing, raises inside becomes StoreDamaged; a full disk does not.

    remedy: what the operator is to do with the file.
    """
    try:
        yield
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        if passes(error):
            raise
        raise StoreDamaged(f"{path} is damaged ({error}): {remedy}") from error


def passes(error: BaseException) -> bool:
    """Whether it says nothing about the file: it is locked, out of reach, or its disk is full."""
    return isinstance(error, sqlite3.OperationalError) and _code(error) in _PASSING


_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


def _code(error: sqlite3.Error) -> int:
    """The primary result code: the low byte of the extended one."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
