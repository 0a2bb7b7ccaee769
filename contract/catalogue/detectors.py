"""The words that a rule's `detector` may be, and what each takes. Pure.

The detectors themselves are the cloud's (`cloud.warnings.detectors`). The words stand here because whoever reads
`rules.yaml`, a gateway too, must refuse a wrong one by file and line.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract.catalogue.quantities import WATER, Quantity
from contract.settings_model import SettingsModel


class Watches(StrEnum):
    """Of what a detector finds values: the values are words for people."""

    CHANNELS = "channels"
    STATIONS = "stations"
    GATEWAYS = "gateways"


class NoSettings(SettingsModel):
    """Of a detector that needs nothing but the rule's levels and delays."""


class RateOfRiseSettings(SettingsModel):
    """window_s: over how long the slope is taken. floor_m: below this depth nothing rises that anybody need know of;
    of a stage or a wet well it means nothing, write a value below what it can be. least_points: with fewer, nothing is
    known; a value that stood before the window counts as two, where its hold began and where it ended."""

    window_s: Annotated[float, Field(ge=60, le=3600)] = 300.0
    floor_m: float = 0.05
    least_points: Annotated[int, Field(ge=3, le=12)] = 4


class RainWindowSettings(SettingsModel):
    """window_s: over how long rain is summed, up to each reading.

    ends_when_dry_s: after so long without rain at a gauge that was heard, the sum counts as nothing: a rainstorm signal
    is of rain that fell "and may continue" (CMA order 16, 2007). None: the sum stands until the window has left it.
    """

    window_s: Literal[300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400]
    ends_when_dry_s: Annotated[float, Field(ge=300)] | None = None

    @model_validator(mode="after")
    def _dry_within_window(self) -> Self:
        if self.ends_when_dry_s is not None and self.ends_when_dry_s >= self.window_s:
            raise ValueError(
                f"ends_when_dry_s {self.ends_when_dry_s:g} is not below window_s {self.window_s}, after which a sum is "
                f"nothing without it: write a shorter time, or none"
            )
        return self


@dataclass(frozen=True, slots=True)
class DetectorDefinition:
    """What a rule that names a detector may say.

    settings: what may stand under the rule's `settings`. watches: of what it finds values. unit: of these, and so of
    levels and hysteresis; None: each channel's own. levels: the lowest and the highest that can be meant in that unit;
    None: there are no such bounds. takes: quantities that a rule may be of; None: any. usual: those that a rule means
    which does not say its quantity. apart_by: settings by which rules of this detector look for different things: one
    that names a station replaces a rule by kind only where these are the same.
    """

    settings: type[SettingsModel] = NoSettings
    watches: Watches = Watches.CHANNELS
    unit: str | None = None
    levels: tuple[float, float] | None = None
    takes: Set[Quantity] | None = None
    usual: Set[Quantity] = frozenset({Quantity.DEPTH})
    apart_by: tuple[str, ...] = ()


DETECTORS: dict[str, DetectorDefinition] = {
    "threshold": DetectorDefinition(),  # the value itself reaches a level
    "rate_of_rise": DetectorDefinition(  # water rises by so many centimetres a minute
        RateOfRiseSettings,
        unit="cm/min",
        levels=(0.2, 100.0),
        takes=frozenset(WATER),
        apart_by=("window_s",),
    ),
    "rain_window": DetectorDefinition(  # so many millimetres of rain within a time
        RainWindowSettings,
        unit="mm",
        levels=(1.0, 2000.0),
        takes=frozenset({Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT, Quantity.RAIN_INTENSITY}),
        usual=frozenset({Quantity.RAIN_TOTAL, Quantity.RAIN_EVENT}),
        apart_by=("window_s",),
    ),
}
