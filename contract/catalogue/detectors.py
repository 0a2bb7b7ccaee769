"""The words that a rule's `detector` may be, and which settings each takes. Pure.

The detectors themselves are the cloud's (`cloud.warnings.detectors`). The words stand here because whoever reads
`rules.yaml`, a gateway too, must refuse a wrong one by file and line.
"""

from __future__ import annotations

from contract.settings_model import SettingsModel


class NoSettings(SettingsModel):
    """Of a detector that needs nothing but the rule's levels and delays."""


# Word -> its settings: what may stand under a rule's `settings`.
DETECTORS: dict[str, type[SettingsModel]] = {
    "threshold": NoSettings,  # the value itself reaches a level
}
