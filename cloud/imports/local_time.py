"""Times as a table writes them -> UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from contract.clock import to_ms


class NoTime(ValueError):
    """A text that names no moment; it says why."""


def utc_ms(text: str, form: str | None, zone: ZoneInfo, ambiguous: Literal["refuse", "earlier", "later"]) -> int:
    """UTC ms of a local time. form: of strptime; None: ISO 8601. Raises NoTime."""
    try:
        read = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)
    except ValueError:
        raise NoTime(f"{text[:64]!r} is no time of the form {form or 'ISO 8601'}") from None
    try:
        return to_ms(read if read.tzinfo is not None else _placed(read, zone, ambiguous))
    except OverflowError:
        raise NoTime(f"{text[:64]!r} is beyond all calendars") from None


def _placed(read: datetime, zone: ZoneInfo, ambiguous: str) -> datetime:
    first, second = read.replace(tzinfo=zone, fold=0), read.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != read:
        raise NoTime(f"there was no {read} in {zone.key}: clocks went forward over it")
    if ambiguous == "refuse":
        raise NoTime(f"{read} was twice in {zone.key}: say in time.ambiguous which it is, earlier or later")
    return first if ambiguous == "earlier" else second
