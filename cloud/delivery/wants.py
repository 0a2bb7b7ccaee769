"""What a consumer is to be told of, and when: by kind, level, zone, status and language, and by escalation. Pure.

A filter decides where telling begins. Who has been told of an incident hears of it to its end, whatever the filter says
of later messages: nobody is left with a red warning because the message that eases it is yellow.

A consumer that is named in another's `escalate:` is told of an incident only once nobody has acknowledged it for so
long. That follows from the ledger alone (messages, and what people did about the incident), so a cloud that is killed
at any moment escalates what it would have escalated. A receipt of the first consumer stops nothing: a machine has the
message then, and perhaps no person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level
from contract.clock import from_ms, to_ms


class Kind(StrEnum):
    """What is delivered. Of these only `warning` and `blind` are CAP messages, and only they may reach the public."""

    WARNING = "warning"
    BLIND = "blind"  # nothing is known of the water in a zone: all its sensors are silent
    MAINTENANCE = "maintenance"  # for engineers: a sensor that is doubted, a pump that does not run
    CONSUMER = "consumer"  # another consumer is gone, silent or back


AHEAD_MS = 60_000  # the log's time may be a little ahead of the clock

PUBLIC_KINDS = frozenset({Kind.WARNING, Kind.BLIND})


class Unwanted(StrEnum):
    """Why a consumer is not told of a message."""

    FILTERED = "filtered"
    ACKNOWLEDGED = "acknowledged"  # somebody acts on it: it is not escalated


@dataclass(frozen=True, slots=True)
class Head:
    """Of a message, what is looked at. level: None of a blind notice."""

    incident: str
    msg_type: MsgType
    level: Level | None
    status: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ledger knows of an incident. zones: in which places are or were told of; empty when not known.

    acted_ms: when a person last acknowledged it, took it over or ended it; None: nobody did. levels: (sent_ms, level)
    of its messages but for the end, oldest first; a blind notice counts as one of the lowest level. Times are UTC.
    """

    zones: frozenset[str] = frozenset()
    acted_ms: int | None = None
    levels: Sequence[tuple[int, Level]] = ()

    def believed(self, now_ms: int) -> Facts:
        """Without what lies ahead of now, UTC: a clock that was wrong said it. Then nobody knows when the incident
        reached its level: its escalation is due at once, and an act of then stops none, so it is told too often."""
        latest_ms = now_ms + AHEAD_MS
        if all(ms <= latest_ms for ms in (self.acted_ms or 0, *(ms for ms, _ in self.levels))):
            return self
        acted_ms = None if self.acted_ms is None or self.acted_ms > latest_ms else self.acted_ms
        return replace(self, acted_ms=acted_ms, levels=[(ms if ms <= latest_ms else 0, at) for ms, at in self.levels])

    def stands_since_ms(self, level: Level) -> int | None:
        """Since when the incident has been told of at this level or a worse one; None: it is not at present."""
        since: int | None = None
        for sent_ms, told in self.levels:
            if told.rank < level.rank:
                since = None
            elif since is None:
                since = sent_ms
        return since


@dataclass(frozen=True, slots=True)
class Step:
    """One way in which a consumer is reached by escalation.

    after_s: without acknowledgement. begins, ends: hours of the day in the district's time, in which it is told; the
    same: always. Red goes by no hours. levels: of the incident; empty: all.
    """

    of: str
    after_s: float
    begins: time = time(0)
    ends: time = time(0)
    levels: frozenset[Level] = frozenset()

    def due_ms(self, level: Level, facts: Facts, zone: tzinfo) -> int | Unwanted:
        """When the consumer is to be told of an incident at this level, UTC, or why not."""
        if self.levels and level not in self.levels:
            return Unwanted.FILTERED
        since_ms = facts.stands_since_ms(level)
        if since_ms is None:
            return Unwanted.FILTERED
        if facts.acted_ms is not None and facts.acted_ms >= since_ms:
            return Unwanted.ACKNOWLEDGED
        due_ms = since_ms + round(self.after_s * 1000)
        return due_ms if level is Level.RED else next_within(due_ms, self.begins, self.ends, zone)


def next_within(at_ms: int, begins: time, ends: time, zone: tzinfo) -> int:
    """The first moment from at_ms on that lies within these hours of the day. begins after ends: over midnight."""
    local = from_ms(at_ms).astimezone(zone)
    now = local.time()
    inside = begins <= now < ends if begins < ends else (now >= begins or now < ends)
    if begins == ends or inside:
        return at_ms
    day = local.date() if now < begins else local.date() + timedelta(days=1)
    return to_ms(datetime.combine(day, begins, zone))


@dataclass(frozen=True, slots=True)
class Wants:
    """Of one consumer. Empty sets: everything. public: whoever may read it.

    steps: it is told by escalation alone. zone: in which hours are meant.
    """

    kinds: frozenset[Kind] = frozenset(Kind)
    levels: frozenset[Level] = frozenset()
    zones: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    zone: tzinfo = UTC
    kin: Mapping[str, Wants] = field(default_factory=dict)  # of the consumers that escalate to it, by name

    @property
    def asks_facts(self) -> bool:
        """Does it depend on more of an incident than its message says?"""
        return bool(self.zones or self.steps)

    def from_ms(self, m: Head, facts: Facts) -> int | Unwanted:
        """From when a message may go out to who was not told of its incident yet, UTC (0: at once), or why it does not.

        An incident whose zones are not known is in all of them: nobody goes without a warning for that.
        """
        if not self._takes(m, facts):
            return Unwanted.FILTERED
        if not self.steps:
            return 0
        level = m.level or Level.BLUE
        found = [s.due_ms(level, facts, self.zone) for s in self.steps if self._passed_on(s, m, facts)]
        times = [f for f in found if not isinstance(f, Unwanted)]
        if times:
            return min(times)
        return Unwanted.ACKNOWLEDGED if Unwanted.ACKNOWLEDGED in found else Unwanted.FILTERED

    def _passed_on(self, step: Step, m: Head, facts: Facts) -> bool:
        """What a consumer does not want itself it does not hand on."""
        return step.of not in self.kin or self.kin[step.of]._takes(m, facts)

    def _takes(self, m: Head, facts: Facts) -> bool:
        kind = Kind.BLIND if m.level is None else Kind.WARNING
        return (
            kind in self.kinds
            and _among(m.status, self.statuses)
            and (m.level is None or _among(m.level, self.levels))
            and (not self.zones or not facts.zones or bool(self.zones & facts.zones))
        )


EVERYTHING = Wants()


def _among(found: str, wanted: Collection[str]) -> bool:
    return not wanted or found in wanted
