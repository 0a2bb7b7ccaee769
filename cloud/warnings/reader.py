"""What the API, the page and the metrics may ask of the warnings, and its answers from the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sqlalchemy import Engine, Select, and_, exists, func, or_, select

from cloud.warnings import results
from cloud.warnings import tables as t
from cloud.warnings.codec import evidence_from_json, incident_from_json
from cloud.warnings.decisions import People
from cloud.warnings.model import ConditionSnapshot, Incident, LateReading, Message, MessageHead, MsgType
from cloud.warnings.zone_levels import Told
from contract.catalogue.rules import Level
from contract.conditions.columns import NO_LEVEL, State
from contract.readings import Int8s, Int64s


@dataclass(frozen=True, slots=True)
class Listed:
    """An incident. body: as it is stored; messages: how many there are, and the number of the newest: while all of that
    stands, so does what `told` says of it."""

    id: str
    body: str
    messages: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Which:
    """Of all incidents those that are asked for. open_only: that are open. start_ms, end_ms: that were open at some
    time from start up to end, UTC; None: however early, however late. level: that were told at this level or above."""

    open_only: bool = False
    start_ms: int | None = None
    end_ms: int | None = None
    level: Level | None = None

    @property
    def usual(self) -> bool:
        """What many ask for again and again."""
        return self.start_ms is None and self.end_ms is None and self.level is None


class WarningsReader(Protocol):
    """Read access to the warnings; safe from any thread.

    What asks the ledger raises SQLAlchemyError while that is out of reach.
    """

    def version(self) -> int:
        """Rises with every change of incidents and messages; while it stands, so does what was read of them."""
        ...

    def incidents(self, *, open_only: bool = False, limit: int = 200) -> Sequence[Incident]:
        """Newest first."""
        ...

    def incident(self, incident_id: str) -> Incident | None:
        """None when there is none of that id."""
        ...

    def messages(self, incident_id: str | None = None, limit: int = 200) -> Sequence[Message]:
        """Newest first; of one incident, or of all."""
        ...

    def messages_of(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[MessageHead]]:
        """Every message of each, newest first, by one question. At most 1000 incidents."""
        ...

    def listed(self, which: Which, *, limit: int = 200, behind: str | None = None) -> Sequence[Listed]:
        """What is stored of these incidents and what of it is new, without reading them. Newest first.

        behind: only those that come after this incident in that order; none where there is no such incident.
        """
        ...

    def told(self, incident_ids: Sequence[str]) -> Mapping[str, tuple[Incident, Sequence[MessageHead]]]:
        """Each with its messages, newest first; those that there are. At most 1000 incidents."""
        ...

    def levels_told(self, incident_ids: Sequence[str]) -> Mapping[str, tuple[Incident, Sequence[Told]]]:
        """Each with what its messages say of levels, oldest first; those that there are. At most 1000 incidents."""
        ...

    def message(self, message_id: str) -> Message | None:
        """None when there is none of that id."""
        ...

    def since(self, number: int, limit: int) -> Sequence[tuple[int, Message]]:
        """Messages behind this number in the ledger, oldest first, each with its own."""
        ...

    def number_of(self, message_id: str) -> int | None:
        """Where a message stands in the ledger; None when there is none of that id."""
        ...

    def standing(self, now_ms: int) -> tuple[int, Sequence[tuple[int, Message]]]:
        """The number of the newest message, and of each incident the newest message that is in force, oldest first."""
        ...

    def late(
        self, channels: Collection[int] | None, start_ms: int | None, end_ms: int | None, limit: int, before: int | None
    ) -> Sequence[LateReading]:
        """Readings that came too late and would have warned, newest come first.

        channels: None for all. start_ms, end_ms: of the readings, the end not included. before: of a smaller number.
        """
        ...

    def people(self) -> People:
        """What holds of what people decided; mutes that are over may be in it still."""
        ...

    def conditions(self, channels: Collection[int] | None = None) -> Sequence[ConditionSnapshot]:
        """Every condition there is, by target and rule; or those whose target is one of these channels."""
        ...

    def levels(self) -> tuple[Int64s, Int8s]:
        """Channels and how the level ranks that a rule holds of each: one row a condition on a channel that has one."""
        ...


class LedgerReader:
    """A `WarningsReader` of a ledger that a view writes.

    version, conditions, people: how the view's results are counted, and its conditions and what people decided as they
    stand: those are in memory.
    """

    def __init__(
        self,
        ledger: Engine,
        version: Callable[[], int],
        conditions: Callable[[], State],
        people: Callable[[], People] = People,
    ) -> None:
        self._ledger, self._version, self._conditions, self._people = ledger, version, conditions, people

    def version(self) -> int:
        return self._version()

    def incidents(self, *, open_only: bool = False, limit: int = 200) -> Sequence[Incident]:
        with self._ledger.connect() as db:
            return [incident_from_json(json.loads(row.body)) for row in db.execute(_newest(Which(open_only), limit))]

    def incident(self, incident_id: str) -> Incident | None:
        with self._ledger.connect() as db:
            row = db.execute(select(t.incidents.c.body).where(t.incidents.c.id == incident_id)).first()
        return None if row is None else incident_from_json(json.loads(row.body))

    def messages(self, incident_id: str | None = None, limit: int = 200) -> Sequence[Message]:
        query = select(t.messages).order_by(t.messages.c.number.desc()).limit(limit)
        if incident_id is not None:
            query = query.where(t.messages.c.incident == incident_id)
        with self._ledger.connect() as db:
            return [results.message_of(row) for row in db.execute(query)]

    def messages_of(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[MessageHead]]:
        found: dict[str, list[MessageHead]] = {i: [] for i in incident_ids}
        query = select(*results.HEAD).where(t.messages.c.incident.in_(list(found))).order_by(t.messages.c.number.desc())
        with self._ledger.connect() as db:
            for row in db.execute(query):
                found[row.incident].append(results.head_of(row))
        return found

    def listed(self, which: Which, *, limit: int = 200, behind: str | None = None) -> Sequence[Listed]:
        found = _newest(which, limit, behind).subquery()
        of = t.messages.c.incident == found.c.id
        query = (
            select(found.c.id, found.c.body, func.count(t.messages.c.number), func.max(t.messages.c.number))
            .join(t.messages, of, isouter=True)
            .group_by(found.c.id, found.c.body, found.c.opened_ms)
            .order_by(found.c.opened_ms.desc(), found.c.id)
        )
        with self._ledger.connect() as db:
            return [Listed(name, body, (count, newest or 0)) for name, body, count, newest in db.execute(query)]

    def told(self, incident_ids: Sequence[str]) -> Mapping[str, tuple[Incident, Sequence[MessageHead]]]:
        query = select(t.incidents.c.id, t.incidents.c.body).where(t.incidents.c.id.in_(list(incident_ids)))
        with self._ledger.connect() as db:
            found = {name: incident_from_json(json.loads(body)) for name, body in db.execute(query)}
        messages = self.messages_of(list(found))
        return {name: (incident, messages[name]) for name, incident in found.items()}

    def levels_told(self, incident_ids: Sequence[str]) -> Mapping[str, tuple[Incident, Sequence[Told]]]:
        i, m = t.incidents.c, t.messages.c
        of = select(i.id, i.body).where(i.id.in_(list(incident_ids)))
        said = select(m.incident, m.sent_ms, m.msg_type, m.level, m.evidence).where(m.incident.in_(list(incident_ids)))
        with self._ledger.connect() as db:
            found = {name: (incident_from_json(json.loads(body)), list[Told]()) for name, body in db.execute(of)}
            for row in db.execute(said.order_by(m.number)):
                evidence = tuple(map(evidence_from_json, json.loads(row.evidence or "[]")))
                if row.incident in found:
                    told = Told(row.sent_ms, MsgType(row.msg_type), results.level_of(row.level), evidence)
                    found[row.incident][1].append(told)
        return found

    def message(self, message_id: str) -> Message | None:
        with self._ledger.connect() as db:
            row = db.execute(select(t.messages).where(t.messages.c.id == message_id)).first()
        return None if row is None else results.message_of(row)

    def since(self, number: int, limit: int) -> Sequence[tuple[int, Message]]:
        query = select(t.messages).where(t.messages.c.number > number).order_by(t.messages.c.number).limit(limit)
        with self._ledger.connect() as db:
            return [(row.number, results.message_of(row)) for row in db.execute(query)]

    def number_of(self, message_id: str) -> int | None:
        with self._ledger.connect() as db:
            return db.execute(select(t.messages.c.number).where(t.messages.c.id == message_id)).scalar()

    def standing(self, now_ms: int) -> tuple[int, Sequence[tuple[int, Message]]]:
        m = t.messages.c
        in_force = and_(m.msg_type != MsgType.CANCEL.value, m.expires_ms > now_ms)
        newest = select(func.max(m.number)).group_by(m.incident)
        query = select(t.messages).where(in_force, m.number.in_(newest)).order_by(m.number)
        with self._ledger.connect() as db:
            last = db.execute(select(func.max(m.number))).scalar() or 0
            return last, [(row.number, results.message_of(row)) for row in db.execute(query) if row.number <= last]

    def late(
        self, channels: Collection[int] | None, start_ms: int | None, end_ms: int | None, limit: int, before: int | None
    ) -> Sequence[LateReading]:
        query = select(t.late).where(t.late.c.would_have_warned.is_not(None)).order_by(t.late.c.id.desc()).limit(limit)
        if channels is not None:
            query = query.where(t.late.c.channel.in_(list(channels)))
        if start_ms is not None:
            query = query.where(t.late.c.reading_ms >= start_ms)
        if end_ms is not None:
            query = query.where(t.late.c.reading_ms < end_ms)
        if before is not None:
            query = query.where(t.late.c.id < before)
        with self._ledger.connect() as db:
            rows = db.execute(query).all()
        return [
            LateReading(r.id, r.channel, r.rule or "", r.reading_ms, r.now_ms, r.value, Level(r.would_have_warned))
            for r in rows
        ]

    def people(self) -> People:
        return self._people()

    def conditions(self, channels: Collection[int] | None = None) -> Sequence[ConditionSnapshot]:
        state = self._conditions()
        found = state.values() if channels is None else state.of_channels(channels)
        return [
            ConditionSnapshot(c.key, c.channel, c.state, c.level, c.since_ms, c.reason, c.reading_ms, c.value)
            for c in found
        ]

    def levels(self) -> tuple[Int64s, Int8s]:
        state = self._conditions()
        level = state.level.copy()  # the warnings go on meanwhile
        held = np.flatnonzero((level != NO_LEVEL) & (state.channel >= 0))
        return state.channel[held], level[held]


def _newest(which: Which, limit: int, behind: str | None = None) -> Select[tuple[str, str, int]]:
    """Incidents, newest first; of those that opened at one moment by id. behind: see `WarningsReader.listed`."""
    i = t.incidents.c
    query = select(i.id, i.body, i.opened_ms).order_by(i.opened_ms.desc(), i.id).limit(limit)
    if behind is not None:
        opened_ms = select(i.opened_ms).where(i.id == behind).scalar_subquery()
        query = query.where(or_(i.opened_ms < opened_ms, and_(i.opened_ms == opened_ms, i.id > behind)))
    if which.open_only:
        query = query.where(i.closed_ms.is_(None))
    if which.start_ms is not None:
        query = query.where(or_(i.closed_ms.is_(None), i.closed_ms >= which.start_ms))
    if which.end_ms is not None:
        query = query.where(i.opened_ms < which.end_ms)
    if which.level is not None:
        as_high = [level.value for level in Level if level.rank >= which.level.rank]
        m = t.messages.c
        query = query.where(exists().where(m.incident == i.id, m.level.in_(as_high)))
    return query
