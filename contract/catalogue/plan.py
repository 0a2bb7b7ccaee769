"""What may stand in a district's `response_plan.yaml`: what each level calls for, and who says so."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from contract.catalogue.names import Line, NameText, Sentences, unfit
from contract.catalogue.rules import Level
from contract.refusing import refusal
from contract.settings_model import SettingsModel

_WEEK_S = 7 * 86400.0


def _names_a_sender(text: str) -> str:
    """CAP 1.2, 3.2.1: it stands in references, which are parted by blanks and commas."""
    if not text:
        raise refusal("it is empty: write who sends the warnings, like drainage@jinshui.example")
    bad = next((c for c in text if c.isspace() or c in ",<&" or unfit(c)), None)
    if bad is not None:
        what = f"{text[:64]!r} holds {bad!r}: CAP allows no blanks, commas, < or & here, for references would break"
        raise refusal(f"{what}; write an address like drainage@jinshui.example")
    return text


def _says_something(text: NameText) -> NameText:
    if not text.strip():
        raise refusal("it is empty: write it as people are to read it")
    return text


class Response(SettingsModel):
    """What a level calls for, in one language or in both. expires_s: how long a message stands unless renewed."""

    headline: Annotated[Line, AfterValidator(_says_something)]
    instruction: Annotated[Sentences, AfterValidator(_says_something)]
    expires_s: Annotated[float, Field(ge=60, le=_WEEK_S)] = 3600.0


class ResponsePlanFile(SettingsModel):
    """What `response_plan.yaml` may say: what each level calls for; none may be left out.

    sender: as CAP messages name it. contact: whom people may call; empty for nobody.
    """

    sender: Annotated[str, AfterValidator(_names_a_sender)]
    contact: Line = NameText.of("")
    responses: dict[Level, Response]

    @model_validator(mode="after")
    def _every_level(self) -> ResponsePlanFile:
        absent = [level.value for level in Level if level not in self.responses]
        if absent:
            raise ValueError(f"no response for {', '.join(absent)}")
        return self
