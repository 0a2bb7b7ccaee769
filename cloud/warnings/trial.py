"""What depth rules with other thresholds would have done: the same engine over a part of the recorded log. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud.log.base import Entry
from cloud.views.base import Poisoned
from cloud.views.decode import without
from cloud.warnings.engine import Engine, EngineState
from cloud.warnings.model import Incident
from cloud.warnings.settings import WarningSettings
from cloud.warnings.waiting import Waiting, waiting_of
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import WATER
from contract.catalogue.rules import Level, Rule

DETECTOR = "threshold"


@dataclass(slots=True)
class TriedIncident:
    """An incident as it would have been. told_ms: when each level was first told, UTC. messages: how many of it."""

    incident: Incident
    told_ms: dict[Level, int] = field(default_factory=dict)
    messages: int = 0


def depth_rules(catalogue: Catalogue) -> Catalogue:
    """The catalogue with those of its rules that compare water with thresholds, and no others."""
    watching = {
        w.rule.id
        for w in catalogue.watches
        if w.rule.detector == DETECTOR and any(catalogue.channels[c].quantity in WATER for c in w.channels)
    }
    return replace(catalogue, rules=tuple(r for r in catalogue.rules if r.id in watching))


def with_levels(
    catalogue: Catalogue, channels: Collection[int], levels: Mapping[Level, float], more: Mapping[str, float]
) -> Catalogue:
    """`depth_rules` with these levels on these channels; each keeps its rule's delays and hysteresis but for `more`.

    A channel that no depth rule watches gets one with the delays of `Rule`. Raises ValueError where no rule can have
    such levels.
    """
    own = depth_rules(catalogue)
    by_rule: dict[str, list[int]] = {}
    for c in sorted(channels):
        rule = next(iter(own.rules_by_channel.get(c, ())), None)
        by_rule.setdefault("" if rule is None else rule.id, []).append(c)
    named = {r.id: r for r in own.rules}
    new = []
    for n, (id, theirs) in enumerate(by_rule.items()):
        kept = named[id].model_dump(include=_KEPT) if id else {}
        new.append(Rule(**{**kept, **more, "id": f"tried-{n}", "channels": tuple(theirs), "levels": dict(levels)}))
    # A rule that names a channel goes before those that name its station or kind; beside one that names it, too, it
    # would stand.
    others = [
        r.model_copy(update={"channels": left})
        for r in own.rules
        if (left := tuple(c for c in r.channels if c not in channels)) or not r.channels
    ]
    return replace(own, rules=(*new, *others))


_KEPT = {"hysteresis", "on_delay_s", "off_delay_s", "min_hold_s", "stale_after_s"}


def readable(entries: Sequence[Entry]) -> Waiting:
    """At least one. Those that cannot be read are passed over, as the live view does."""
    aside: set[int] = set()
    while True:
        try:
            return waiting_of(without(entries, aside))
        except Poisoned as error:
            aside.add(error.offset)


class Trial:
    """Takes entries of the log in order. ids are of the trial alone: they say nothing of incidents that were."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings) -> None:
        self._engine = Engine(catalogue, settings)
        self._state: EngineState = self._engine.initial()
        self._found: dict[str, TriedIncident] = {}

    def take(self, waiting: Waiting) -> None:
        """waiting: the next entries, with all of their readings."""
        self._state, outcomes = self._engine.steps(self._state, waiting.heeded(self._engine.heeded))
        for outcome in outcomes:
            for incident in outcome.incidents:
                self._found.setdefault(incident.id, TriedIncident(incident)).incident = incident
            for m in outcome.messages:
                if m.incident in self._found:
                    tried = self._found[m.incident]
                    tried.messages += 1
                    if m.level is not None:
                        tried.told_ms.setdefault(m.level, m.sent_ms)

    def incidents(self) -> Iterator[TriedIncident]:
        """By the time at which they opened; notices that a zone is blind are left out."""
        yield from sorted(
            (t for t in self._found.values() if not t.incident.blind),
            key=lambda t: (t.incident.opened_ms, t.incident.id),
        )
