"""What the ledger knows of one sink: what it has delivered, what it has noted, and how a person has set it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from lxml import etree
from sqlalchemy import Connection, Engine, Executable, and_, bindparam, case, func, insert, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.delivery.tables import deliveries, sinks
from cloud.delivery.values import Noted, Past, Pending
from cloud.delivery.wants import Facts, Head
from cloud.warnings.model import Message, MsgType, Why
from cloud.warnings.results import NO_LEVEL, message_of
from cloud.warnings.tables import incidents as incidents_table
from cloud.warnings.tables import messages
from contract.catalogue.rules import Level
from contract.clock import to_ms

log = logging.getLogger(__name__)

T = TypeVar("T")
# A blind notice has no level; among incidents it waits like one of the lowest.
_LEVELS, _TYPES = {x.value: x for x in Level} | {NO_LEVEL: Level.BLUE}, {x.value: x for x in MsgType}
_NEWEST = select(func.max(messages.c.number))
_CHUNK = 500  # SQLite takes a thousand values in a statement
_HEAD = ("number", "id", "incident", "sent_ms", "msg_type", "level", "why", "expires_ms", "status")
_CANCEL = MsgType.CANCEL.value
_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"


@dataclass(frozen=True, slots=True)
class Switches:
    """off: by whom, empty when on. asked: see `cloud.delivery.tables.sinks`. newest: number of the newest message."""

    off: str
    asked: int
    gone: str
    newest: int


@dataclass(frozen=True, slots=True)
class Look:
    """waits: messages behind a number that are neither delivered nor noted, oldest first; past: what is known of their
    incidents. What was set aside counts as waiting, and what was not wanted while it is in force: who looks from the
    beginning tries it again, or by other settings."""

    switches: Switches
    waits: Sequence[Pending]
    past: Mapping[str, Past]


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages of one sink. noted: by why. last_ms: of the newest delivery."""

    delivered: int
    noted: Mapping[str, int]
    last_ms: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt. delivered_ms: None when it failed. noted: set aside."""

    message: str
    receipt: str
    delivered_ms: int | None = None
    noted: Noted | None = None
    perhaps: bool = False


class Record:
    """Of one sink. Raises SQLAlchemyError while the ledger is out of reach."""

    def __init__(self, ledger: Engine, sink: str) -> None:
        self._ledger, self._sink = ledger, sink
        m, d = messages, deliveries
        self._mine = d.c.sink == sink
        # The statements of every look and attempt, made once.
        self._set = select(sinks).where(sinks.c.name == sink)
        joined = m.outerjoin(d, and_(self._mine, d.c.message == m.c.id))
        unwanted = d.c.noted.in_([Noted.FILTERED.value, Noted.ACKNOWLEDGED.value])
        again = or_(d.c.noted == Noted.SET_ASIDE.value, and_(unwanted, m.c.expires_ms > bindparam("now_ms")))
        open_ = and_(d.c.delivered_ms.is_(None), or_(d.c.noted.is_(None), again))
        heads = select(*(m.c[name] for name in _HEAD), d.c.perhaps).select_from(joined)
        self._waits = heads.where(m.c.number > bindparam("after"), open_).order_by(m.c.number)
        settled = or_(d.c.delivered_ms.is_not(None), d.c.noted.is_not(None))
        told = or_(d.c.delivered_ms.is_not(None), d.c.perhaps == true())
        self._told = (
            select(
                m.c.incident,
                func.max(case((settled, m.c.number), else_=0)),
                func.max(case((told, 1), else_=0)),
                func.max(case((d.c.delivered_ms.is_not(None), m.c.number), else_=0)),
            )
            .join(d, d.c.message == m.c.id)
            .where(self._mine, m.c.incident.in_(bindparam("incidents", expanding=True)))
            .group_by(m.c.incident)
        )
        put = (postgresql.insert if ledger.dialect.name == "postgresql" else sqlite.insert)(d)
        key, new = d.primary_key.columns, put.excluded

        def upsert(attempts: int, *names: str) -> Executable:
            first = put.values(sink=sink, attempts=attempts)
            return first.on_conflict_do_update(
                index_elements=key, set_={"attempts": d.c.attempts + attempts, **{name: new[name] for name in names}}
            )

        self._result = upsert(1, "receipt", "delivered_ms", "perhaps", "noted", "given_up_ms")
        self._note = upsert(0, "noted", "given_up_ms")
        self._begun = upsert(0, "perhaps")

    def switches(self) -> Switches:
        """How it is set now."""
        with self._ledger.connect() as db:
            return self._switches(db)

    def _switches(self, db: Connection) -> Switches:
        row = db.execute(self._set).first()
        newest = db.execute(_NEWEST).scalar() or 0
        if row is None:
            return Switches("", 0, "", newest)
        off = f"switched off by {row.off_by}" if row.off_by else ""
        return Switches(off, row.asked, row.why if row.gone_ms is not None else "", newest)

    def look(self, after: int, now_ms: int = 0) -> Look:
        """now_ms: UTC. Cheap where there is nothing new behind that number: asked twice a second."""
        with self._ledger.connect() as db:
            found = self._switches(db)
            if found.newest <= after:
                return Look(found, (), {})
            rows = db.execute(self._waits, {"after": after, "now_ms": now_ms}).all()
            past = self._past(db, {row.incident for row in rows})
            newest = {row.incident: row.id for row in rows if row.msg_type != MsgType.CANCEL.value}
            expires = _expires(db, [r.id for r in rows if r.expires_ms is None and newest.get(r.incident) == r.id])
        return Look(found, [_pending(row, expires) for row in rows], past)

    def _past(self, db: Connection, incidents: Iterable[str]) -> dict[str, Past]:
        out = {}
        for some in _chunks(sorted(incidents)):
            for incident, number, heard, has in db.execute(self._told, {"incidents": some}):
                out[incident] = Past(number, bool(heard), newest=0 < number == has)
        return out

    def facts(self, incidents: Iterable[str]) -> dict[str, Facts]:
        """What is known of each now."""
        out: dict[str, Facts] = {}
        i, m = incidents_table.c, messages.c
        with self._ledger.connect() as db:
            for some in _chunks(sorted(set(incidents))):
                levels: dict[str, list[tuple[int, Level]]] = {name: [] for name in some}
                told = select(m.incident, m.sent_ms, m.level).where(m.incident.in_(some), m.msg_type != _CANCEL)
                for incident, sent_ms, level in db.execute(told.order_by(m.number)):
                    levels[incident].append((sent_ms, _LEVELS.get(level, Level.RED)))
                bodies = {name: body for name, body in db.execute(select(i.id, i.body).where(i.id.in_(some)))}  # noqa: C416
                out |= {name: _facts(bodies.get(name), levels[name]) for name in some}
        return out

    def begin(
        self,
        results: Sequence[Result],
        notes: Sequence[tuple[str, Noted]],
        start: Sequence[Pending],
        first: Iterable[str],
        now_ms: int,
    ) -> dict[str, Message]:
        """Writes down what became of attempts and what is noted, that those in `first` may reach the consumer from now
        on, and gives the messages in `start` by id: all at once, but for the notes of a long past, which go before.

        A message whose row cannot be read is not among them."""
        rows = [
            {"message": m, "receipt": "", "first_ms": now_ms, "given_up_ms": now_ms, "noted": why.value}
            for m, why in notes
        ]
        *before, rest = [*_chunks(rows)] or [()]
        for some in before:  # others write to the ledger, too
            with self._ledger.begin() as db:
                db.execute(self._note, some)
        begun = [{"message": m, "receipt": "", "first_ms": now_ms, "perhaps": True} for m in first]
        if not (results or rest or begun):
            with self._ledger.connect() as db:
                return self._texts(db, start)
        with self._ledger.begin() as db:
            for r in results:
                said = {"receipt": r.receipt, "delivered_ms": r.delivered_ms, "perhaps": r.perhaps}
                noted = (
                    {"noted": r.noted.value, "given_up_ms": now_ms} if r.noted else {"noted": None, "given_up_ms": None}
                )
                db.execute(self._result, {"message": r.message, "first_ms": now_ms, **said, **noted})
            if rest:
                db.execute(self._note, rest)
            if begun:
                db.execute(self._begun, begun)
            return self._texts(db, start)

    def _texts(self, db: Connection, start: Sequence[Pending]) -> dict[str, Message]:
        found: dict[str, Message] = {}
        for some in _chunks([m.id for m in start]):
            for row in db.execute(select(messages).where(messages.c.id.in_(some))):
                try:
                    found[row.id] = message_of(row)
                except (ValueError, TypeError, LookupError, AttributeError) as error:  # damaged, or of a newer release
                    log.warning("message %s cannot be read from the ledger: %s", row.id, error)
        return found

    def counts(self) -> Counts:
        """Of all its messages."""
        d = deliveries
        there = d.c.delivered_ms.is_not(None)
        query = select(d.c.noted, there, func.count(), func.max(d.c.delivered_ms)).where(self._mine)
        delivered, noted, last = 0, dict.fromkeys((n.value for n in Noted), 0), None
        with self._ledger.connect() as db:
            for why, has, count, newest in db.execute(query.group_by(d.c.noted, there)):
                if has:
                    delivered, last = delivered + count, max(newest, last or newest)
                elif why is not None:
                    noted[why] = count
        return Counts(delivered, noted, last)

    def waiting(self) -> tuple[int, str]:
        """Messages that are neither delivered nor noted, and what the consumer last said to one of them."""
        m, d = messages, deliveries
        joined = m.outerjoin(d, and_(d.c.sink == self._sink, d.c.message == m.c.id))
        query = select(d.c.receipt).select_from(joined).where(d.c.delivered_ms.is_(None), d.c.noted.is_(None))
        with self._ledger.connect() as db:
            said = [receipt for (receipt,) in db.execute(query.order_by(m.c.number.desc()))]
        return len(said), next((s for s in said if s), "")

    def set_gone(self, why: str, now_ms: int | None) -> None:
        """now_ms: None: it is back."""
        with self._ledger.begin() as db:
            _put(db, self._sink, {"why": why, "gone_ms": now_ms})


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that a consumer refused, by name. why: its last answer."""

    message: str
    attempts: int
    at_ms: int
    why: str


