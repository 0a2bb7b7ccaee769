"""What the overview says of each station: its level, whether it is known, and its newest value.

Of ten thousand stations a few say something new in a second, so a row stays the same object until it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cloud.api.encoding import number
from cloud.api.latest import STATES, LatestColumns
from cloud.hydrology.rainfall import Rain
from cloud.warnings.model import ConditionSnapshot
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.clock import iso
from contract.conditions.state import ConditionState

_NORMAL, _UNKNOWN = "normal", "unknown"  # a station's states beside the levels; unknown: silent, or of no use


class StationRows:
    """For one thread at a time. main: station -> the channel that it is known by, None for none."""

    def __init__(self, catalogue: Catalogue, main: Mapping[str, int | None]) -> None:
        self._stations = sorted(catalogue.stations)
        self._main = [main[s] for s in self._stations]
        self._quantity = [None if c is None else catalogue.channels[c].quantity for c in self._main]
        self._channel = np.array([c or 0 for c in self._main], np.uint32)
        self._known: list[tuple[object, ...]] = [()] * len(self._stations)
        self._rows: list[dict[str, Any]] = [{}] * len(self._stations)

    def now(
        self, latest: LatestColumns, conditions: Sequence[ConditionSnapshot], rain: Mapping[int, Rain]
    ) -> list[dict[str, Any]]:
        """A row a station, in the order of their ids. latest: of the main channels at least. rain: gauge -> what fell
        in the last hour."""
        found = {c.key.target.id: c for c in sorted(conditions, key=weight)}
        place = np.searchsorted(latest.channel, self._channel)
        place[self._channel == 0] = 0
        columns = (latest.heard, latest.time_ms, latest.value, latest.state)
        if len(latest.channel):
            said = list(zip(*(c[place].tolist() for c in columns), strict=True))
        else:
            said = [(False, 0, 0.0, 2)] * len(self._stations)
        for i, (channel, of) in enumerate(zip(self._main, said, strict=True)):
            condition = None if channel is None else found.get(channel)
            fell = None if channel is None else rain.get(channel)
            now = (*of, condition and (condition.state, condition.level), fell)
            if now != self._known[i]:
                self._known[i] = now
                self._rows[i] = self._row(i, of, condition, fell)
        return self._rows.copy()

    def _row(
        self, i: int, said: tuple[bool, int, float, int], condition: ConditionSnapshot | None, fell: Rain | None
    ) -> dict[str, Any]:
        """level: what is held of it, also while it is unknown. value: of rain what fell in the last hour."""
        heard, time_ms, value, state = said
        of_rain = self._quantity[i] is Quantity.RAIN_TOTAL
        level = condition.level.value if condition and condition.level else _NORMAL
        unknown = self._main[i] is None or is_unknown(condition, STATES[state])
        figure = (fell.mm if fell else None) if of_rain else number(value)
        return {
            "id": self._stations[i],
            "state": _UNKNOWN if unknown else level,
            "level": level,
            "channel": self._main[i],
            "quantity": self._quantity[i],
            "value": figure if self._main[i] is not None else None,
            "unit": "mm in 1 h" if of_rain else "m",
            "sure": _sure(fell),
            "time": iso(time_ms) if heard and self._main[i] is not None else None,
        }


def weight(condition: ConditionSnapshot) -> tuple[int, bool]:
    """Of several rules on a channel the one that says most is shown: its highest level, and what is unknown."""
    level = -1 if condition.level is None else condition.level.rank
    return level, condition.state is ConditionState.UNKNOWN


def is_unknown(condition: ConditionSnapshot | None, state: str) -> bool:
    """A watched channel is unknown when its rule says so; any also when it is silent for too long, or when what it said
    last cannot be used. state: of it, as in /v1/latest."""
    return state == _UNKNOWN or (condition is not None and condition.state is ConditionState.UNKNOWN)


def _sure(fell: Rain | None) -> str:
    """What keeps a sum of rain from being exact: "at least", "uncertain", "provisional"; empty when nothing does."""
    if fell is None:
        return ""
    words = {"at least": fell.at_least, "uncertain": fell.uncertain, "provisional": fell.provisional}
    return next((word for word, so in words.items() if so), "")
