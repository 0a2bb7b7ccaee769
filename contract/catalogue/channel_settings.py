"""What may be set for a channel: the quality tests that run on it, and what of it is reported."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from contract.refusing import refusal, refusals
from contract.settings_model import NotNegative, Positive, Seconds, SettingsModel


class Spike(SettingsModel):
    """QARTOD water level manual 2.1, test 6. `average` also marks the foot of every sharp rise: floods are sharp."""

    suspect: Positive
    fail: Positive | None = None
    method: Literal["average", "differential"] = "differential"

    @model_validator(mode="after")
    def _fails_later(self) -> Spike:
        if self.fail is not None and self.fail < self.suspect:
            what = f"a spike of {self.fail:g} would fail before one of {self.suspect:g} is suspect: swap the two"
            raise refusals("Spike", [(("fail",), what)])
        return self


class FlatLine(SettingsModel):
    """Stuck: the last so many seconds stay within `tolerance`, above `only_above` (a dry road is not stuck)."""

    suspect_s: Seconds
    fail_s: Seconds | None = None
    tolerance: NotNegative
    only_above: float | None = None

    @model_validator(mode="after")
    def _fails_later(self) -> FlatLine:
        if self.fail_s is not None and self.fail_s < self.suspect_s:
            what = f"{self.fail_s:g} s would fail before {self.suspect_s:g} s are suspect: swap the two"
            raise refusals("FlatLine", [(("fail_s",), what)])
        return self


class StepToConstant(SettingsModel):
    """A parked car: up by `step` from one reading to the next, then within `tolerance` for `for_s` and longer."""

    step: Positive
    tolerance: Positive = 0.015
    for_s: Seconds = 300.0


class RainGauge(SettingsModel):
    """A counting gauge: `tip_mm` a tip, wrapping after `wraps_at_mm`; faster than `max_mm_per_h` is a fault."""

    tip_mm: Positive
    wraps_at_mm: Positive | None = None
    max_mm_per_h: Positive = 500.0


class TotalCounter(SettingsModel):
    """A counter of run hours, of starts, of anything that only rises; everything in its channel's unit.

    step: one count. most_per_h: more than this it cannot count in an hour (1 of run hours). wraps_at: the total at
    which it begins again from nought. restart_below: a fall to less than this is the instrument starting anew.
    """

    step: Positive
    most_per_h: Positive
    wraps_at: Positive | None = None
    restart_below: NotNegative = 1.0


def _rises(found: tuple[float, float]) -> tuple[float, float]:
    if found[0] >= found[1]:
        raise refusal(f"{found[0]:g} to {found[1]:g} leaves no value in between: write the lower end first")
    return found


Range = Annotated[tuple[float, float], AfterValidator(_rises)]


class Quality(SettingsModel):
    """Which quality tests run on a channel (QARTOD water level manual 2.1; values in the channel's unit)."""

    fail_range: Range | None = None
    suspect_range: Range | None = None
    rate_per_s: Positive | None = None
    spike: Spike | None = None
    flat_line: FlatLine | None = None
    rain_gauge: RainGauge | None = None
    counter: TotalCounter | None = None
    step_to_constant: StepToConstant | None = None

    @model_validator(mode="after")
    def _counts_one_way(self) -> Quality:
        if self.rain_gauge is not None and self.counter is not None:
            what = "rain_gauge and counter both say what it counts: rain_gauge is for rain, counter for all else"
            raise refusals("Quality", [(("counter",), what)])
        return self


class Reporting(SettingsModel):
    """Report by exception: what is sent, and what is counted as suppressed.

    deadband: a change of more than this from the last reported value is sent.
    heartbeat_s: a reading is sent at least this often.
    burst_rise_per_s: while a value rises at this rate or faster, every reading is sent; None never bursts.

    Beside this a value is sent that reaches a level of a rule which the last one sent was below.
    """

    deadband: NotNegative = 0.0
    heartbeat_s: Seconds = 900.0
    burst_rise_per_s: Positive | None = None
