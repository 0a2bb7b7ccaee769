"""Opening a ledger (SQLAlchemy Core)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from cloud.ledger.metadata import metadata
from cloud.ledger.schema import bring_to_head, version_of
from cloud.ledger.url import url_of
from host.sqlite import StoreDamaged, passes

_CONNECT_S = 5
_LOCK_S = 60  # for what another session of PostgreSQL has locked; migrations of ours are done sooner
# A server that has gone without a word, while something is sent to it or awaited from it.
_GONE = {"tcp_user_timeout": 30_000, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_REMEDY = (
    "stop the cloud and put a copy of it there: warnings come again from the log, but people, keys and the audit "
    "record are in no other place"
)


def open_ledger(url: str, whole: bool = False) -> Engine:
    """An engine on the ledger at this SQLAlchemy URL, its schema up to date. `sqlite://` is a ledger in memory.

    whole: every page of a SQLite file is looked at, and that the tables whose owners are imported have their columns,
    as who will rely on it for long should ask.

    Raises StoreDamaged on a damaged file, LedgerTooNew on one of a newer Headwater, OperationalError on one that is out
    of reach.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
    try:
        with reading(engine):
            bring_to_head(engine)
            if whole and engine.dialect.name == "sqlite":
                _look_through(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def version_at(url: str) -> str | None:
    """The version of the schema there; nothing is brought up to date. None for an empty ledger.

    Raises StoreDamaged on a damaged file, and what the database raises.
    """
    engine = _engine(url)
    try:
        with reading(engine), engine.connect() as db:
            return version_of(db)
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    if url == "sqlite://":
        return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True)
    if (address := url_of(url)).get_backend_name() == "postgresql":
        # A connection that a restart of the server ended is replaced before it is used; a host that is gone is no wait;
        # and what somebody else locks for good is an error that is told, where warnings would wait in silence.
        bounds = {"connect_timeout": _CONNECT_S, "options": f"-c lock_timeout={_LOCK_S}s", **_GONE}
        return create_engine(address, pool_pre_ping=True, connect_args=bounds, hide_parameters=True)
    return create_engine(address, hide_parameters=True)


@contextmanager
def still(ledger: Engine, to_write: bool = False) -> Iterator[Connection]:
    """A connection that sees the ledger as it is now, whatever others write meanwhile. What is written to it is
    committed at the end. to_write: others wait until then, where the database cannot do otherwise."""
    if ledger.dialect.name == "postgresql":
        ledger = ledger.execution_options(isolation_level="REPEATABLE READ")
    with ledger.begin() as db:
        if db.dialect.name == "sqlite":  # Python's own would begin only at the first change of a row
            db.exec_driver_sql("begin immediate" if to_write else "begin")
        version_of(db)  # only a read fixes what is seen
        yield db


@contextmanager
def reading(engine: Engine, remedy: str = _REMEDY) -> Iterator[None]:
    """What a damaged file makes SQLite, or who reads a cell, raise inside becomes StoreDamaged; a full disk does not,
    nor anything that another database says.

    remedy: what the operator is to do about what is read inside.
    """
    try:
        yield
    except DatabaseError as error:
        if not isinstance(error.orig, sqlite3.Error) or passes(error.orig):
            raise
        raise StoreDamaged(f"{engine.url.database} is damaged ({error.orig}): {remedy}") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise StoreDamaged(f"{engine.url.database} is damaged ({what}): {remedy}") from error


def _look_through(engine: Engine) -> None:
    """Raises DatabaseError, ValueError."""
    with engine.connect() as db:
        found = str(db.exec_driver_sql("pragma quick_check(1)").scalar())
        if found != "ok":
            raise ValueError(found)
        for table in metadata.sorted_tables:  # a schema with another column's name is sound to SQLite
            db.execute(select(table).limit(1)).all()


def _durable(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = wal", "synchronous = full", "busy_timeout = 30000", "foreign_keys = on"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()
