"""What the warning view keeps and what the API, the page and the sinks read. Pure data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contract.catalogue.rules import Level
from contract.clock import iso
from contract.conditions.state import ConditionState, Reason


class Certainty(StrEnum):
    """How sure (CAP 1.2, 3.2.2 certainty): measured by a trusted reading, or by a suspect one."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"


class MsgType(StrEnum):
    """CAP 1.2, 3.2.1 msgType."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


@dataclass(frozen=True, slots=True)
class ConditionSnapshot:
    """One rule on one channel, as it stands. level: the one active or held while unknown; None when normal."""

    channel: int
    state: ConditionState
    level: Level | None
    since_ms: int
    reason: Reason
    reading_ms: int | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A condition that speaks for an incident."""

    channel: int
    station: str
    level: Level
    state: ConditionState
    value: float | None
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class Incident:
    """What a zone's conditions amount to. closed_ms: None while open."""

    id: str
    zone: str
    level: Level
    peak_level: Level
    certainty: Certainty
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    evidence: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Told:
    """A message without its text, for lists: two hundred texts are half a megabyte.

    level: what it announces (of a Cancel: what it ends).
    """

    id: str
    incident: str
    sent_ms: int
    msg_type: MsgType
    level: Level
    references: Sequence[str]


@dataclass(frozen=True, slots=True)
class Message(Told):
    """One CAP message of an incident."""

    cap_xml: bytes


def message_json(m: Told) -> dict[str, object]:
    """What consumers, the API and the page are told of a message, but for its CAP text."""
    return {
        "id": m.id,
        "incident": m.incident,
        "sent": iso(m.sent_ms),
        "msgType": m.msg_type.value,
        "level": m.level.value,
        "references": list(m.references),
    }


class WarningsReader(Protocol):
    """Read access for the API and the page; safe from any thread."""

    def version(self) -> int:
        """Rises with every change of incidents and messages; while it stands, so does what was read of them."""
        ...

    def incidents(self, *, open_only: bool = False, limit: int = 200) -> Sequence[Incident]:
        """Newest first."""
        ...

    def incident(self, incident_id: str) -> Incident | None: ...

    def messages(self, incident_id: str | None = None, limit: int = 200) -> Sequence[Message]:
        """Newest first; of one incident, or of all."""
        ...

    def messages_of(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[Told]]:
        """Every message of each, newest first, by one question. At most 1000 incidents."""
        ...

    def message(self, message_id: str) -> Message | None: ...

    def conditions(self, channels: Collection[int] | None = None) -> Sequence[ConditionSnapshot]:
        """Every condition there is, by channel; or those of these channels that a rule watches."""
        ...
