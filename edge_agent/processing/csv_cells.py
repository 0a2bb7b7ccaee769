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
# Numbers of seconds since 1970 are below the first (the year 5138; as milliseconds 1973), of milliseconds below the
# second, of microseconds below the third; beyond are nanoseconds.
_BELOW = ((1e11, 1.0, "seconds"), (1e14, 1e3, "milliseconds"), (1e17, 1e6, "microseconds"))
_NANOSECONDS = (1e9, "nanoseconds")
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


_COMPACT_SAID = {
    8: "year, month and day",
    12: "year, month, day, hour and minute",
    14: "year, month, day, hour and minute",
}
_OF_TWELVE = re.compile(r"(.*?)\s*(am|pm|上午|下午)\s*([0-9:]*)", re.IGNORECASE)
_EITHER = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}\b.*")


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
    if re.fullmatch(r"-?\d{8,19}(\.\d+)?", cell):
        return True
    return re.match(r"(\d{4}[-/年.]\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4})", cell) is not None


def times(texts: Iterable[str], zone: tzinfo | None, assumed: list[str]) -> Callable[[str], int]:
    """How this column's times are read: its numbers are all dates, a spreadsheet's days, seconds or milliseconds."""
    first, compact, largest, days, parts = "", True, 0.0, True, False
    for text in texts:
        if _IS_NUMBER.fullmatch(text):
            first = first or text
            compact = compact and _compact(text) is not None
            largest = max(largest, abs(float(text)))
            days = days and _DAYS[0] <= float(text) < _DAYS[1]
            parts = parts or "." in text
    may_be_days = days and first  # whole numbers of that size are mostly seconds or milliseconds of a test
    days = days and parts
    per_s, unit = next(((per_s, unit) for below, per_s, unit in _BELOW if largest < below), _NANOSECONDS)
    if not first:
        compact = days = False
    elif compact:
        assumed.append(f"times: {first} taken for {_COMPACT_SAID[len(first)]}")
    elif days:
        assumed.append(f"times: numbers taken for a spreadsheet's days ({first} is {_day(first):%Y-%m-%d %H:%M})")
    else:
        other = f"; as a spreadsheet's days they would begin on {_day(first):%Y-%m-%d}" if may_be_days else ""
        assumed.append(f"times: numbers taken for epoch {unit} ({first} is {_epoch_said(first, per_s)}){other}")
    told: set[str] = set()

    def in_zone(moment: datetime) -> datetime:
        found = _with_zone(moment, zone)
        if found.tzinfo is zone and found.replace(fold=1).utcoffset() != found.utcoffset() and not told:
            told.add("twice")
            assumed.append(f"times: {moment:%Y-%m-%d %H:%M} came twice when the clocks went back: the first is taken")
        return found

    def read(text: str) -> int:
        try:
            if _IS_NUMBER.fullmatch(text):
                moment = _compact(text) if compact else _day(text) if days else None
                found = round(float(text) * 1000 / per_s) if moment is None else to_ms(in_zone(moment))
            else:
                found = to_ms(in_zone(_moment(text)))
        except OverflowError:  # three hundred digits, or midnight at the end of 9999 in another zone
            found = _FURTHEST_MS + 1
        if abs(found) > _FURTHEST_MS:
            raise ValueError("a time after the year 9999")
        return found

    return read


def _epoch_said(text: str, per_s: float) -> str:
    try:
        return datetime.fromtimestamp(float(text) / per_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "no date"


def _compact(text: str) -> datetime | None:
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(text))
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
    if _EITHER.fullmatch(text):
        raise ValueError(f"{text!r} is no time that can be read: which is the month? Write 2021-07-20 16:00")
    if (twelve := _OF_TWELVE.fullmatch(text)) is not None:  # 2021-07-20 04:00:00 PM, 2021/7/20 下午 4:00
        moment = _moment(f"{twelve[1]} {twelve[3]}".strip())
        if not 1 <= moment.hour <= 12:
            raise ValueError(f"{text!r}: there is no such hour of twelve")
        return moment.replace(hour=moment.hour % 12 + (12 if twelve[2].lower() in ("pm", "下午") else 0))
    if text.endswith((" UTC", " GMT")):
        return _moment(text[:-4]).replace(tzinfo=UTC)
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
    found = moment.replace(tzinfo=zone)
    if found.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"{moment.isoformat(' ')} did not exist there: the clocks went forward. Is --tz right?")
    return found


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
