"""What is found wrong, and the maintenance notice that tells of it. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cloud.maintenance.kinds import Kind, kind_of
from contract.clock import iso


class Place(NamedTuple):
    """What a finding is of. text: gateway/ID, device/ID, channel/NUMBER, station/ID or pump/STATION/NUMBER."""

    kind: Kind
    text: str

    @property
    def id(self) -> str:
        """Without the word before it."""
        return self.text.partition("/")[2]


class Found(NamedTuple):
    """Something that is wrong now. since_ms: since when, UTC. value: what shows it, in its channel's unit, or None.

    more: what else belongs to it, for people: how many sensors, which neighbours read how much.
    """

    kind: Kind
    place: str
    since_ms: int
    value: float | None = None
    more: str = ""

    @property
    def key(self) -> Place:
        return Place(self.kind, self.place)


@dataclass(slots=True)
class Judgement:
    """What stands at one moment. unknown, unsure: of what nobody can say whether it stands, as a set or asked one by
    one: what was told of those, holds."""

    found: list[Found] = field(default_factory=list)
    unknown: set[Place] = field(default_factory=set)
    unsure: list[Callable[[Place], bool]] = field(default_factory=list)

    def is_unknown(self, place: Place) -> bool:
        return place in self.unknown or any(ask(place) for ask in self.unsure)


@dataclass(frozen=True, slots=True)
class MaintenanceNotice:
    """What engineers and operators are told, and never the public: no CAP message, without a level.

    id: of its own, for ever. gateway: whose readings it rests on. since_ms: since when it is so; opened_ms, closed_ms:
    when it was told, and over. simulated: of a gateway that says that it is.
    """

    id: str
    kind: Kind
    place: str
    station: str | None
    gateway: str | None
    since_ms: int
    opened_ms: int
    closed_ms: int | None
    value: float | None
    more: str
    simulated: bool = False

    def as_json(self) -> dict[str, Any]:
        """As it is stored; times in UTC milliseconds."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "place": self.place,
            "station": self.station,
            "gateway": self.gateway,
            "since_ms": self.since_ms,
            "opened_ms": self.opened_ms,
            "closed_ms": self.closed_ms,
            "value": self.value,
            "more": self.more,
            "simulated": self.simulated,
        }

    def told(self) -> dict[str, Any]:
        """As the API and consumers are told it; times in RFC 3339."""
        return {
            "kind": self.kind.value,
            "audience": self.kind.audience.value,
            "what": {"en": self.kind.en, "zh": self.kind.zh},
            "place": self.place,
            "station": self.station,
            "gateway": self.gateway,
            "since": iso(self.since_ms),
            "opened": iso(self.opened_ms),
            "closed": None if self.closed_ms is None else iso(self.closed_ms),
            "value": self.value,
            "more": self.more,
            "simulated": self.simulated,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> MaintenanceNotice:
        """What `as_json` gave. Raises LookupError, TypeError or ValueError on anything else."""
        return cls(**{**data, "kind": kind_of(data["kind"])})
