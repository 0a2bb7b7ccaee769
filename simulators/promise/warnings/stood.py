"""What was told of a zone by some time: at which level it stood, and what people had ended."""

from __future__ import annotations

from collections.abc import Collection

from contract.catalogue.rules import Level
from simulators.promise.warnings.district import head_of
from simulators.promise.warnings.witness import Witness

# From the moment at which the evidence is complete in a cloud that runs: the next tick, and the view's step.
TOLD_WITHIN_MS = 120_000


def zones_of(witness: Witness, channel: int) -> set[str]:
    """The zone of a channel by all the names that it had."""
    editions = (era.edition.catalogue for era in witness.eras)
    return {head_of(e, e.channels[channel].station.zone) for e in editions if channel in e.channels}


def was_told(witness: Witness, zones: Collection[str], level: Level, from_ms: int, until_ms: int) -> bool:
    """Whether a zone, by any of its names, stood at that level or above at some time, by what was told."""
    stands: Level | None = None
    for t in witness.told:
        if t.zone not in zones or t.seen_ms > until_ms:
            continue
        if t.seen_ms > from_ms and stands is not None and stands.rank >= level.rank:
            return True
        stands = t.level
    return stands is not None and stands.rank >= level.rank


def ended_as_high(witness: Witness, zone: str, level: Level, until_ms: int) -> bool:
    """A person ended an incident of the zone that stood at that level or above: it need not be told again."""
    for ended_ms in witness.ends(zone, until_ms):
        told = [t for t in witness.told if t.zone == zone and t.seen_ms <= ended_ms]
        if any(t.said_level.rank >= level.rank for t in told):
            return True
    return False
