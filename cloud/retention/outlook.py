"""What grows for ever, and when the disk will be full: for an operator who has not said how long things are kept."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from cloud.log.sqlite import span_of
from cloud.retention.settings import RetentionSettings

_DAY_MS = 86_400_000
_OVERDUE_DAYS = 7  # places are kept a night, and what is past one goes a night later
_ANEW_S = 600.0


def outlook(settings: RetentionSettings, rolled_up: bool, data: Path) -> str:
    """Empty when there is nothing to say. rolled_up: see `RetentionSettings.trouble`. Changes nothing.

    Growth is what is in the data folder by the time since the log began: right while nothing ever went.
    """
    span = span_of(data / "log.sqlite")
    if span is None:
        return ""
    days = (span[1] - span[0]) / _DAY_MS
    missing = [name for name, value in settings if value is None and (rolled_up or name != "hourly_days")]
    if not missing:
        late = settings.log_days is not None and days > settings.log_days + _OVERDUE_DAYS
        return f"nothing of the log went, and it has {days:.0f} days: is the timer of `headwater-cloud trim` on?" * late
    what = f"nothing that is old goes (retention: {', '.join(missing)} not stated)"
    free = shutil.disk_usage(data).free
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    if days < 1:
        return f"{what}: when the disk will be full can be said after a day"
    a_day = size / days
    return f"{what}: {a_day / 1e6:.3g} MB a day, so the disk is full in {free / max(a_day, 1):.0f} days"


class Outlook:
    """The same, looked at every ten minutes; from any thread."""

    def __init__(self, settings: RetentionSettings, rolled_up: bool, data: Path) -> None:
        self._asked = settings, rolled_up, data
        self._lock = threading.Lock()
        self._at_s: float | None = None
        self._said = ""

    def __call__(self) -> str:
        with self._lock:
            now_s = time.monotonic()
            if self._at_s is None or now_s > self._at_s + _ANEW_S:
                self._at_s = now_s
                with suppress(OSError):  # a file went while they were counted: what was said last holds
                    self._said = outlook(*self._asked)
            return self._said
