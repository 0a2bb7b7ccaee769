"""What came of entries of the log, as rows of the ledger, each named by its entry and its place among that entry's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.log.base import Cursor
from cloud.warnings import tables as t
from cloud.warnings.codec import evidence_from_json, evidence_json, incident_json
from cloud.warnings.engine import Outcome
from cloud.warnings.model import Message, MessageHead, MsgType, Why
from contract.catalogue.rules import Level
from contract.conditions.state import Late
from contract.conditions.targets import ConditionKey

_HOUR_MS = 3_600_000
_AT_ONCE = 1000  # late rows that are asked for in one statement: a database takes so many values and no more
_OF_HOUR = ("target", "rule", "hour")  # of these one late reading is kept
NO_LEVEL = "none"  # in a message's row: it is of a blind notice
HEAD = tuple(c for c in t.messages.c if c not in {t.messages.c.cap_xml, t.messages.c.evidence})


@dataclass(slots=True)
class Results:
    """Rows to be written, by table; `incidents` replace those of the same id, `late` those of the same condition and
    hour that are less bad."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.messages or self.incidents or self.changes or self.late)


def results(outcomes: Sequence[Outcome], entries: Sequence[Cursor], number: int) -> Results:
    """Of the outcomes of these entries. number: of the last message before them."""
    out = Results()
    incidents: dict[str, dict[str, Any]] = {}
    late: dict[tuple[ConditionKey, int], dict[str, Any]] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        for ordinal, m in enumerate(outcome.messages):
            number += 1
            out.messages.append({"number": number, "entry": entry, "ordinal": ordinal, **_message(m)})
        for i in outcome.incidents:
            body = json.dumps(incident_json(i))
            incidents[i.id] = {
                "id": i.id,
                "zone": i.zone,
                "opened_ms": i.opened_ms,
                "closed_ms": i.closed_ms,
                "body": body,
            }
        out.changes += _changes(outcome, entry)
        for hour, row in _late(outcome, entry):
            if hour not in late or row["value"] > late[hour]["value"]:
                late[hour] = row
    out.incidents, out.late = list(incidents.values()), list(late.values())
    return out


def write(db: Connection, found: Results) -> None:
    """All of them."""
    for table, rows in ((t.messages, found.messages), (t.changes, found.changes)):
        if rows:
            db.execute(insert(table), rows)
    if found.late:
        for n in range(0, len(found.late), _AT_ONCE):
            _note_late(db, found.late[n : n + _AT_ONCE])
    replace(db, t.incidents, found.incidents)


def replace(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Rows in the place of those with the same keys; every one with all columns of the table."""
    if rows:
        db.execute(_replacing(table, db.dialect.name), rows)


@cache  # made once: at every entry of the log that takes longer than to carry it out
def _replacing(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    put = _insert(table, dialect)
    keys = table.primary_key.columns
    return put.on_conflict_do_update(
        index_elements=keys, set_={c.name: put.excluded[c.name] for c in table.columns if c.name not in keys}
    )


def _note_late(db: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """By a look first: an upsert takes a number of PostgreSQL even where it writes nothing, and replays would number
    otherwise."""
    hours = tuple_(*(t.late.c[name] for name in _OF_HOUR))
    asked = [tuple(row[name] for name in _OF_HOUR) for row in rows]
    known = {tuple(r[:3]): r.value for r in db.execute(select(*hours.clauses, t.late.c.value).where(hours.in_(asked)))}
    fresh = [row for row, hour in zip(rows, asked, strict=True) if hour not in known]
    worse = [row for row, hour in zip(rows, asked, strict=True) if hour in known and row["value"] > known[hour]]
    if fresh:
        db.execute(insert(t.late), fresh)
    for row in worse:
        db.execute(update(t.late).where(*(t.late.c[name] == row[name] for name in _OF_HOUR)).values(row))


def _insert(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def stored_level(level: Level | None) -> str:
    """As a row holds it; None: of a blind notice."""
    return NO_LEVEL if level is None else level.value


def level_of(stored: str) -> Level | None:
    """What `stored_level` gave."""
    return None if stored == NO_LEVEL else Level(stored)


def _message(m: Message) -> dict[str, Any]:
    return {
        "id": m.id,
        "incident": m.incident,
        "sent_ms": m.sent_ms,
        "msg_type": m.msg_type.value,
        "level": stored_level(m.level),
        "refs": json.dumps(list(m.references)),
        "cap_xml": m.cap_xml,
        "why": m.why.value if m.why else None,
        "expires_ms": m.expires_ms,
        "status": m.status,
        "evidence": json.dumps([evidence_json(e) for e in m.evidence]),
    }


def _changes(outcome: Outcome, entry: Cursor) -> Iterator[dict[str, Any]]:
    for ordinal, c in enumerate(outcome.changes):
        yield {
            "entry": entry,
            "ordinal": ordinal,
            "rule": c.key.rule,
            "target": c.key.target.text,
            "channel": c.channel,
            "time_ms": c.time_ms,
            "state": c.state.value,
            "level": c.level.value if c.level else None,
            "reason": c.reason.value,
            "value": c.value,
        }


def _late(outcome: Outcome, entry: Cursor) -> Iterator[tuple[tuple[ConditionKey, int], dict[str, Any]]]:
    """Of each condition and hour the worst: who floods a channel with history is not to fill the ledger."""
    worst: dict[tuple[ConditionKey, int], Late] = {}
    for n in outcome.late:
        hour = (n.key, n.reading_ms // _HOUR_MS)
        if hour not in worst or n.value > worst[hour].value:
            worst[hour] = n
    for ordinal, (of, n) in enumerate(worst.items()):
        yield (
            of,
            {
                "entry": entry,
                "ordinal": ordinal,
                "hour": of[1],
                "rule": n.key.rule,
                "target": n.key.target.text,
                "channel": n.channel,
                "reading_ms": n.reading_ms,
                "now_ms": n.now_ms,
                "value": n.value,
                "would_have_warned": n.level.value if n.level else None,
            },
        )


def message_of(row: Row[Any]) -> Message:
    """Of a whole row of `messages`."""
    head = head_of(row)
    evidence = tuple(map(evidence_from_json, json.loads(row.evidence or "[]")))
    return Message(
        head.id,
        head.incident,
        head.sent_ms,
        head.msg_type,
        head.level,
        head.references,
        bytes(row.cap_xml),
        why=head.why,
        expires_ms=head.expires_ms,
        status=head.status,
        evidence=evidence,
    )


def head_of(row: Row[Any]) -> MessageHead:
    """Of the columns in `HEAD`."""
    references = tuple(json.loads(row.refs))
    return MessageHead(
        row.id,
        row.incident,
        row.sent_ms,
        MsgType(row.msg_type),
        level_of(row.level),
        references,
        why=Why(row.why) if row.why else None,
        expires_ms=row.expires_ms,
        status=row.status or "Actual",
    )
