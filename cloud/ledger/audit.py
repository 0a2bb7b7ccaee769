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

_START = "0" * 64

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

# One row: the newest of the record. It orders writers, and shows that rows were cut off the end.
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
    bumped = db.execute(update(audit_head).where(audit_head.c.id == 1).values(number=audit_head.c.number + 1))
    if bumped.rowcount == 0:
        db.execute(insert(audit_head).values(id=1, number=1, hash=_START))
    number, previous = db.execute(select(audit_head.c.number, audit_head.c.hash)).one()
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
    db.execute(update(audit_head).where(audit_head.c.id == 1).values(hash=digest))
    return int(number)


def newest(engine: Engine, limit: int = 100, before: int | None = None) -> list[AuditRow]:
    """Newest first. before: only rows with a smaller number."""
    wanted = select(audit_rows).order_by(audit_rows.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(audit_rows.c.number < before)
    with engine.connect() as db:
        rows = db.execute(wanted).mappings().all()
    return [AuditRow(**{**r, "detail": json.loads(r["detail"])}) for r in rows]


def verify(engine: Engine) -> Chain:
    """Reads the whole record and says whether it is whole: its rows, its head's hash, and what is wrong."""
    with engine.connect() as db:
        # The head first: a row that is added meanwhile is beyond it, not a fault.
        head = db.execute(select(audit_head.c.number, audit_head.c.hash)).one_or_none()
        last_number, last_hash = (head[0], head[1]) if head else (0, _START)
        previous, count = _START, 0
        for row in db.execute(select(audit_rows).order_by(audit_rows.c.number)).mappings():
            if count == last_number:
                return Chain(count, last_hash, _beyond(db, row["number"]))
            count += 1
            if row["number"] != count:
                return Chain(count - 1, last_hash, f"row {count} is missing")
            if row["previous"] != previous:
                return Chain(count - 1, last_hash, f"row {count} does not follow on row {count - 1}")
            if row["hash"] != _digest(row):
                return Chain(count - 1, last_hash, f"row {count} was altered")
            previous = row["hash"]
    if count != last_number:
        return Chain(count, last_hash, f"rows {count + 1} to {last_number} are missing")
    return Chain(count, last_hash, "" if previous == last_hash else f"row {count} is not the one that was written")


def _beyond(db: Connection, number: int) -> str:
    """A row behind the head as it was read: written meanwhile, or smuggled in."""
    head = db.execute(select(audit_head.c.number)).scalar_one_or_none()
    if head is None:
        return "the head is missing"
    return "" if number <= head else f"row {number} stands behind the head"


def _digest(row: Any) -> str:
    names = ("number", "at_ms", "who", "what", "target", "source", "detail", "previous")
    return hashlib.sha256(json.dumps([row[n] for n in names]).encode()).hexdigest()
