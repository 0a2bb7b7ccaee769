"""The words that a rule's `detector` may be, and what each takes. Pure.

The detectors themselves are the cloud's (`cloud.warnings.detectors`). The words stand here because whoever reads
`rules.yaml`, a gateway too, must refuse a wrong one by file and line.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from contract.catalogue.quantities import Quantity
from contract.settings_model import SettingsModel


class Watches(StrEnum):
    """Of what a detector finds values: the values are words for people."""

    CHANNELS = "channels"
    STATIONS = "stations"
    GATEWAYS = "gateways"


class NoSettings(SettingsModel):
    """Of a detector that needs nothing but the rule's levels and delays."""


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
}