def set_aside(ledger: Engine, sink: str) -> list[SetAside]:
    """Oldest first."""
    d = deliveries
    mine = (d.c.sink == sink, d.c.noted == Noted.SET_ASIDE.value, d.c.delivered_ms.is_(None))
    with ledger.connect() as db:
        rows = db.execute(select(d).where(*mine).order_by(d.c.given_up_ms)).all()
    return [SetAside(row.message, row.attempts, row.given_up_ms, row.receipt) for row in rows]


def switch(ledger: Engine, sink: str, off_by: str | None, now_ms: int) -> None:
    """off_by: who wants that it gets nothing; None: it gets what is in force again. A running cloud heeds it."""
    with ledger.begin() as db:
        _put(db, sink, {"off_by": off_by, "off_ms": None if off_by is None else now_ms})


def ask_again(ledger: Engine, sink: str) -> None:
    """A running cloud tries all that is in force and not delivered, what was set aside too, at once."""
    with ledger.begin() as db:
        _put(db, sink, {})
        db.execute(update(sinks).where(sinks.c.name == sink).values(asked=sinks.c.asked + 1))


def _put(db: Connection, sink: str, values: dict[str, Any]) -> None:
    if db.execute(select(sinks.c.name).where(sinks.c.name == sink)).first() is None:
        db.execute(insert(sinks).values(name=sink, **values))
    elif values:
        db.execute(update(sinks).where(sinks.c.name == sink).values(**values))


