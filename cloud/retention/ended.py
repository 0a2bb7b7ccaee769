"""Warnings that ended long ago: incidents go whole, with messages and deliveries, into files of the folder `archive`.

A file holds an incident a line, as JSON. Its SHA-256 stands in the audit record, in a row that is written as the rows
go, so that the chain of the record vouches for the file. Changes of conditions, late readings and notices of
maintenance go without a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, exists, func, or_, select

from cloud.delivery.maintenance_queue import forget_notices
from cloud.delivery.tables import deliveries
from cloud.ledger import audit, audit_archive
from cloud.ledger.open import still
from cloud.maintenance.view import forget_closed
from cloud.warnings import snapshots
from cloud.warnings import tables as t
from cloud.warnings.store import NAME
from host.files import put

WHAT = "archive"  # in the audit record
_INCIDENTS = 50  # at once: the running cloud writes to the ledger between
_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Gone:
    """How many went. waits: incidents that are old enough, but a consumer has not been told all of them."""

    incidents: int = 0
    messages: int = 0
    deliveries: int = 0
    changes: int = 0
    late: int = 0
    notices: int = 0
    waits: int = 0


def let_go(ledger: Engine, before_ms: int, sinks: Sequence[str], folder: Path, now_ms: int, who: str) -> Gone:
    """What ended before. sinks: the consumers that the configuration names; what one of them is still to be told stays.
    now_ms: for the audit record, as the machine's clock has it.

    What is open stays, and so do the newest message, change and late reading: no number is given twice. Durable in the
    file before it goes. Raises what disk and ledger raise; done again, nothing is there twice.
    """
    incidents = messages = receipts = 0
    while (found := _some(ledger, before_ms, sinks, folder, now_ms, who)) is not None:
        incidents, messages, receipts = incidents + found[0], messages + found[1], receipts + found[2]
    changes = _rows(ledger, t.changes, t.changes.c.time_ms < before_ms)
    late = _rows(ledger, t.late, t.late.c.now_ms < before_ms)
    with ledger.begin() as db:
        notices = forget_closed(db, before_ms)
        forget_notices(db, before_ms)
    with ledger.connect() as db:
        waits = db.execute(select(func.count()).where(_old(before_ms), _waits(sinks))).scalar_one()
    return Gone(incidents, messages, receipts, changes, late, notices, waits)


def verify(folder: Path, ledger: Engine) -> tuple[int, str]:
    """Incidents in the files of a folder that are as the audit record has them, and what is wrong with one; empty when
    nothing is. Files may be somewhere else. Raises OSError; ValueError or LookupError where a line is no row."""
    files = sorted(folder.glob("warnings-*.jsonl"))
    if not files:
        return 0, ""
    first = next(audit_archive.rows(folder), None)
    began = audit.archived(ledger)[0] == 0 if first is None else first["number"] == 1
    said = dict(_noted(folder, ledger))
    count = 0
    for path in files:
        body = path.read_bytes()
        if path.name not in said:
            if not began:  # its row may be in a file that is somewhere else
                continue
            return count, f"{path.name} is not in the audit record: a night was broken off, and the next one writes it"
        if hashlib.sha256(body).hexdigest() != said[path.name]:
            return count, f"{path.name} was altered"
        count += body.count(b"\n")
    return count, ""


def _noted(folder: Path, ledger: Engine) -> Iterator[tuple[str, str]]:
    """Names and SHA-256 of files, oldest first."""
    for row in audit_archive.rows(folder):
        if row["what"] == WHAT:
            yield row["target"], json.loads(row["detail"])["sha256"]
    query = select(audit.audit_rows).where(audit.audit_rows.c.what == WHAT).order_by(audit.audit_rows.c.number)
    with ledger.connect() as db:
        for found in db.execute(query):
            yield found.target, json.loads(found.detail)["sha256"]


def _old(before_ms: int) -> ColumnElement[bool]:
    """Incidents that ended before, but for the one that has the newest message."""
    newest = select(t.messages.c.incident).order_by(t.messages.c.number.desc()).limit(1).scalar_subquery()
    return and_(t.incidents.c.closed_ms < before_ms, t.incidents.c.id != func.coalesce(newest, ""))


def _waits(sinks: Sequence[str]) -> ColumnElement[bool]:
    """Whether a consumer is still to get a message of the incident: neither delivered nor noted why not."""
    m, d = t.messages, deliveries
    out = []
    for sink in sinks:
        settled = and_(
            d.c.sink == sink, d.c.message == m.c.id, or_(d.c.delivered_ms.is_not(None), d.c.noted.is_not(None))
        )
        out.append(exists().where(m.c.incident == t.incidents.c.id, ~exists().where(settled)))
    return or_(False, *out)


def _some(
    ledger: Engine, before_ms: int, sinks: Sequence[str], folder: Path, now_ms: int, who: str
) -> tuple[int, int, int] | None:
    """Incidents, messages and deliveries that went at once; None: there is nothing left."""
    with still(ledger, to_write=True) as db:
        i = t.incidents
        query = select(i).where(_old(before_ms), ~_waits(sinks)).order_by(i.c.closed_ms, i.c.id).limit(_INCIDENTS)
        rows = db.execute(query).all()
        if not rows:
            return None
        ids = [row.id for row in rows]
        m, d = t.messages, deliveries
        messages = db.execute(select(m).where(m.c.incident.in_(ids)).order_by(m.c.number)).all()
        said = select(m.c.id).where(m.c.incident.in_(ids))
        receipts = db.execute(select(d).where(d.c.message.in_(said)).order_by(d.c.first_ms, d.c.sink)).all()
        body = b"".join(_line(row, messages, receipts) for row in rows)
        name = f"warnings-{re.sub('[^A-Za-z0-9._-]', '_', ids[0])}.jsonl"
        folder.mkdir(mode=0o700, exist_ok=True)
        put(folder / name, body)
        for table, which in ((d, d.c.message.in_(said)), (m, m.c.incident.in_(ids)), (i, i.c.id.in_(ids))):
            db.execute(delete(table).where(which))
        detail = {"sha256": hashlib.sha256(body).hexdigest(), "incidents": len(rows), "messages": len(messages)}
        audit.write(db, now_ms=now_ms, who=who, what=WHAT, target=name, source="shell", detail=detail)
    return len(rows), len(messages), len(receipts)


def _line(incident: Any, messages: Sequence[Any], receipts: Sequence[Any]) -> bytes:
    own = [row for row in messages if row.incident == incident.id]
    ids = {row.id for row in own}
    of = {
        "incident": _plain(incident),
        "messages": [_plain(row) for row in own],
        "deliveries": [_plain(row) for row in receipts if row.message in ids],
    }
    return json.dumps(of, ensure_ascii=False).encode() + b"\n"


def _plain(row: Any) -> dict[str, Any]:
    """As the ledger has it; the text of a message as text."""
    return {name: bytes(x).decode() if isinstance(x, bytes | memoryview) else x for name, x in row._mapping.items()}


def _rows(ledger: Engine, table: Table, old: ColumnElement[bool]) -> int:
    """Rows of the view's record that went, a piece at a time: those that the last snapshot of conditions holds, but for
    the newest."""
    gone = 0
    while True:
        with ledger.begin() as db:
            at = snapshots.place(db, NAME)
            held = table.c.entry.is_(None) if at is None else or_(table.c.entry.is_(None), table.c.entry <= at)
            newest = select(func.max(table.c.id)).scalar_subquery()
            some = select(table.c.id).where(old, held, table.c.id < newest).order_by(table.c.id).limit(_ROWS)
            count = _delete(db, table, some.scalar_subquery())
        gone += count
        if count < _ROWS:
            return gone


def _delete(db: Connection, table: Table, ids: Any) -> int:
    return db.execute(delete(table).where(table.c.id.in_(ids))).rowcount
