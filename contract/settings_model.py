"""What every configuration file's shape is made of: bounds, words, and how many mistakes are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from contract.refusing import refusal

Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
T = TypeVar("T")
Positive = Annotated[float, Field(gt=0)]
# Durations. What is longer is a slip of the pen, and does not fit the times that are reckoned with it. What is shorter
# is 0 in the milliseconds that times are counted in.
LEAST_S = 0.001
LEAST_DAYS = 0.0001  # nine seconds
Seconds = Annotated[float, Field(ge=LEAST_S, le=366 * 86_400)]
Days = Annotated[float, Field(ge=LEAST_DAYS, le=40_000)]
NotNegative = Annotated[float, Field(ge=0)]


def _clock_text(text: str) -> str:
    parse_clock(text)
    return text


ClockText = Annotated[str, AfterValidator(_clock_text)]  # see `contract.clock.parse_clock`


class TooManyMistakes(Exception):
    """More shapes of one file are wrong than anybody would read about."""


@dataclass(slots=True)
class Check:
    """One check of one file; the context in which its models are validated.

    wrong_left: how many more shapes may be wrong before the check stops. choices: models by the word in the file that
    chooses among them.
    """

    wrong_left: int
    choices: Mapping[str, type[BaseModel]] = field(default_factory=dict)


class SettingsModel(BaseModel):
    """Validated with a `Check` as context, it stops at the check's count: a file must not fill the memory with what is
    wrong with it. Raises TooManyMistakes then."""

    # Validators are built when first used: a command that looks at one file needs few of them.
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
            if isinstance(info.context, Check):
                info.context.wrong_left -= 1
                if info.context.wrong_left < 0:
                    raise TooManyMistakes from None
            raise


# A list of plain values: the first that is wrong is enough to say.
Many = Annotated[tuple[T, ...], FailFast()]


def _at_least_one(found: tuple[T, ...]) -> tuple[T, ...]:
    if not found:
        raise refusal("the list is empty: it needs at least one entry")
    return found


# A list that is not empty. (The library's own bound says so of a list whose only entry is wrong, too.)
Some = Annotated[tuple[T, ...], AfterValidator(_at_least_one)]
