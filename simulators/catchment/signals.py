"""Between the water and the instruments: what a plant may ask of a catchment, and tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import Field

from contract.settings_model import Id, SettingsModel


class Signals(Protocol):
    """Names: `depth:<node>` m, `stage:<node>` m, `wet_well:<node>` m, `rain:<gauge>` mm since the start."""

    def value(self, signal: str) -> float:
        """Raises KeyError on a name the catchment does not offer."""
        ...

    def set_pump(self, link: str, setting: float) -> None:
        """0 off, 1 full speed."""
        ...

    def check(self) -> None:
        """Raises CatchmentError, with the reason, when the water goes on no more."""
        ...

    def time_ms(self) -> int:
        """How far the water has come, UTC ms."""
        ...


class ConstantSignals:
    """Water that stands still: for tests, and for a plant without a storm."""

    def __init__(self, values: Mapping[str, float] | None = None, default: float | None = 0.0) -> None:
        self.values = dict(values or {})
        self.pumps: dict[str, float] = {}
        self._default = default

    def value(self, signal: str) -> float:
        if self._default is None:
            return self.values[signal]
        return self.values.get(signal, self._default)

    def set_pump(self, link: str, setting: float) -> None:
        self.pumps[link] = setting

    def check(self) -> None:
        """It never ends."""

    def time_ms(self) -> int:
        return 0


class Simulation(SettingsModel):
    """`simulation.yaml`: which water each instrument stands in.

    signals: device id -> register name -> signal. A PLC gives only `wet_well`;
    its other registers come from its own control.
    pumps: PLC device id -> the two SWMM pump links it drives.
    """

    network: str
    signals: dict[Id, dict[Id, str]]
    pumps: dict[Id, tuple[str, str]] = Field(default_factory=dict)
