"""The words of the warnings: incidents, their evidence, the messages about them. Pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.clock import iso
from contract.conditions.state import ConditionState, Reason
from contract.conditions.targets import ConditionKey

RAIN = frozenset({Quantity.RAIN_SUM, Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT, Quantity.RAIN_INTENSITY})


class Certainty(StrEnum):
    """How sure (CAP 1.2, 3.2.2 certainty): measured by a trusted reading, or by a suspect one."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNKNOWN = "Unknown"  # of a blind notice: nobody knows whether there is water


class MsgType(StrEnum):
    """CAP 1.2, 3.2.1 msgType."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class Why(StrEnum):
    """For what a message is sent. One word a message: what weighs most for who reads it."""

    OPENED = "opened"
    WORSE = "worse"  # the incident's level rose
    JOINED = "joined"  # a place at a high level, or an underpass, joined
    DEEPER = "deeper"  # the depth somewhere grew by a class
    EASED = "eased"
    CERTAINTY = "certainty"
    AREA = "area"  # which places, or at which of their own levels
    DECISION = "decision"  # of a person
    THRESHOLDS_CHANGED = "thresholds_changed"
    NO_LONGER_WATCHED = "no_longer_watched"
    CORRECTED = "corrected"  # what it rested on was taken back
    RENEWAL = "renewal"  # nothing is new but the time at which it expires
    ENDED_DRY = "ended_dry"  # dry readings say so
    ENDED_BY_PERSON = "ended_by_person"
    WITHDRAWN = "withdrawn"  # a person says that it was false
    BLIND = "blind"  # all sensors of a zone are silent, without a warning
    SEEN_AGAIN = "seen_again"  # they send readings again, or a warning speaks for the zone: no all-clear


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
class LateReading:
    """A reading that came too late to warn, and what it would have warned of.

    rule: empty in a row from before there were several. value: in the channel's unit. Times are UTC milliseconds.
    """

    number: int
    channel: int
    rule: str
    reading_ms: int
    came_ms: int
    value: float
    level: Level


@dataclass(frozen=True, slots=True)
class Evidence:
    """A condition that speaks for an incident.

    channel, station: of the reading that it rests on; None where it rests on none of one place. value: in quantity's
    unit. time_ms: of the reading, UTC. rise_per_min: of the value, over the last minutes of usable findings; None when
    that is unknown. since_ms: when it reached its level; None when that is not stored. doubt: why its value is doubted;
    empty when it is not. simulated: its gateway is a simulator. over_s: of a sum of rain, over how long.
    """

    key: ConditionKey
    channel: int | None
    station: str | None
    quantity: Quantity
    level: Level
    state: ConditionState
    value: float | None
    time_ms: int | None
    rise_per_min: float | None = None
    since_ms: int | None = None
    doubt: str = ""
    simulated: bool = False
    over_s: float | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did about an incident. who: as in the audit record. at_ms: UTC, as the decision says."""

    who: str
    at_ms: int


class Ending(StrEnum):
    """Why a person ended an incident."""

    FALSE = "false"  # there was no water
    OVER = "over"  # it is dealt with


@dataclass(frozen=True, slots=True)
class Ended:
    """That a person ended an incident. note: in their own words; may be empty."""

    who: str
    at_ms: int
    reason: Ending
    note: str = ""

    @property
    def why(self) -> Why:
        """What the message of the end is for."""
        return Why.WITHDRAWN if self.reason is Ending.FALSE else Why.ENDED_BY_PERSON


@dataclass(frozen=True, slots=True)
class Sight:
    """A blind zone: of how many watched channels how many are silent, those aside that a person muted.

    since_ms: when the last of them was read, UTC.
    """

    zone: str
    silent: int
    watched: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Incident:
    """What the conditions of a zone, or of zones that share incidents, amount to. closed_ms: None while open.

    A blind notice is one, too: without evidence, and without a level, for nothing is known of the water. sight: its
    zones, in the catalogue's order; empty of any other.

    zone: the first of those in the catalogue. zones: in which places are or were told of; empty in an incident of a
    release that had one zone an incident. acknowledged: by whom first since it was last told of. owner: who took
    it over last. simulated: evidence of it was, now or before.
    """

    id: str
    zone: str
    level: Level | None
    peak_level: Level | None
    certainty: Certainty
    opened_ms: int
    updated_ms: int
    closed_ms: int | None
    evidence: Sequence[Evidence]
    zones: Sequence[str] = ()
    acknowledged: Act | None = None
    owner: Act | None = None
    ended: Ended | None = None
    simulated: bool = False
    sight: Sequence[Sight] = ()

    def not_after(self, now_ms: int) -> Incident:
        """As it stands, where the log was ahead of time: begun and altered no later than now."""
        return replace(self, opened_ms=min(self.opened_ms, now_ms), updated_ms=min(self.updated_ms, now_ms))

    @property
    def of_depth(self) -> bool:
        """Does a depth of water speak for it, or only a river, a pump, rain?"""
        return any(e.quantity is Quantity.DEPTH for e in self.evidence)

    @property
    def of_rain(self) -> bool:
        """Does rain alone speak for it?"""
        return bool(self.evidence) and all(e.quantity in RAIN for e in self.evidence)

    @property
    def rain_leads(self) -> bool:
        """Does rain alone speak for its level, whatever else does for a lower one?"""
        at_level = [e.quantity in RAIN for e in self.evidence if e.level is self.level]
        return bool(at_level) and all(at_level)

    @property
    def blind(self) -> bool:
        """Does it say that nothing is known of its zones?"""
        return self.level is None


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message to be written about an incident as it stands; of a renewal, as it was last told.

    of_depth: of an end: did depths of water speak for it last? Else nobody may say that water has gone. of_rain: of an
    end: did rain alone speak for it?
    """

    incident: Incident
    msg_type: MsgType
    why: Why
    of_depth: bool = True
    of_rain: bool = False


@dataclass(frozen=True, slots=True)
class MessageHead:
    """A message without its text, for lists: two hundred texts are half a megabyte.

    level: what it announces (of a Cancel: what it ends); None of a blind notice. why, expires_ms: None in a message of
    a release that did not store them. status: CAP 1.2, 3.2.1.
    """

    id: str
    incident: str
    sent_ms: int
    msg_type: MsgType
    level: Level | None
    references: Sequence[str]
    why: Why | None = field(default=None, kw_only=True)
    expires_ms: int | None = field(default=None, kw_only=True)
    status: str = field(default="Actual", kw_only=True)

    @property
    def level_word(self) -> str:
        """For people: its level, or what it is that has none."""
        return level_word(self.level)

    @property
    def renewal(self) -> bool:
        """Does it say nothing new, but that what was said still holds?"""
        return self.why is Why.RENEWAL


@dataclass(frozen=True, slots=True)
class Message(MessageHead):
    """One CAP message of an incident.

    evidence: what it tells of each place; empty in a message of a release that did not store it.
    """

    cap_xml: bytes
    evidence: Sequence[Evidence] = field(default=(), kw_only=True)


def incident_id(district: str, of: str, opened_ms: int) -> str:
    """of: the zone, or what else it is of; it begins but once in a second."""
    return f"{district}-{of}-{iso(opened_ms)[:19].replace('-', '').replace(':', '')}"


def level_word(level: Level | None) -> str:
    """For people: a level, or what has none."""
    return "blind" if level is None else level.value
