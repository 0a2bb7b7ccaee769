"""The cells of a recorded series: times and values as loggers and spreadsheets write them. Pure.

How a column is read is decided over the whole column, and what was assumed is appended to `assumed`, in words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from contract.clock import to_ms

_FURTHEST_MS = 253_402_300_799_000  # the end of year 9999
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "---", "缺测", "无"))
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+,[0-9]+")
_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
)


class Refused(ValueError):
    """The file as a whole cannot be read as it was asked; the text says what to say."""


def zone_of(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    if name.upper() in ("UTC", "Z"):
        return UTC
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise Refused(f"--tz {name!r} is no time zone: say for example Asia/Shanghai or +08:00") from None


def looks_like_time(cell: str) -> bool:
    if re.fullmatch(r"-?\d{8,14}(\.\d+)?", cell):
        return True
    return re.match(r"(\d{4}[-/年.]\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4})", cell) is not None


def times(texts: Sequence[str], zone: tzinfo | None, assumed: list[str]) -> Callable[[str], int]:
    """How this column's times are read: all numbers, or all dates."""
    digits = [t for t in texts if re.fullmatch(r"-?\d+(\.\d+)?", t)]
    compact = bool(digits) and all(len(t) in (12, 14) and _compact(t) is not None for t in digits)
    seconds = bool(digits) and not compact and all(abs(float(t)) < 1e11 for t in digits)
    if compact:
        assumed.append(f"times: {digits[0]} taken for year, month, day, hour and minute")
    elif digits:
        unit = "seconds" if seconds else "milliseconds"
        assumed.append(f"times: numbers taken for epoch {unit} ({digits[0]} is {_epoch_said(digits[0], seconds)})")

    def read(text: str) -> int:
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            moment = _compact(text) if compact else None
            found = round(float(text) * (1000 if seconds else 1)) if moment is None else to_ms(_with_zone(moment, zone))
        else:
            found = to_ms(_with_zone(_moment(text), zone))
        if abs(found) > _FURTHEST_MS:
            raise ValueError("a time after the year 9999")
        return found

    return read


def _epoch_said(text: str, seconds: bool) -> str:
    try:
        return datetime.fromtimestamp(float(text) / (1 if seconds else 1000), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "no date"


def _compact(text: str) -> datetime | None:
    form = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text))
    try:
        found = datetime.strptime(text, form) if form else None
    except ValueError:
        return None
    return found if found is not None and 1900 <= found.year <= 2200 else None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time that can be read: write 2021-07-20T16:00:00+08:00 or epoch milliseconds")


def _with_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: say --tz, for example --tz Asia/Shanghai")
    return moment.replace(tzinfo=zone)


def values(texts: Sequence[str], decimal: str | None, assumed: list[str]) -> Callable[[str], float]:
    if decimal not in (None, ".", ","):
        raise Refused(f"--decimal {decimal!r} is neither a point nor a comma")
    if decimal is None:
        commas = sum(1 for t in texts if _COMMA_NUMBER.fullmatch(t))
        points = sum(1 for t in texts if "." in t and _NUMBER.fullmatch(t))
        decimal = "," if commas and not points else "."
        if decimal == ",":
            assumed.append("values: the comma is taken for the decimal point (--decimal says otherwise)")
    words: Counter[str] = Counter(t for t in texts if t.lower() in _MISSING and t)
    if words:
        said = ", ".join(sorted(words))
        assumed.append(f"values: {said} taken for missing ({sum(words.values())} times)")

    def read(text: str) -> float:
        if text.lower() in _MISSING:
            return math.nan
        number = text.replace(",", ".") if decimal == "," else text
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{text!r} is no number")
        found = float(number)
        if not math.isfinite(found):
            raise ValueError(f"{text!r} is larger than any measured value")
        return found

    return read
