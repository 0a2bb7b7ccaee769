"""How rare rain is: its return period by the local formula of storm intensity. Pure."""

from __future__ import annotations

from math import log10

from contract.catalogue.places import RainFormula


def return_period_years(formula: RainFormula, mm: float, minutes: float) -> float | None:
    """The return period P of so much rain within so many minutes: i = a (1 + c lg P) / (t + b)^n, solved for P.

    None for durations that the formula is not of, and for no rain.
    """
    if not 0 < minutes <= formula.longest_min or mm <= 0:
        return None
    power = (mm / minutes * (minutes + formula.b) ** formula.n / formula.a - 1) / formula.c
    return float(10 ** min(power, 6.0))


def depth_mm(formula: RainFormula, years: float, minutes: float) -> float:
    """What falls within so many minutes once in so many years. Raises ValueError where `years` is not above 0."""
    if years <= 0:
        raise ValueError(f"a return period of {years:g} years is none: give more than 0")
    return float(formula.a * (1 + formula.c * log10(years)) / (minutes + formula.b) ** formula.n * minutes)
