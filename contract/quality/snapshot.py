"""What the quality tests remember, as plain arrays for a file, and back. Pure.

A snapshot goes by channel numbers: after a restart with another catalogue the channels that remain go on, and new ones
begin anew. What a restart must not forget is the last usable value of each channel (or a reset counter looks like one
that never was), the reading that waits, and how long a value has stood still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from contract.quality.tests import QualityState, QualityTests

VERSION = 1
_OWN = ("time_ms", "value", "known_ms", "known", "change", "flag", "tests")
_PARTS = {
    "flat": ("calm", "place"),
    "counter": ("base_ms", "base", "waits_ms", "waits", "waits_step", "waits_counts"),
    "stepped": ("since_ms", "at"),
}


def dump(tests: QualityTests, state: QualityState, now_ms: int) -> dict[str, Any]:
    """Arrays by name, one row a channel. now_ms: when, UTC."""
    out: dict[str, Any] = {"version": VERSION, "saved_ms": now_ms, "jumped": state.jumped, "channels": tests.channels}
    out |= {name: getattr(state, name) for name in _OWN}
    for part, names in _PARTS.items():
        out |= {f"{part}_{name}": getattr(getattr(state, part), name) for name in names}
    out["flat_ring"] = state.flat.ring.reshape(len(tests.channels), -1)
    return {name: np.array(value) for name, value in out.items()}


def restore(tests: QualityTests, data: Mapping[str, Any], now_ms: int) -> QualityState:
    """What `dump` gave, for the channels that are still there.

    When `now_ms` is before the snapshot, the gateway's time is not what it was: values hold, and nothing is compared
    in time (see `QualityTests.undated`). Raises LookupError, ValueError or TypeError on anything else.
    """
    if int(data["version"]) != VERSION:
        raise ValueError(f"version {data['version']}")
    state = tests.initial()
    channels = np.asarray(data["channels"], np.uint32)
    _, row, old = np.intersect1d(tests.channels, channels, assume_unique=True, return_indices=True)
    for name in _OWN:
        _take(getattr(state, name), row, data[name], old, len(channels))
    for part, names in _PARTS.items():
        if part != "flat":
            for name in names:
                _take(getattr(getattr(state, part), name), row, data[f"{part}_{name}"], old, len(channels))
    ring = state.flat.ring.reshape(len(tests.channels), -1)
    kept = np.asarray(data["flat_ring"])
    if kept.shape == (len(channels), ring.shape[1]):  # other settings need another ring: the window begins anew
        ring[row] = kept[old]
        for name in _PARTS["flat"]:
            _take(getattr(state.flat, name), row, data[f"flat_{name}"], old, len(channels))
    state = replace(state, jumped=bool(data["jumped"]))
    return state if now_ms >= int(data["saved_ms"]) else tests.undated(state)


def _take(into: Any, row: Any, kept: Any, old: Any, n: int) -> None:
    column = np.asarray(kept)
    if column.shape != (n,) or column.dtype != into.dtype:
        raise ValueError(f"a column of shape {column.shape} and type {column.dtype}")
    into[row] = column[old]
