"""The ledger's tables (SQLAlchemy Core), and how to open one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from host.sqlite import StoreDamaged, passes

_REMEDY = (
    "stop the cloud and put a copy of it there: warnings come again from the log, but people, keys and the audit "
    "record are in no other place"
)
metadata = MetaData()

# One row a view: its state and its cursor change together.
view_state = Table(
    "view_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
)

# What the warnings' state is made of. A row changes in the transaction that moves the cursor; the others hold.
condition_state = Table(
    "condition_state",
    metadata,
    Column("channel", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)

open_incidents = Table(
    "open_incidents",
    metadata,
    Column("zone", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("body", Text, nullable=False),
)
Index("incidents_opened", incidents.c.opened_ms)

messages = Table(
    "messages",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(128), nullable=False, unique=True),
    Column("incident", String(128), nullable=False, index=True),
    Column("sent_ms", BigInteger, nullable=False),
    Column("msg_type", String(16), nullable=False),
    Column("level", String(16), nullable=False),
    Column("refs", Text, nullable=False),
    Column("cap_xml", LargeBinary, nullable=False),
)

changes = Table(
    "condition_changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("channel", BigInteger, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("level", String(16)),
    Column("reason", String(32), nullable=False),
    Column("value", Float),
)

late = Table(
    "late_readings",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("channel", BigInteger, nullable=False),
    Column("reading_ms", BigInteger, nullable=False),
    Column("now_ms", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("would_have_warned", String(16)),
)

# Not forgotten when the warnings are rebuilt: what was delivered is not delivered again.
deliveries = Table(
    "deliveries",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("message", String(128), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("delivered_ms", BigInteger),
    Column("given_up_ms", BigInteger),
    Column("receipt", Text, nullable=False),
)


def open_ledger(url: str, whole: bool = False) -> Engine:
    """Makes what tables are missing. `sqlite://` is a ledger in memory. Raises StoreDamaged on a damaged file.

    whole: every page of the file is looked at, as who will rely on it for long should ask.
    """
    if url == "sqlite://":
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
    from cloud.ledger import access_tables  # noqa: F401  (they join `metadata`)

    try:
        with reading(engine):
            metadata.create_all(engine)
            if whole and engine.dialect.name == "sqlite":
                _look_through(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


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
