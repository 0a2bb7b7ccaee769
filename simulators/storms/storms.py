"""Storms as hyetographs: equal intervals of rain depth. Pure.

zhengzhou-2021           20 July 2021, from its published totals
chicago:p=20,hours=2     a Chicago design storm of a return period in years
csv:PATH                 `time,mm`: rain of the interval that begins at `time`
none                     a dry day
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contract.clock import to_ms

INTERVAL_S = 300
_LONGEST_INTERVAL_MS = 86_400_000
_HOUR = 3600 // INTERVAL_S
DEFAULT_START_MS = to_ms(datetime.fromisoformat("2021-07-20T14:00:00+08:00"))


@dataclass(frozen=True, slots=True)
class Storm:
    """mm[i] fell (or will fall) from start_ms + i x interval_s on.

    reconstructed[i]: that interval's rain is not published but distributed by us from a total.
    heavy_ms: when the first heavy rain (more than 8 mm in an hour) begins; start_ms when none does.
    """

    name: str
    start_ms: int
    mm: Sequence[float]
    reconstructed: Sequence[bool]
    interval_s: int = INTERVAL_S

    @property
    def total_mm(self) -> float:
        return math.fsum(self.mm)

    @property
    def end_ms(self) -> int:
        return self.start_ms + len(self.mm) * self.interval_s * 1000

    @property
    def heavy_ms(self) -> int:
        # 8.1 mm/h to 16 mm/h opens the grade "heavy rain" of hourly classifications.
        for i, mm in enumerate(self.mm):
            if mm * 3600 / self.interval_s > 24.0:
                return self.start_ms + i * self.interval_s * 1000
        return self.start_ms

    def intensity_mm_per_h(self, time_ms: int) -> float:
        i = (time_ms - self.start_ms) // (self.interval_s * 1000)
        return self.mm[i] * 3600 / self.interval_s if 0 <= i < len(self.mm) else 0.0

    def fallen_mm(self, time_ms: int) -> float:
        """Depth fallen since start_ms, linear within an interval."""
        n, part = divmod(max(0, time_ms - self.start_ms), self.interval_s * 1000)
        n = min(n, len(self.mm))
        rest = self.mm[n] * part / (self.interval_s * 1000) if n < len(self.mm) else 0.0
        return math.fsum(self.mm[:n]) + rest


def parse_storm(text: str) -> Storm:
    """Raises ValueError that says what may be written."""
    kind, _, rest = text.partition(":")
    if text == "zhengzhou-2021":
        return zhengzhou_2021()
    if text == "none":
        return Storm("none", DEFAULT_START_MS, (0.0,) * (6 * _HOUR), (False,) * (6 * _HOUR))
    if kind == "csv" and rest:
        return read_csv(Path(rest))
    if kind == "chicago":
        try:
            settings = {name: value for name, _, value in (part.partition("=") for part in rest.split(",") if part)}
            if set(settings) <= {"p", "hours"}:
                return chicago(float(settings.get("p", 20)), float(settings.get("hours", 2)))
        except ValueError as error:
            raise ValueError(f"storm {text!r}: {error}; write e.g. chicago:p=20,hours=2") from error
    raise ValueError(f"storm {text!r}: use zhengzhou-2021, chicago:p=20,hours=2, csv:PATH or none")


def chicago(return_period_years: float, hours: float, peak_ratio: float = 0.4) -> Storm:
    """A Chicago design storm (Keifer and Chu 1957), half an hour after a dry start.

    Each interval holds the integral of the intensity, so the sum is the formula's depth to the rounding of floats.
    The intensity formula is Zhengzhou's as one unofficial table gives it (unverified):
    q = 2679.226 (1 + 0.775 lg P) / (t + 14.138)^0.751 in L/(s ha), t in minutes; 1 L/(s ha) = 0.36 mm/h.
    Raises ValueError on a return period outside 0.1 to 10,000 years or a duration outside 5 minutes to 24 hours.
    """
    if not 0.1 <= return_period_years <= 10_000 or not 1 / 12 <= hours <= 24:
        raise ValueError("a return period of 0.1 to 10,000 years, and 1/12 to 24 hours")
    a = 2679.226 * (1 + 0.775 * math.log10(return_period_years)) * 0.36 / 60  # mm/min

    def depth(minutes: float) -> float:
        """The formula's depth over a duration, mm."""
        return float(a * minutes / (minutes + 14.138) ** 0.751)

    total_min = hours * 60
    before, after = peak_ratio * total_min, (1 - peak_ratio) * total_min

    def fallen(minute: float) -> float:
        """Fallen by a minute of the storm: each side of the peak is a storm of its own, stretched."""
        if minute <= before:
            return peak_ratio * (depth(total_min) - depth((before - minute) / peak_ratio))
        return peak_ratio * depth(total_min) + (1 - peak_ratio) * depth(
            (min(minute, total_min) - before) * total_min / after
        )

    lead = _HOUR // 2
    n = math.ceil(total_min * 60 / INTERVAL_S)
    step = INTERVAL_S / 60
    mm = [0.0] * lead + [fallen((i + 1) * step) - fallen(i * step) for i in range(n)]
    name = f"chicago p={return_period_years:g} hours={hours:g}"
    return Storm(name, DEFAULT_START_MS, mm, [True] * len(mm))


