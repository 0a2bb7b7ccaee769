"""The `escalate:` part of a sink: to whom, after how long, in which hours. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from cloud.delivery.wants import Step
from contract.catalogue.rules import Level
from contract.refusing import refusal
from contract.settings_model import Id, Many, Seconds, SettingsModel

_HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _from_minutes(value: Any) -> Any:
    """YAML 1.1 reads 20:00 without quotation marks as the number 1200: sixty times twenty."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return f"{value // 60:02}:{value % 60:02}"
    return value


def _hour(text: str) -> str:
    if not _HOUR.fullmatch(text):
        raise refusal(f"{text[:20]!r} is no time of the day: write HH:MM, from 00:00 to 23:59")
    return text


HourText = Annotated[str, BeforeValidator(_from_minutes), AfterValidator(_hour)]


class EscalationSettings(SettingsModel):
    """to: a sink that is told when nobody has acknowledged an incident after_s after it reached its level.

    from, until: hours of the day in the district's time in which that sink is told; over midnight when from is the
    later. What falls between is told when the hours begin; red is told at any hour. levels: of incidents; all when
    empty.
    """

    to: Id
    after_s: Seconds
    begins: HourText = Field(default="00:00", alias="from")
    until: HourText = "00:00"
    levels: Many[Level] = ()

    def step(self, of: str) -> Step:
        """of: the sink that it is a setting of."""
        hours = (time.fromisoformat(self.begins), time.fromisoformat(self.until))
        return Step(of, self.after_s, *hours, frozenset(self.levels))


def told_by_nobody(to: Mapping[str, Collection[str]]) -> set[str]:
    """Consumers that wait for one another in a circle: each is told by escalation alone, and none of those before it is
    told at once. to: of each consumer, to whom it escalates."""
    waiting = {name for names in to.values() for name in names}
    reached, ahead = set[str](), [name for name in to if name not in waiting]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += to.get(name, ())
    circle = waiting - reached
    while ends := {name for name in circle if circle.isdisjoint(to.get(name, ()))}:  # who only follows on a circle
        circle -= ends
    return circle
