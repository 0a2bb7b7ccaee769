"""Rain files of EPA SWMM 5: `station year month day hour minute value`, a line a wet interval (SWMM 5.1 Reference
Manual I, 2.3.2, "user-prepared"). Pure.

The file has a clock and no zone, and no word for what is not known: comments say both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from contract.clock import iso
from contract.readings import Bools, Float64s, Int64s

_NAMED = 20  # times in doubt that are named, of each kind


def head(interval_min: int, zone: ZoneInfo) -> bytes:
    """Where the file begins: what a rain gauge of a model must say to read it."""
    hours, minutes = divmod(interval_min, 60)
    return (
        f"; mm in {interval_min} min, from the minute that is named; clock of {zone.key}\n"
        f'; [RAINGAGES]  NAME  VOLUME  {hours}:{minutes:02}  1.0  FILE  "THIS FILE"  STATION  MM\n'
    ).encode()


def gauge(
    station: str,
    start_ms: Int64s,
    end_ms: int,
    mm: Float64s,
    zone: ZoneInfo,
    *,
    known: Bools,
    at_least: Bools,
    uncertain: Bools,
) -> bytes:
    """All of one gauge. start_ms, mm and what is in doubt: shape (n,), one an interval; end_ms: of the last."""
    edges = [*start_ms.tolist(), end_ms]
    doubts = ((~known, "not known"), (at_least, "at least"), (uncertain, "counted after a silence"))
    out = [f"; {station}: {what}: {said}\n" for which, what in doubts for said in _spans(which, edges)]
    wet = np.flatnonzero(mm > 0)
    for begin_ms, value in zip(start_ms[wet].tolist(), mm[wet].tolist(), strict=True):
        t = datetime.fromtimestamp(begin_ms / 1000, zone)
        out.append(f"{station} {t.year} {t.month} {t.day} {t.hour} {t.minute} {value:.4f}\n")
    return "".join(out).encode()


def _spans(which: Bools, edges_ms: Sequence[int]) -> Iterator[str]:
    """Intervals that follow one another as one; in UTC."""
    steps = np.diff(np.concatenate(([False], which, [False])).astype(np.int8))
    spans = list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
    for first, last in spans[:_NAMED]:
        yield f"{iso(edges_ms[first])} to {iso(edges_ms[last])}"
    if len(spans) > _NAMED:
        yield f"and {len(spans) - _NAMED} times more"
