"""The last value of each channel with its flag, for whoever looks at the status; and how values are shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from contract.readings import Flag, ReadingBatch
from edge_agent.drivers.base import DeviceInfo

# What is written every two seconds names them once, and not beside each value.
COLUMNS = ("channel", "name", "value", "unit", "flag", "age_s")

_NOTHING_YET = (None, None, None)


class LastValues:
    """Times are UTC ms as the gateway would have told them had its time never jumped."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, float, int]] = {}
        self._named: dict[str, list[tuple[int, str, str]]] = {}  # channels, with names and units, by device

    def take(self, judged: ReadingBatch, jumped_ms: int) -> None:
        """Readings with their flags; missing ones leave the last value, whose age then tells."""
        there = judged.later(-jumped_ms).take(~np.isnan(judged.value))
        said = zip(there.time_ms.tolist(), there.value.tolist(), there.flag.tolist(), strict=True)
        self._last.update(zip(there.channel.tolist(), said, strict=True))

    def of(self, device: DeviceInfo, now_ms: int) -> list[tuple[Any, ...]]:
        """`COLUMNS` of each of a device's channels; value, flag and age are None before the first."""
        channels = self._named.get(device.device.id)
        if channels is None:
            channels = [(c.id, c.register.name, c.quantity.unit) for c in device.channels]
            self._named[device.device.id] = channels
        out: list[tuple[Any, ...]] = []
        for number, name, unit in channels:
            time_ms, value, flag = self._last.get(number, _NOTHING_YET)
            age_s = None if time_ms is None else round((now_ms - time_ms) / 1000, 1)
            out.append((number, name, value, unit, flag, age_s))
        return out


def named(row: Any) -> Any:
    """A row of `of` by the names of its columns; what has them already, as files of an older agent have, as it is."""
    return dict(zip(COLUMNS, row, strict=True)) if isinstance(row, list | tuple) else row


def shown(value: float | None, unit: str) -> str:
    """ "1.23 m"; a number without a unit alone; "missing" where there is none."""
    if value is None:
        return "missing"
    return f"{value:g}" if unit == "1" else f"{value:g} {unit}"


def flag_words(flag: int) -> str:
    """ "pass", "not evaluated"."""
    return Flag(flag).name.lower().replace("_", " ")


def raw(word: int, table: str) -> str:
    """What came of a coil or a register, as technicians read it: 0 or 1, or four hexadecimal digits."""
    return str(word) if table in ("coil", "discrete") else f"{word:04X}"
