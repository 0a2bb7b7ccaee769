"""The words of the warnings: incidents, their evidence, the messages about them. Pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState, Reason
from contract.conditions.targets import ConditionKey


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
    """One rule on one target, as it stands. level: the one active or held while unknown; None when normal.

    channel: whose reading it last rests on; None when there was none and the target is no channel.
    """

    key: ConditionKey
    channel: int | None
    state: ConditionState
    level: Level | None
    since_ms: int
    reason: Reason
    reading_ms: int | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A condition that speaks for an incident.

    channel, station: of the reading that it rests on; None where it rests on none of one place. value: in quantity's
    unit. time_ms: of the reading, UTC.
    """

    key: ConditionKey
    channel: int | None
    station: str | None
    quantity: Quantity
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
class MessageHead:
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
class Message(MessageHead):
    """One CAP message of an incident."""

    cap_xml: bytes
