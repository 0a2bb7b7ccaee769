"""Conditions as they stand, written down by hand, and the incidents that come of them."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Announcement, Ended, Ending
from cloud.warnings.settings import WarningSettings
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import Change, Condition, ConditionState, Doubt, Reason
from contract.conditions.targets import ConditionKey, Target
from tests.cloud.warnings.city import RULE, START_MS

SETTINGS = WarningSettings(gather_s=30, quiet_s=900, evidence_s=3600)


def key_of(channel: int) -> ConditionKey:
    return ConditionKey(Target.of_channel(channel), RULE.id)


def stands(
    channel: int,
    level: Level | None,
    value: float | None = None,
    state: ConditionState | None = None,
    reason: Reason = Reason.ON_DELAY_OVER,
    doubt: Doubt = Doubt.NONE,
) -> Condition:
    return Condition(
        key_of(channel),
        channel,
        state or (ConditionState.NORMAL if level is None else ConditionState.ACTIVE),
        level,
        reason=reason,
        shown_value=RULE.levels[level] if value is None and level is not None else value,
        doubt=doubt,
    )


class Zones:
    """The incidents of a city, fed with conditions by hand. Time is in seconds since the start."""

    def __init__(self, catalogue: Catalogue, settings: WarningSettings = SETTINGS) -> None:
        self.catalogue = catalogue
        self.conditions = {key_of(c): stands(c, None) for c in RULE.channels}
        self.incidents = Incidents(catalogue, dict.fromkeys(self.conditions, Quantity.DEPTH), settings)
        self.state = IncidentState()

    def at(self, at_s: float, *now: Condition) -> list[Announcement]:
        """These conditions stand so now; the others as before."""
        changes = []
        for c in now:
            before = self.conditions[c.key]
            if before.level is not c.level:
                was = (before.state, before.level)
                now_ms = START_MS + round(at_s * 1000)
                changes.append(Change(c.key, c.channel, now_ms, c.state, c.level, *was, c.reason, c.shown_value))
            self.conditions[c.key] = c
        return self._step(at_s, [c.key for c in now], changes)

    def until(self, at_s: float, step_s: float = 10.0, begin_s: float = 0.0) -> list[tuple[float, Announcement]]:
        """Time goes on; what is told, and when."""
        out = []
        for n in range(1, round((at_s - begin_s) / step_s) + 1):
            now_s = begin_s + n * step_s
            out += [(now_s, a) for a in self._step(now_s, [], [])]
        return out

    def gone(self, at_s: float, channel: int) -> list[Announcement]:
        """A rule that watched this channel was taken out: the cloud restarts without it."""
        c = self.conditions.pop(key_of(channel))
        now_ms = START_MS + round(at_s * 1000)
        self.state.wet = None
        change = Change(
            c.key, channel, now_ms, ConditionState.UNKNOWN, None, c.state, c.level, Reason.NO_LONGER_WATCHED, None
        )
        return self._step(at_s, [], [change])

    def end(self, at_s: float, reason: Ending, who: str = "person:ann") -> list[Announcement]:
        (o,) = self.state.open.values()
        now_ms = START_MS + round(at_s * 1000)
        self.state, out = self.incidents.end(self.state, o.incident.id, Ended(who, now_ms, reason), now_ms)
        return out

    def _step(self, at_s: float, moved: Sequence[ConditionKey], changes: Sequence[Change]) -> list[Announcement]:
        now_ms = START_MS + round(at_s * 1000)
        self.state, out = self.incidents.step(self.state, self.conditions, moved, now_ms, changes)
        return out
