"""What may stand in a district's `rules.yaml`: thresholds by level, and how long each must stand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from contract.catalogue.detectors import DETECTORS
from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from contract.refusing import no_such, refusal
from contract.settings_model import Id, Many, NotNegative, Positive, SettingsModel


class Level(StrEnum):
    """Severity, mildest first (the Chinese four-colour scale)."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    __hash__ = str.__hash__  # an enum's own is written in Python, and levels are looked up for every place that is told

    @property
    def rank(self) -> int:
        return _RANK[self]


LONGEST_S = 7 * 86_400.0  # what would take longer than the longest message holds, would never happen
Delay = Annotated[NotNegative, Field(le=LONGEST_S)]
_RANK = {level: i for i, level in enumerate(Level)}


class Rule(SettingsModel):
    """What a detector looks for, on which channels, and the levels and delays of what it finds.

    A rule takes the channels it names, or all of one quantity at stations of one kind. Where rules of one detector
    name a channel, those of that detector that mean it by kind do not apply to it; otherwise rules stand side by side.
    detector: a word of `contract.catalogue.detectors`. settings: what that detector needs beside levels and delays.
    levels: in the detector's unit; `threshold` takes the value itself, in the quantity's unit.
    hysteresis: a level clears below its threshold less this.
    """

    id: Id
    detector: str = "threshold"
    channels: Many[int] = ()
    station_kind: StationKind | None = None
    quantity: Quantity = Quantity.DEPTH
    levels: dict[Level, float] = Field(min_length=1)
    hysteresis: NotNegative = 0.02
    on_delay_s: Delay = 60.0
    off_delay_s: Delay = 600.0
    min_hold_s: Delay = 600.0
    stale_after_s: Annotated[Positive, Field(le=LONGEST_S)] = 1200.0
    settings: dict[str, float] = Field(default_factory=dict, validate_default=True)

    @field_validator("detector")
    @classmethod
    def _known(cls, word: str) -> str:
        if word not in DETECTORS:
            raise refusal(no_such("detector", word, DETECTORS))
        return word

    @field_validator("settings")
    @classmethod
    def _fitting(cls, given: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if "detector" not in info.data:
            return given
        word = info.data["detector"]
        try:
            DETECTORS[word].model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            unknown = first["type"] == "extra_forbidden"
            what = "there is no such setting: mend its name, or take it out" if unknown else first["msg"]
            raise refusal(f"detector {word!r}, its setting {where!r}: {what}") from None
        return given

    @model_validator(mode="after")
    def _sensible(self) -> Rule:
        if bool(self.channels) == (self.station_kind is not None):
            raise ValueError("give either channels or station_kind")
        values = [self.levels[level] for level in Level if level in self.levels]
        if values != sorted(values) or len(set(values)) != len(values):
            raise ValueError("levels must rise from blue to red")
        return self


class RulesFile(SettingsModel):
    """At most ten thousand rules: with their defaults, as many as a file of that size should take in memory."""

    rules: tuple[Rule, ...] = Field((), max_length=10_000)
