"""What may stand in a district's `rules.yaml`: what is looked for where, levels, and how long each must stand."""

from __future__ import annotations

from collections.abc import Hashable, Set
from enum import StrEnum
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from contract.catalogue.detectors import DETECTORS, DetectorDefinition, Watches
from contract.catalogue.places import StationKind
from contract.catalogue.quantities import Quantity
from contract.refusing import no_such, refusal
from contract.settings_model import LEAST_S, Id, Many, NotNegative, SettingsModel


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
    """What a detector looks for, where, and the levels and delays of what it finds.

    One of five says where. station_kind: at all stations of a kind, which is the default for them. stations: at these.
    channels: on these. all_gateways, gateways: of a detector that watches gateways, and of no other. At stations it
    takes the channels of its quantity, or, when it says none, of those that its detector usually takes.

    The nearer goes before the farther: where rules of one detector name a channel, those that name its station or its
    kind do not apply to it; where they name a station, those of its kind do not; named gateways go before all of them.
    Otherwise rules stand side by side. Rules of one detector that look for different things, as for rain in three hours
    and in six, do not replace one another.

    detector: a word of `contract.catalogue.detectors`. settings: what that detector needs beside levels and delays.
    levels: in the detector's unit; `threshold` takes the value itself, in the quantity's unit.
    hysteresis: a level clears below its threshold less this.
    """

    id: Id
    detector: str = "threshold"
    channels: Many[int] = ()
    stations: Many[Id] = ()
    gateways: Many[Id] = ()
    all_gateways: bool = False
    station_kind: StationKind | None = None
    quantity: Quantity = Quantity.DEPTH
    levels: dict[Level, float] = Field(min_length=1)
    hysteresis: NotNegative = 0.02
    on_delay_s: Delay = 60.0
    off_delay_s: Delay = 600.0
    min_hold_s: Delay = 600.0
    stale_after_s: Annotated[float, Field(ge=LEAST_S, le=LONGEST_S)] = 1200.0
    settings: dict[str, float | str] = Field(default_factory=dict, validate_default=True)

    @field_validator("detector")
    @classmethod
    def _known(cls, word: str) -> str:
        if word not in DETECTORS:
            raise refusal(no_such("detector", word, DETECTORS))
        return word

    @field_validator("settings")
    @classmethod
    def _fitting(cls, given: dict[str, float | str], info: ValidationInfo) -> dict[str, float | str]:
        if "detector" not in info.data:
            return given
        word = info.data["detector"]
        try:
            DETECTORS[word].settings.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            unknown = first["type"] == "extra_forbidden"
            what = "there is no such setting: mend its name, or take it out" if unknown else first["msg"]
            raise refusal(f"detector {word!r}, its setting {where!r}: {what}") from None
        return given

    @model_validator(mode="after")
    def _sensible(self) -> Rule:
        given = [name for name in _WHERE if getattr(self, name)]
        watches = self.definition.watches
        fitting = _WHERE_OF[watches]
        if len(given) != 1 or given[0] not in fitting:
            what = f"detector {self.detector!r} watches {watches.value}"
            raise ValueError(f"{what}: give one of {', '.join(fitting)}, it says where")
        takes = self.definition.takes
        if "quantity" in self.model_fields_set and takes is not None and self.quantity not in takes:
            known = ", ".join(sorted(q.value for q in takes))
            raise ValueError(f"detector {self.detector!r} knows nothing of {self.quantity.value}, it takes {known}")
        values = [self.levels[level] for level in Level if level in self.levels]
        if values != sorted(values) or len(set(values)) != len(values):
            raise ValueError("levels must rise from blue to red")
        return self

    @property
    def definition(self) -> DetectorDefinition:
        return DETECTORS[self.detector]

    @property
    def quantities(self) -> Set[Quantity]:
        """What the channels measure that it takes at stations."""
        return {self.quantity} if "quantity" in self.model_fields_set else self.definition.usual

    @property
    def looks_for(self) -> Hashable:
        """The same for rules of which the nearer replaces the farther."""
        # They were checked when the rules were read; a running agent has nothing to check with.
        own = self.definition.settings.model_construct().model_copy(update=self.settings)
        return self.detector, *(getattr(own, name) for name in self.definition.apart_by)


_WHERE_OF = {
    Watches.CHANNELS: ("channels", "stations", "station_kind"),
    Watches.STATIONS: ("stations", "station_kind"),
    Watches.GATEWAYS: ("gateways", "all_gateways"),
}
_WHERE = ("channels", "stations", "station_kind", "gateways", "all_gateways")


class RulesFile(SettingsModel):
    """At most ten thousand rules: with their defaults, as many as a file of that size should take in memory."""

    rules: tuple[Rule, ...] = Field((), max_length=10_000)
