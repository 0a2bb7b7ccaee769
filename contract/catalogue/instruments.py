"""What holds for one instrument where it hangs, whatever its model: mounting height, datum, calibration, mm a tip."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from contract.refusing import refusal
from contract.settings_model import Positive, Seconds, SettingsModel


def _number(found: object) -> object:
    """A number, also written as a fraction: "1/3600"."""
    if isinstance(found, str) and "/" in found:
        above, _, below = found.partition("/")
        try:
            return float(above) / float(below)
        except (ValueError, ZeroDivisionError):
            raise refusal(f"{found!r} is no fraction: write it as two numbers, such as 1/3600") from None
    return found


def _not_nothing(scale: float) -> float:
    if scale == 0:
        raise refusal("a scale of 0 would make every value the same: leave it out for 1")
    return scale


_WRITTEN = WithJsonSchema(
    {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^[-+.0-9eE]+(/[-+.0-9eE]+)?$"}]}
)
# What a raw number is multiplied by; not 0. May be written as a fraction: 1/3600.
Scale = Annotated[float, BeforeValidator(_number), AfterValidator(_not_nothing), _WRITTEN]
# A number that may be written as a fraction.
Fraction = Annotated[float, BeforeValidator(_number), _WRITTEN]


def _rising(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if len(points) < 2:
        raise refusal("a curve has two points or more, each [what the instrument says, what is true]")
    for (before, _), (after, _) in pairwise(points):
        if after <= before:
            raise refusal(f"{after:g} stands behind {before:g}: write the points with what the instrument says rising")
    return points


Curve = Annotated[tuple[tuple[float, float], ...], AfterValidator(_rising)]


class Instrument(SettingsModel):
    """A device's own settings for one of its registers, in `gateways.yaml`; they go before those of the device file.

    period_s: how often this register is asked. scale, offset: in place of the model's. tip_mm: of this rain gauge's
    bucket. The others: see `placed`.
    """

    period_s: Seconds | None = None
    scale: Scale | None = None
    offset: Fraction | None = None
    tip_mm: Positive | None = None
    calibration: Curve | None = None
    mounting_height_m: float | None = None
    datum_m: float | None = None


def placed(
    reading: float, calibration: tuple[tuple[float, float], ...] | None, height_m: float | None, datum_m: float | None
) -> float:
    """What a reading means where the instrument hangs: first its calibration, then mounting height - reading, then
    + datum. NaN stays NaN.

    calibration: points (what it says, what is true), straight lines between them, the outer ones prolonged.
    height_m: of a gauge that measures downwards, its height above what its channel counts from. datum_m: the height of
    what it counts from above the channel's datum.
    """
    if calibration is not None:
        n = min(max(bisect_right(calibration, (reading, float("inf"))), 1), len(calibration) - 1)
        (x0, y0), (x1, y1) = calibration[n - 1], calibration[n]
        reading = y0 + (reading - x0) * (y1 - y0) / (x1 - x0)
    if height_m is not None:
        reading = height_m - reading
    return reading if datum_m is None else reading + datum_m


def unplaced(
    value: float, calibration: tuple[tuple[float, float], ...] | None, height_m: float | None, datum_m: float | None
) -> float:
    """What the instrument reads where the value holds: the inverse of `placed`, of a curve that always rises or always
    falls."""
    if datum_m is not None:
        value -= datum_m
    if height_m is not None:
        value = height_m - value
    if calibration is None:
        return value
    falls = calibration[-1][1] < calibration[0][1]
    turned = tuple(sorted((-true if falls else true, said) for said, true in calibration))
    return placed(-value if falls else value, turned, None, None)
