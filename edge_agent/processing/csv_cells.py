"""The cells of a recorded series: times and values as loggers and spreadsheets write them. Pure.

How a column is read is decided over the whole column, and what was assumed is appended to `assumed`, in words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from contract.clock import to_ms

_IS_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SECONDS_BELOW = 1e11  # as seconds the year 5138, as milliseconds 1973
_DAYS = (25_569, 73_051)  # since 30 December 1899, as spreadsheets keep dates: the years 1970 to 2099
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


def times(texts: Iterable[str], zone: tzinfo | None, assumed: list[str]) -> Callable[[str], int]:
    """How this column's times are read: its numbers are all dates, a spreadsheet's days, seconds or milliseconds."""
    first, compact, seconds, days, parts = "", True, True, True, False
    for text in texts:
        if _IS_NUMBER.fullmatch(text):
            first = first or text
            compact = compact and _compact(text) is not None
            seconds = seconds and abs(float(text)) < _SECONDS_BELOW
            days = days and _DAYS[0] <= float(text) < _DAYS[1]
            parts = parts or "." in text
    days = days and parts  # whole numbers of that size are seconds or milliseconds of a test
    if not first:
        compact = seconds = days = False
    elif compact:
        assumed.append(f"times: {first} taken for year, month, day, hour and minute")
    elif days:
        assumed.append(f"times: numbers taken for a spreadsheet's days ({first} is {_day(first):%Y-%m-%d %H:%M})")
    else:
        unit = "seconds" if seconds else "milliseconds"
        assumed.append(f"times: numbers taken for epoch {unit} ({first} is {_epoch_said(first, seconds)})")

    def read(text: str) -> int:
        if _IS_NUMBER.fullmatch(text):
            moment = _compact(text) if compact else _day(text) if days else None
            if moment is None and abs(float(text)) > _FURTHEST_MS:
                raise ValueError("a time after the year 9999")
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


def _day(text: str) -> datetime:
    return datetime(1899, 12, 30) + timedelta(seconds=round(float(text) * 86_400))


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


def values(texts: Iterable[str], decimal: str | None, assumed: list[str]) -> Callable[[str], float]:
    if decimal not in (None, ".", ","):
        raise Refused(f"--decimal {decimal!r} is neither a point nor a comma")
    commas = points = False
    words: Counter[str] = Counter()
    for text in texts:
        commas = commas or _COMMA_NUMBER.fullmatch(text) is not None
        points = points or ("." in text and _NUMBER.fullmatch(text) is not None)
        if text and text.lower() in _MISSING:
            words[text] += 1
    if decimal is None:
        decimal = "," if commas and not points else "."
        if decimal == ",":
            assumed.append("values: the comma is taken for the decimal point (--decimal says otherwise)")
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
