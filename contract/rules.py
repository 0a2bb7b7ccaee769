"""What may stand in a district's rules and response plan: thresholds, and what each level calls for."""

from __future__ import annotations

from pydantic import Field, model_validator

from contract.models import Level, Quantity, StationKind
from contract.shape import Id, Many, NotNegative, Positive, Shape


class Rule(Shape):
    """Thresholds on channels: those named, or all of one quantity at stations of one kind.

    A rule that names a channel goes before one that names its kind.
    hysteresis: a level clears below its threshold less this.
    """

    id: Id
    channels: Many[int] = ()
    station_kind: StationKind | None = None
    quantity: Quantity = Quantity.DEPTH
    levels: dict[Level, float] = Field(min_length=1)
    hysteresis: NotNegative = 0.02
    on_delay_s: NotNegative = 60.0
    off_delay_s: NotNegative = 600.0
    min_hold_s: NotNegative = 600.0
    stale_after_s: Positive = 1200.0

    @model_validator(mode="after")
    def _sensible(self) -> Rule:
        if bool(self.channels) == (self.station_kind is not None):
            raise ValueError("give either channels or station_kind")
        values = [self.levels[level] for level in Level if level in self.levels]
        if values != sorted(values) or len(set(values)) != len(values):
            raise ValueError("levels must rise from blue to red")
        return self


class RulesFile(Shape):
    rules: tuple[Rule, ...] = ()


class Response(Shape):
    """What a level calls for. expires_s: how long a message stands unless renewed."""

    headline: str
    instruction: str
    expires_s: Positive = 3600.0


class ResponsePlanFile(Shape):
    sender: str
    contact: str = ""
    responses: dict[Level, Response]

    @model_validator(mode="after")
    def _every_level(self) -> ResponsePlanFile:
        absent = [level.value for level in Level if level not in self.responses]
        if absent:
            raise ValueError(f"no response for {', '.join(absent)}")
        return self
