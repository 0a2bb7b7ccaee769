"""Which maintenance notices a consumer is told of, and how long after they opened: the `maintenance:` part of the
cloud's file, for all consumers, or of one of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from cloud.delivery.wants import AHEAD_MS
from cloud.maintenance.kinds import Audience, Kind
from cloud.maintenance.model import MaintenanceNotice
from contract.refusing import Place, refusals
from contract.settings_model import Many, SettingsModel

DelayS = Annotated[float, Field(ge=0, le=7 * 86_400)]


class MaintenanceSettings(SettingsModel):
    """Of those who have `maintenance` among their `kinds`. audiences: operators, engineers; kinds: as `/v1/maintenance`
    names them; all when empty.

    after_s: from when a notice opened to when it is told, delays: by kind, where that is another; one that is over by
    then is not told at all.
    """

    audiences: Many[Audience] = ()
    kinds: Many[Kind] = ()
    after_s: DelayS = 0.0
    delays: Mapping[Kind, DelayS] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _reaches_somebody(self) -> Self:
        found: list[tuple[Place, str]] = []
        for i, kind in enumerate(self.kinds):
            if self.audiences and kind.audience not in self.audiences:
                found.append((("kinds", i), f"{kind.value} is for {kind.audience.value}: name them in `audiences`"))
        idle = [kind for kind in self.delays if not self.takes(kind)]
        found += [(("delays", kind.value), "its notices are not asked for: take it out") for kind in idle]
        if found:
            raise refusals(type(self).__name__, found)
        return self

    def takes(self, kind: Kind) -> bool:
        """Are notices of this kind told at all?"""
        return (not self.kinds or kind in self.kinds) and (not self.audiences or kind.audience in self.audiences)

    def due_ms(self, notice: MaintenanceNotice, now_ms: int) -> int | None:
        """From when it is told, UTC; None: never. One that lies ahead of now was opened by a clock that was wrong, and
        waits no longer."""
        if not self.takes(notice.kind):
            return None
        if notice.opened_ms > now_ms + AHEAD_MS:
            return now_ms
        return notice.opened_ms + round(1000 * self.delays.get(notice.kind, self.after_s))


ALL_AT_ONCE = MaintenanceSettings()
