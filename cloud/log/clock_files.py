"""What the cloud remembers of its clock, in its data folder, and what a person says of it.

`clock.json`: what is believed and what is in doubt, so that a restart is not taken for a confirmation, and a person can
look. `clock-confirm.json`: a person says that the wall clock is right; it is taken up within seconds, or at the next
start, and removed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cloud.log.log_clock import Remembered

log = logging.getLogger(__name__)
_BAD = (OSError, ValueError, TypeError, LookupError, RecursionError)


class ClockFiles:
    """folder: of the cloud's data."""

    def __init__(self, folder: Path) -> None:
        self._state, self._request = folder / "clock.json", folder / "clock-confirm.json"

    def recall(self) -> tuple[Remembered, str] | None:
        """What was known last, and the trouble that an operator was told of; None when nothing can be read."""
        with suppress(*_BAD):
            found = json.loads(self._state.read_text())
            boot, offset, step, known = (found[name] for name in ("boot", "offset_ms", "step_ms", "known"))
            return Remembered(str(boot), int(offset), int(step), bool(known)), str(found["trouble"])
        return None

    def keep(self, remembered: Remembered, trouble: str) -> None:
        """What the disk refuses is logged; a restart then knows what was kept before."""
        try:
            _replace(self._state, {**asdict(remembered), "trouble": trouble})
        except OSError as error:
            log.error("cannot keep what is known of the clock: %s", error)

    def ask(self, who: str, boot: str, offset_ms: int) -> None:
        """Somebody says that the wall clock is right as it is now, by so much more than the monotonic one.

        Raises OSError.
        """
        _replace(self._request, {"who": who, "boot": boot, "offset_ms": offset_ms})

    def asked(self) -> bool:
        """Whether what somebody said is yet to be taken."""
        return self._request.exists()

    def take(self) -> tuple[str, str, int] | None:
        """What somebody said: who, boot, offset. It is removed."""
        found: tuple[str, str, int] | None = None
        try:
            said = json.loads(self._request.read_text())
            found = str(said["who"]), str(said["boot"]), int(said["offset_ms"])
        except FileNotFoundError:
            return None
        except _BAD as error:
            log.warning("%s says nothing: %s", self._request, error)
        with suppress(OSError):
            self._request.unlink()
        return found


def _replace(path: Path, document: Mapping[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False))
    fresh.replace(path)
