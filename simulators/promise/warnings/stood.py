"""What was told of a zone or an incident by some time, and by when something must be told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from simulators.promise.warnings.district import head_of
from simulators.promise.warnings.witness import Notice, Told, Witness

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


def due_ms(
    witness: Witness, catalogue: Catalogue, channel: int, shown: tuple[int, int], stale_ms: float, until_ms: int
) -> int | None:
    """By when a level must be told; None: it need not be, for the channel was muted meanwhile, the cloud was away so
    long that it is history, or what it is judged by held only to `until_ms`.

    shown: since when the channel shows it, and when the evidence of it was complete in the log.
    """
    since_ms, complete_ms = shown
    by_ms = witness.undisturbed_from(complete_ms, TOLD_WITHIN_MS)
    mutes = witness.mutes(channel, catalogue.channels[channel].station.id)
    muted = any(a <= by_ms and since_ms <= b for a, b in mutes)
    history = by_ms - complete_ms > TOLD_WITHIN_MS + stale_ms / 2
    return None if muted or history or by_ms > until_ms else by_ms


def level_of(t: Told | Notice) -> Level:
    """A notice that nothing is known counts as one of the lowest level."""
    return Level.BLUE if isinstance(t, Notice) else t.said_level


def stands_since_ms(told: Sequence[Told | Notice]) -> int:
    """Since when an incident has stood at the level of the last of its messages or worse. told: oldest first."""
    since_ms = told[-1].sent_ms
    for t in reversed(told):
        if level_of(t).rank < level_of(told[-1]).rank:
            break
        since_ms = t.sent_ms
    return since_ms
