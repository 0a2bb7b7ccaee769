"""What queue, record and dispatcher hand to one another: messages that wait, what is to be done about them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cloud.delivery.wants import Facts, Head, Unwanted, Wants
from cloud.warnings.model import MsgType
from contract.catalogue.rules import Level


class Noted(StrEnum):
    """Why a message does not go to a consumer."""

    SUPERSEDED = "superseded"  # a newer one of its incident was there
    EXPIRED = "expired"  # it was no longer in force
    UNTOLD = "untold"  # the end of what the consumer had never been told of
    SET_ASIDE = "set_aside"  # the consumer refused it
    FILTERED = "filtered"  # its settings do not ask for it
    ACKNOWLEDGED = "acknowledged"  # it was to be told only if nobody had acted by then


@dataclass(frozen=True, slots=True)
class Policy:
    """How a consumer is treated. Seconds of the clock.

    parallel: messages that may be under way at once. refusals: tries of a message that the consumer refuses. eager_s:
    pause between tries in the first eager_for_s of a trouble; then it doubles up to patient_s. retry_after_s: the
    longest that a consumer may ask us to wait. test_s: between test messages to one that answered 410.
    """

    parallel: int = 1
    refusals: int = 5
    eager_s: float = 2.0
    eager_for_s: float = 300.0
    patient_s: float = 300.0
    retry_after_s: float = 300.0
    test_s: float = 600.0
    silent_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that is not yet delivered. number: its place in the ledger. expires_ms: UTC; None: it never does.

    perhaps: an attempt before had no answer, so the consumer may have it. head: by which `judged` says whether the
    consumer wants it. from_ms: UTC before which it does not, unwanted: why it does not at all; both hold only for who
    has not been told of the incident.
    """

    number: int
    id: str
    incident: str
    msg_type: MsgType
    level: Level
    sent_ms: int
    expires_ms: int | None
    renewal: bool = False
    perhaps: bool = False
    head: Head | None = None
    from_ms: int = 0
    unwanted: Noted | None = None

    def judged(self, wants: Wants, facts: Facts) -> Pending:
        """As the consumer wants it by what is known of its incident now."""
        if self.head is None:
            return self
        found = wants.from_ms(self.head, facts)
        if isinstance(found, Unwanted):
            return replace(self, from_ms=0, unwanted=Noted(found.value))
        return replace(self, from_ms=found, unwanted=None)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an incident at this consumer. settled: number of its newest message that went out or was noted;
    0 for none. told: the consumer has, or may have, a message of it. newest: it has that newest one."""

    settled: int = 0
    told: bool = False
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """notes: (message id, why it does not go out). start: to send now, all at once. test: send a test message now.

    first: ids of `start` whose incidents the consumer has not been told of: what is begun must be known after a crash.
    next_ms: when to plan again if nothing happens; None: when something does.
    """

    notes: tuple[tuple[str, Noted], ...] = ()
    start: tuple[Pending, ...] = ()
    first: frozenset[str] = frozenset()
    test: bool = False
    next_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that the consumer refused and that is still the newest of its incident. refused_ms: for the first time.

    again: it had been set aside before.
    """

    message: Pending
    why: str
    refused_ms: int
    again: bool
