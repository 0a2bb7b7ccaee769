"""What may stand in a district's `response_plan.yaml`: what each level calls for, and who says so."""

from __future__ import annotations

from pydantic import model_validator

from contract.catalogue.rules import Level
from contract.settings_model import Positive, SettingsModel


class Response(SettingsModel):
    """What a level calls for. expires_s: how long a message stands unless renewed."""

    headline: str
    instruction: str
    expires_s: Positive = 3600.0


class ResponsePlanFile(SettingsModel):
    """What `response_plan.yaml` may say: what each level calls for; none may be left out.

    sender: as CAP messages name it. contact: whom people may call; empty for nobody.
    """

    sender: str
    contact: str = ""
    responses: dict[Level, Response]

    @model_validator(mode="after")
    def _every_level(self) -> ResponsePlanFile:
        absent = [level.value for level in Level if level not in self.responses]
        if absent:
            raise ValueError(f"no response for {', '.join(absent)}")
        return self
