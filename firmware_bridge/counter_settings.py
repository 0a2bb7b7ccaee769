"""Whether what a device file says of a rain gauge, or of another counter, fits the register that counts. Pure."""

from __future__ import annotations

from typing import Protocol

from contract.catalogue.channel_settings import RainGauge, TotalCounter
from contract.refusing import Place

_BUCKETS_MM = (0.01, 0.05, 0.1, 0.2, 0.25, 0.254, 0.3, 0.4, 0.5, 1.0)


class Counter(Protocol):
    """What is asked of a register here."""

    @property
    def scale(self) -> float: ...
    @property
    def decimals(self) -> int: ...
    @property
    def counts(self) -> str | None: ...
    @property
    def raw_limits(self) -> tuple[int, int] | None: ...


def counter_trouble(gauge: RainGauge, register: Counter) -> list[tuple[Place, str]]:
    """Places within the quality settings, and what is wrong there."""
    found: list[tuple[Place, str]] = []
    scale, tip, wrap, limits = abs(register.scale), gauge.tip_mm, gauge.wraps_at_mm, register.raw_limits
    if register.counts == "tips" and not _same(scale, tip):
        what = f"it counts tips of {tip:g} mm, and scale is {register.scale:g}: one of them is wrong, they are the same"
        found.append((("rain_gauge", "tip_mm"), what))
    elif limits is not None and not _multiple(tip, scale):
        what = (
            f"a tip of {tip:g} mm is no whole number of the register's steps of {scale:g} mm: tip_mm or scale is wrong"
        )
        found.append((("rain_gauge", "tip_mm"), what))
    elif not _same(round(tip, register.decimals), tip):
        what = f"tips of {tip:g} mm are lost when values are rounded to {register.decimals} decimals: raise decimals"
        found.append((("rain_gauge", "tip_mm"), what))
    if wrap is None or limits is None:
        return found
    most = (limits[1] + 1) * scale
    if wrong := _wrap_trouble(("rain_gauge", "wraps_at_mm"), wrap, scale, limits[1], " mm"):
        found += wrong
    elif not _same(wrap, most) and any(_same(wrap, (limits[1] + 1) * bucket) for bucket in _BUCKETS_MM):
        what = (
            f"{wrap:g} mm are {limits[1] + 1} steps of {wrap / (limits[1] + 1):g} mm, and scale is {scale:g}: "
            f"with that it wraps at {most:g} mm"
        )
        found.append((("rain_gauge", "wraps_at_mm"), what))
    return found


def total_trouble(counter: TotalCounter, register: Counter) -> list[tuple[Place, str]]:
    """The same of a counter of run hours, starts or the like."""
    found: list[tuple[Place, str]] = []
    scale, step, wrap, limits = abs(register.scale), counter.step, counter.wraps_at, register.raw_limits
    if limits is not None and not _multiple(step, scale):
        what = f"a count of {step:g} is no whole number of the register's steps of {scale:g}: step or scale is wrong"
        found.append((("counter", "step"), what))
    elif not _same(round(step, register.decimals), step):
        what = f"counts of {step:g} are lost when values are rounded to {register.decimals} decimals: raise decimals"
        found.append((("counter", "step"), what))
    if wrap is not None and limits is not None:
        found += _wrap_trouble(("counter", "wraps_at"), wrap, scale, limits[1], "")
    return found


def _wrap_trouble(
    place: tuple[str, str], wrap: float, scale: float, last_raw: int, unit: str
) -> list[tuple[Place, str]]:
    """Of the value at which a total begins anew. unit: with a blank before it, or nothing."""
    most = (last_raw + 1) * scale
    if wrap > most * (1 + 1e-9):
        ends = f"raw values end at {last_raw}: with scale {scale:g} it wraps at {most:g}{unit}, never at {wrap:g}{unit}"
        return [(place, ends)]
    if not _multiple(wrap, scale):
        steps = f"{wrap:g}{unit} is no whole number of the register's steps of {scale:g}{unit}"
        return [(place, f"{steps}: {place[1]} or scale is wrong")]
    return []


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def _multiple(of: float, step: float) -> bool:
    return round(of / step) >= 1 and _same(round(of / step) * step, of)
