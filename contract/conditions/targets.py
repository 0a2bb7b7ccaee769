"""What a condition is of: one rule on one target, a channel, a station, a zone or a gateway. Pure data."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class TargetKind(StrEnum):
    """What a rule may watch; the value is the first word of a target's text."""

    CHANNEL = "channel"
    STATION = "station"
    ZONE = "zone"
    GATEWAY = "gateway"

    __hash__ = str.__hash__  # an enum's own is written in Python, and conditions are looked up for every reading


class Target(NamedTuple):
    """What a rule watches. id: a channel's number, or the id of a station, zone or gateway in the catalogue.

    >>> Target.of_channel(101).text
    'channel/101'
    >>> Target.parse("zone/north").id
    'north'
    """

    kind: TargetKind
    id: int | str

    @classmethod
    def of_channel(cls, number: int) -> Target:
        return cls(TargetKind.CHANNEL, number)

    @classmethod
    def of_station(cls, station: str) -> Target:
        return cls(TargetKind.STATION, station)

    @classmethod
    def of_zone(cls, zone: str) -> Target:
        return cls(TargetKind.ZONE, zone)

    @classmethod
    def of_gateway(cls, gateway: str) -> Target:
        return cls(TargetKind.GATEWAY, gateway)

    @property
    def text(self) -> str:
        """For a column of a table; `parse` takes it."""
        return f"{self.kind}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Target:
        """What `text` gave. Raises ValueError on anything else."""
        kind, slash, name = text.partition("/")
        if not (slash and name):
            raise ValueError(f"{text!r} is no target: it is written channel/NUMBER, station/ID, zone/ID or gateway/ID")
        if kind == "channel":  # nearly all are
            return cls(TargetKind.CHANNEL, int(name))
        return cls(TargetKind(kind), name)


class ConditionKey(NamedTuple):
    """Names a condition, for as long as rule and target have their names.

    Keys sort by target, then by rule: channels by number come first. Results of one moment stand in this order.
    rule: the id of a rule in `rules.yaml`.
    """

    target: Target
    rule: str