def _pending(row: Any, expires: Mapping[str, int | None]) -> Pending:
    """What a word means that this release does not know is not put behind: its text is refused when its turn comes."""
    expires_ms = expires.get(row.id) if row.expires_ms is None else row.expires_ms
    level, msg_type = _LEVELS.get(row.level, Level.RED), _TYPES.get(row.msg_type, MsgType.ALERT)
    renewal = row.why == Why.RENEWAL.value
    sent_ms, perhaps = row.sent_ms, bool(row.perhaps)
    head = Head(row.incident, msg_type, None if row.level == NO_LEVEL else level, row.status or "Actual")
    return Pending(row.number, row.id, row.incident, msg_type, level, sent_ms, expires_ms, renewal, perhaps, head)


def _facts(body: str | None, levels: Sequence[tuple[int, Level]]) -> Facts:
    """body: of the incident's row; None when there is none."""
    if body is None:
        return Facts(levels=levels)
    found = json.loads(body)
    acts = [found.get(name) for name in ("acknowledged", "owner", "ended")]
    acted_ms = max((act["at_ms"] for act in acts if act is not None), default=None)
    return Facts(frozenset(found.get("zones") or [found["zone"]]), acted_ms, levels)


def _expires(db: Connection, ids: Sequence[str]) -> dict[str, int | None]:
    """Of messages of releases that did not keep it: by their text."""
    out = {}
    for some in _chunks(ids):
        for row in db.execute(select(messages.c.id, messages.c.cap_xml).where(messages.c.id.in_(some))):
            out[row.id] = expires_of(bytes(row.cap_xml))
    return out


def expires_of(cap_xml: bytes) -> int | None:
    """When the last of its infos ends (CAP 1.2, 3.2.2 expires), UTC; None when it says no time."""
    try:
        alert = etree.fromstring(cap_xml, etree.XMLParser(resolve_entities=False, no_network=True))
        found = [to_ms(datetime.fromisoformat((e.text or "").strip())) for e in alert.iter(f"{_CAP}expires")]
    except (etree.XMLSyntaxError, ValueError):
        return None
    return max(found, default=None)


def _chunks(ids: Sequence[T]) -> Iterable[Sequence[T]]:
    for i in range(0, len(ids), _CHUNK):
        yield ids[i : i + _CHUNK]
