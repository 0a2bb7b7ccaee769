"""What is wrong with `delivery:` that no entry shows alone: names that come twice, escalation that reaches nobody."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.delivery.base import SinkSettings
from cloud.delivery.escalation import EscalationSettings, told_by_nobody
from cloud.delivery.wants import PUBLIC_KINDS, Kind, Step, Wants
from contract.catalogue.rules import Level
from contract.refusing import Place, no_such


def mistakes(sinks: Sequence[SinkSettings]) -> list[tuple[Place, str]]:
    """(place within `delivery:`, what is wrong with it and what to do)."""
    out: list[tuple[Place, str]] = []
    names = [sink.name for sink in sinks]
    circle = told_by_nobody({s.name: [step.to for step in s.escalate] for s in sinks if s.enabled})
    for i, sink in enumerate(sinks):
        if names.index(sink.name) != i:
            out.append(((i, "name"), f"sink {sink.name!r} exists already"))
        for j, step in enumerate(sink.escalate):
            if (what := _why_not(sink, step, sinks, circle)) is not None:
                out.append(((i, "escalate", j, "to"), what))
    return out


def _why_not(
    sink: SinkSettings, step: EscalationSettings, sinks: Sequence[SinkSettings], circle: set[str]
) -> str | None:
    """Why nobody would be told by this step, or None."""
    names = [s.name for s in sinks]
    if step.to == sink.name or step.to not in names:
        others = [name for name in names if name != sink.name]
        return no_such("other sink", step.to, others) if others else "there is no other sink to escalate to"
    if not sink.enabled:  # it gets nothing, and so hands nothing on
        return None
    if step.to in circle and sink.name in circle:
        named = ", ".join(map(repr, sorted(circle)))
        return f"nobody is told at once of those who escalate to one another ({named}): take out the step back"
    to = sinks[names.index(step.to)]
    if not to.enabled:
        return f"{to.name!r} is disabled: nobody would be told; name another one, or take out its `enabled: false`"
    key = nothing_in_common(step.step(sink.name), sink.filter(), to.filter())
    if key is None:
        return None
    return f"{to.name!r} would be told nothing: of the {key} that {sink.name!r} and this step let through it takes none"


def nothing_in_common(step: Step, first: Wants, to: Wants) -> str | None:
    """The filter by which nothing that the first consumer gets can reach the next one by this step, or None."""
    kinds = first.kinds & to.kinds & PUBLIC_KINDS
    if not kinds:
        return "kinds"
    blind_goes = Kind.BLIND in kinds and (not step.levels or Level.BLUE in step.levels)  # it heeds no filter by level
    if not blind_goes and not _meet(step.levels, first.levels, to.levels):
        return "levels"
    if not _meet(first.zones, to.zones):
        return "zones"
    return None if _meet(first.statuses, to.statuses) else "statuses"


def _meet(*sets: frozenset[Level] | frozenset[str]) -> bool:
    """Is there something that each takes? An empty one takes all."""
    wanted = [frozenset(map(str, s)) for s in sets if s]
    return not wanted or bool(frozenset.intersection(*wanted))
