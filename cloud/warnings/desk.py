"""Where decisions about incidents and sensors are handed in: looked at, then written to the log.

Whoever follows the log carries them out (`cloud.warnings.decisions`); a decision that is written stands, whatever stops
the cloud afterwards.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.log.base import BatchLog
from cloud.log.decision import Decision, DecisionError, DecisionKind, encode_decision, entry_of, known_by
from cloud.warnings.decisions import of_incident, refusal
from cloud.warnings.reader import WarningsReader
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.names import unfit
from contract.clock import iso


class NotDecided(Exception):
    """A decision that is not written. The message says why, and what to do."""


class NoSuchIncident(NotDecided):
    """There is none of that id."""


class IncidentIsClosed(NotDecided):
    """It came too late: there is nothing to decide any more."""


class CannotBeMeant(NotDecided):
    """Its target or its detail makes no sense."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A decision that stands in the log. repeated: it stood there already, and nothing was written."""

    decision: Decision
    repeated: bool


class Desk:
    """Safe from any thread."""

    def __init__(self, log: BatchLog, warnings: WarningsReader, catalogue: Catalogue) -> None:
        self._log, self._warnings, self._catalogue = log, warnings, catalogue

    def look(self, decision: Decision) -> bool:
        """Whether it stands in the log already. Raises NotDecided when it is not to be written."""
        if self._log.seen.was_seen(known_by(decision.id)):
            return True
        if why := refusal(decision, self._catalogue) or _unfit(decision):
            raise CannotBeMeant(why)
        try:
            encode_decision(decision)
        except DecisionError as error:
            raise CannotBeMeant(str(error)) from error
        if of_incident(decision.kind):
            found = self._warnings.incident(decision.target)
            if found is None:
                raise NoSuchIncident(f"there is no incident {decision.target!r}; see /v1/warnings")
            if found.closed_ms is not None:
                ended = f"; {found.ended.who} ended it" if found.ended else ""
                raise IncidentIsClosed(f"incident {found.id} closed at {iso(found.closed_ms)}{ended}: nothing is done")
        return False

    def hand_in(self, decision: Decision, now_ms: int) -> Handed:
        """Writes it, once. Raises NotDecided, and what the log raises when it cannot be written."""
        repeated = self.look(decision) or not self._log.append([entry_of(decision)], now_ms)[0]
        return Handed(decision, repeated)


def _unfit(decision: Decision) -> str | None:
    """What no message, screen or ledger can carry (PostgreSQL keeps no NUL), told here and not where a decision is
    carried out: what stands in the log already is carried out as it was."""
    lines = {"id": decision.id, "target": decision.target}
    told = {name: value for name, value in decision.detail.items() if isinstance(value, str)}
    for name, text, allowed in (*((n, t, "") for n, t in lines.items()), *((n, t, "\n") for n, t in told.items())):
        if (found := unfit(text, allowed)) is not None:
            return f"the {name} holds the control character {found}, which no message can carry: take it out"
    return None


def made(
    kind: DecisionKind,
    who: str,
    at_ms: int,
    target: str,
    detail: Mapping[str, str | int | None] | None = None,
    decision_id: str | None = None,
) -> Decision:
    """decision_id: of whoever asks, so that asking again does nothing again; None makes one."""
    kept = {name: value for name, value in (detail or {}).items() if value is not None}
    return Decision(decision_id or str(uuid.uuid4()), kind, who, at_ms, target, kept)