# 20 July 2021, Zhengzhou station, local hours that end at the named hour. Published: 15-16 h 60.6 mm, 16-17 h 201.9 mm,
# 552.5 mm from 19 July 20:00 to 20 July 20:00. No hourly series is public: every other hour is our reconstruction, the
# remaining 290.0 mm laid as a long rain before the peak and a tail after it.
_PUBLISHED_24_H_MM = 552.5
_PUBLISHED = {"2021-07-20T15:00+08:00": 60.6, "2021-07-20T16:00+08:00": 201.9}
_TAIL_MM = (34.0, 18.0, 9.0)  # 17-18, 18-19, 19-20 h
_LEAD_HOURS = 19  # 19 July 20:00 to 20 July 15:00


def zhengzhou_2021() -> Storm:
    """The 24 hours that the published total covers; see the table above for what is known and what is not."""
    lead_mm = _PUBLISHED_24_H_MM - sum(_PUBLISHED.values()) - sum(_TAIL_MM)
    hourly = [lead_mm / _LEAD_HOURS] * _LEAD_HOURS + [*_PUBLISHED.values(), *_TAIL_MM]
    known = [False] * _LEAD_HOURS + [True, True] + [False] * len(_TAIL_MM)
    start_ms = to_ms(datetime.fromisoformat("2021-07-19T20:00:00+08:00"))
    mm: list[float] = []
    for i, total in enumerate(hourly):
        left = hourly[i - 1] if i else total
        right = hourly[i + 1] if i + 1 < len(hourly) else 0.0
        mm.extend(_within_hour(left, total, right))
    return Storm("zhengzhou-2021", start_ms, mm, [not k for k in known for _ in range(_HOUR)])


def _within_hour(left: float, total: float, right: float) -> list[float]:
    """An hour's rain, leaning towards its wetter neighbour; the sum is the hour's total."""
    weight = []
    for k in range(_HOUR):
        x = (k + 0.5) / _HOUR
        edge = (left + total) / 2 if x < 0.5 else (right + total) / 2
        weight.append(total + (edge - total) * abs(2 * x - 1))
    scale = total / math.fsum(weight) if total else 0.0
    return [w * scale for w in weight]


def read_csv(file: Path) -> Storm:
    """`time,mm` at equal intervals, times with a zone. Raises ValueError naming the line."""
    times: list[int] = []
    mm: list[float] = []
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            for row in rows:
                if rows.line_num == 1 and row[:1] == ["time"]:
                    continue
                try:
                    times.append(to_ms(datetime.fromisoformat(row[0])))
                    mm.append(float(row[1]))
                except (ValueError, IndexError) as error:
                    raise ValueError(f"{file}:{rows.line_num}: not time,mm: {error}") from error
                if times[-1] < 0:
                    raise ValueError(f"{file}:{rows.line_num}: {row[0]} is before 1970")
                if not (0 <= mm[-1] < 1000):
                    raise ValueError(f"{file}:{rows.line_num}: {mm[-1]} mm in one interval is no rain")
                if len(times) > 2 and times[-1] - times[-2] != times[1] - times[0]:
                    raise ValueError(f"{file}:{rows.line_num}: intervals must be equal")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if len(times) < 2 or times[1] <= times[0]:
        raise ValueError(f"{file}: at least two rising times are needed")
    interval_ms = times[1] - times[0]
    if interval_ms % 1000 or interval_ms > _LONGEST_INTERVAL_MS:
        raise ValueError(f"{file}: an interval of {interval_ms / 1000:g} s: whole seconds, a day at most")
    return Storm(f"csv:{file.name}", times[0], mm, [False] * len(mm), interval_ms // 1000)
