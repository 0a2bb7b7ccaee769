"""The audit record: who changed what, when, from where. Rows are added, never changed, and chained by hash.

A row that is altered or removed breaks the chain at its place; rows cut off the end no longer meet the head. Who can
write to the database can also forge the whole chain: keep the head's hash, which `headwater-cloud audit` prints,
somewhere else from time to time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, String, Table, Text, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud.ledger.metadata import metadata

START = "0" * 64
_HEAD, ARCHIVED = 1, 2  # ids in audit_head

# Rows are only ever added. Each holds the hash of the one before.
audit_rows = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(128), nullable=False),
    Column("what", String(64), nullable=False),
    Column("target", String(256), nullable=False),
    Column("source", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# The newest of the record: it orders writers, and shows that rows were cut off the end. And the last that went into an
# archive, where any did: see `cloud.ledger.audit_archive`.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """detail: plain data, without secrets. hash, previous: SHA-256 in hex."""

    number: int
    at_ms: int
    who: str
    what: str
    target: str
    source: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Chain:
    """broken: what is wrong, in words; empty when every row is in its place."""

    rows: int
    head: str
    broken: str


def record(
    engine: Engine, *, now_ms: int, who: str, what: str, target: str, source: str, detail: Mapping[str, Any]
) -> int:
    """Adds a row, durable on return, and gives its number. Raises what the database raises.

    who: as `Caller.who` or `shell:<user>`; source: the address it came from. Texts that are too long are cut.
    """
    for attempt in (1, 2):
        try:
            with engine.begin() as db:
                return write(db, now_ms=now_ms, who=who, what=what, target=target, source=source, detail=detail)
        except IntegrityError:  # two made the head at once
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def write(
    db: Connection, *, now_ms: int, who: str, what: str, target: str, source: str, detail: Mapping[str, Any]
) -> int:
    """The same within a transaction, so that the change and its record stand or fall together."""
    # The update comes first: it holds off other writers, of other processes too, until this row is in.
    bumped = db.execute(update(audit_head).where(audit_head.c.id == _HEAD).values(number=audit_head.c.number + 1))
    if bumped.rowcount == 0:
        db.execute(insert(audit_head).values(id=_HEAD, number=1, hash=START))
    number, previous = db.execute(select(audit_head.c.number, audit_head.c.hash).where(audit_head.c.id == _HEAD)).one()
    row = {
        "number": number,
        "at_ms": now_ms,
        "who": who[:128],
        "what": what[:64],
        "target": target[:256],
        "source": source[:128],
        "detail": json.dumps(dict(detail), sort_keys=True),
        "previous": previous,
    }
    digest = _digest(row)
    db.execute(insert(audit_rows).values(**row, hash=digest))
    db.execute(update(audit_head).where(audit_head.c.id == _HEAD).values(hash=digest))
    return int(number)


def newest(engine: Engine, limit: int = 100, before: int | None = None, what: str | None = None) -> list[AuditRow]:
    """Newest first. before: only rows with a smaller number; what: only those of this."""
    wanted = select(audit_rows).order_by(audit_rows.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(audit_rows.c.number < before)
    if what is not None:
        wanted = wanted.where(audit_rows.c.what == what)
    with engine.connect() as db:
        rows = db.execute(wanted).mappings().all()
    return [AuditRow(**{**r, "detail": json.loads(r["detail"])}) for r in rows]


def verify(engine: Engine) -> Chain:
    """Reads the whole record and says whether it is whole: its rows, its head's hash, and what is wrong. rows: those
    that are in the ledger; what went into an archive is checked there."""
    with engine.connect() as db:
        # The head first: a row that is added meanwhile is beyond it, not a fault.
        last_number, last_hash = _place(db, _HEAD)
        number, previous = _place(db, ARCHIVED)
        first = number
        for row in db.execute(select(audit_rows).order_by(audit_rows.c.number)).mappings():
            if number == last_number:
                return Chain(number - first, last_hash, _beyond(db, row["number"]))
            if (what := broken_at(row, number + 1, previous)) is not None:
                return Chain(number - first, last_hash, what)
            number, previous = number + 1, row["hash"]
    if number != last_number:
        return Chain(number - first, last_hash, f"rows {number + 1} to {last_number} are missing")
    wrong = "" if previous == last_hash else f"row {number} is not the one that was written"
    return Chain(number - first, last_hash, wrong)


def broken_at(row: Any, number: int, previous: str) -> str | None:
    """What is wrong with a row that should be of this number and follow on this hash; None when nothing is."""
    if row["number"] != number:
        return f"row {number} is missing"
    if row["previous"] != previous:
        return f"row {number} does not follow on row {number - 1}"
    return None if row["hash"] == _digest(row) else f"row {number} was altered"


def archived(engine: Engine) -> tuple[int, str]:
    """Number and hash of the last row that went into an archive; 0 when none did."""
    with engine.connect() as db:
        return _place(db, ARCHIVED)


def _place(db: Connection, which: int) -> tuple[int, str]:
    row = db.execute(select(audit_head.c.number, audit_head.c.hash).where(audit_head.c.id == which)).one_or_none()
    return (row[0], row[1]) if row else (0, START)


def _beyond(db: Connection, number: int) -> str:
    """A row behind the head as it was read: written meanwhile, or smuggled in."""
    head = _place(db, _HEAD)[0]
    if not head:
        return "the head is missing"
    return "" if number <= head else f"row {number} stands behind the head"


def _digest(row: Any) -> str:
    names = ("number", "at_ms", "who", "what", "target", "source", "detail", "previous")
    return hashlib.sha256(json.dumps([row[n] for n in names]).encode()).hexdigest()
