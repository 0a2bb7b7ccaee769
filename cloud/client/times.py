"""Times as the API takes them."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias

# RFC 3339 with its zone, epoch milliseconds, or a datetime with its zone.
Time: TypeAlias = str | int | dt.datetime


def said(time: Time) -> str:
    """Raises ValueError on a datetime that does not say in which zone it is.

    >>> said(dt.datetime(2021, 7, 20, 16, tzinfo=dt.timezone(dt.timedelta(hours=8))))
    '2021-07-20T16:00:00+08:00'
    """
    if not isinstance(time, dt.datetime):
        return str(time)
    if time.tzinfo is None:
        what = "Asia/Shanghai"
        raise ValueError(f"{time} is in no time zone: write {time!r}.replace(tzinfo=ZoneInfo({what!r})), or in UTC")
    return time.isoformat()
