"""What every configuration file's shape is made of: bounds, words, and how many mistakes are read."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from contract.clock import parse_clock
from contract.identifiers import ID_PATTERN

Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
T = TypeVar("T")
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


def _clock_text(text: str) -> str:
    parse_clock(text)
    return text


ClockText = Annotated[str, AfterValidator(_clock_text)]  # see `contract.clock.parse_clock`


class TooManyMistakes(Exception):
    """More shapes of one file are wrong than anybody would read about."""


class SettingsModel(BaseModel):
    """Validated with a counter as context, a list of one int, it stops at the count: a file must not fill the memory
    with what is wrong with it."""

    # Validators are built when first used: an agent that is handed its configuration needs none (10 MB).
    # A threshold of NaN would never be crossed.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _stop_in_time(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if isinstance(value, dict) and len(value) > 1000:
            raise ValueError(f"{len(value)} settings: no part of a configuration has so many")
        try:
            return handler(value)
        except ValidationError:
            if isinstance(info.context, list):
                info.context[0] -= 1
                if info.context[0] < 0:
                    raise TooManyMistakes from None
            raise


# A list of plain values: the first that is wrong is enough to say.
Many = Annotated[tuple[T, ...], FailFast()]
