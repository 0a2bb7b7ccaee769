"""The `log:` part of the cloud's configuration."""

from __future__ import annotations

from typing import Literal

from contract.settings_model import Seconds, SettingsModel


class BatchLogSettings(SettingsModel):
    """engine: see `cloud.log.open`. tick_s: of the cloud's clock; how soon silence is seen."""

    engine: Literal["sqlite"] = "sqlite"
    tick_s: Seconds = 30.0
