"""What may stand in a district's `rules.yaml`: thresholds by level, and how long each must stand."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from contract.settings_model import Id, Many, NotNegative, Positive, SettingsModel


class Level(StrEnum):
    """Severity, mildest first (the Chinese four-colour scale)."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {level: i for i, level in enumerate(Level)}


class Rule(SettingsModel):
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


class RulesFile(SettingsModel):
    rules: tuple[Rule, ...] = ()
