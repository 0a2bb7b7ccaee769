"""What came into a pump station, from how its well moved and what its pumps took away. Pure.

The well's balance of volume (continuity of a storage, as for a level-pool reservoir), over pieces of some minutes:

    inflow = (area x (level at the end - level at the beginning) + sum of capacity x run time) / length of the piece

area and capacity are the catalogue's: nominal. A pump moves less against a greater head and as it wears, so an inflow
that comes out below zero, or that jumps whenever a pump starts, says that the catalogue's numbers are not the plant's.
A level is sent when it has moved by more than its deadband: an inflow may be off by 2 x deadband x area / piece. Where
the well stands at the level at which it drains back, water stands beyond it, too, and more came than is reckoned.

A piece counts where the level is known at both of its ends and every pump all the way: no gap is bridged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cloud.hydrology.overlaps import overlaps
from cloud.hydrology.spells import Held, level_at
from contract.readings import Bools, Float64s, Int64s

PIECE_MS = 300_000
_NOTHING_M3S = 1e-9  # what is left of rounding


@dataclass(frozen=True, slots=True)
class Works:
    """A pump station as it was. area_m2: of its well, in plan. capacity_m3s, running, fault: by pump; fault: None of a
    pump whose faults nobody tells. mains, generator: None where they are not told. drains_back_m: None: not known."""

    area_m2: float
    capacity_m3s: Sequence[float]
    well: Held
    running: Sequence[Held]
    fault: Sequence[Held | None]
    mains: Held | None = None
    generator: Held | None = None
    drains_back_m: float | None = None


@dataclass(frozen=True, slots=True)
class Inflow:
    """By interval, each of shape (m,); NaN where no piece of it is known.

    known_ms: of its pieces that are known. m3: what came in these. mean_m3s: m3 / known_ms. peak_m3s: of the piece with
    the most, which began at peak_ms. piece_ms: how long the interval's pieces are. margin_m3s: the least, of all pieces
    in which it is known, of the capacity that was available less what came; the piece began at margin_ms. at_least:
    the well stood at the level at which it drains back.
    """

    known_ms: Int64s
    m3: Float64s
    mean_m3s: Float64s
    peak_m3s: Float64s
    peak_ms: Float64s
    piece_ms: Float64s
    margin_m3s: Float64s
    margin_ms: Float64s
    at_least: Bools


def inflow(works: Works, edges_ms: Int64s, piece_ms: int = PIECE_MS) -> Inflow:
    """edges_ms: int64[m + 1], rising. piece_ms: an interval is parted into equal pieces of this length or a little
    more, a shorter one is one piece."""
    m = len(edges_ms) - 1
    cuts_ms, of = pieces(edges_ms, piece_ms)
    length_ms = np.diff(cuts_ms)
    levels = level_at(works.well, cuts_ms)
    m3 = works.area_m2 * np.diff(levels)
    for capacity, running in zip(works.capacity_m3s, works.running, strict=True):
        known_ms, run_ms = _known_and_on(running, cuts_ms)
        m3 += np.where(known_ms == length_ms, capacity * run_ms / 1000, np.nan)
    known = ~np.isnan(m3)
    rate = m3 * 1000 / length_ms
    known_ms = np.zeros(m, np.int64)
    np.add.at(known_ms, of[known], length_ms[known])
    some = known_ms > 0
    total = np.where(some, np.bincount(of[known], m3[known], m), np.nan)
    peak_m3s, peak_ms = _greatest(rate, of, cuts_ms, m)
    margin, margin_ms = _greatest(rate - available_m3s(works, cuts_ms), of, cuts_ms, m)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total * 1000 / known_ms
    return Inflow(
        known_ms,
        total,
        mean,
        peak_m3s,
        peak_ms,
        np.diff(edges_ms) / np.bincount(of, minlength=m),
        -margin,
        margin_ms,
        _drained_back(works, edges_ms),
    )


def pumped_m3(running: Held, capacity_m3s: float, edges_ms: Int64s) -> Float64s:
    """What a pump moved in each interval, by its capacity, m3: of the time for which its state is known."""
    return np.asarray(_known_and_on(running, edges_ms)[1] * capacity_m3s / 1000, np.float64)


def available_m3s(works: Works, cuts_ms: Int64s) -> Float64s:
    """The capacity of the pumps that could have run, as a mean of each piece; NaN where that is not known all the way.

    A pump can run while it is not in fault and mains or a generator supply it. What nobody tells is taken to be well: a
    station without a channel of mains is supplied."""
    signals = [h for h in (*works.fault, works.mains, works.generator) if h is not None]
    times = np.unique(np.concatenate([cuts_ms, *(t for h in signals for t in (h.begin_ms, h.end_ms))]))
    times = times[(times >= cuts_ms[0]) & (times <= cuts_ms[-1])]
    begin, length_ms = times[:-1], np.diff(times)
    supplied = _supplied(works, begin)
    capacity = np.zeros(len(begin))
    for each, fault in zip(works.capacity_m3s, works.fault, strict=True):
        able = np.ones(len(begin)) if fault is None else 1.0 - _at(fault, begin)
        capacity += each * np.where((able == 0) | (supplied == 0), 0.0, able * supplied)
    piece = np.searchsorted(cuts_ms, begin, side="right") - 1
    return np.bincount(piece, capacity * length_ms, len(cuts_ms) - 1) / np.diff(cuts_ms)


def pieces(edges_ms: Int64s, piece_ms: int) -> tuple[Int64s, Int64s]:
    """Edges of the pieces, int64[q + 1], and of each the interval that it is of, int64[q]."""
    lengths = np.diff(edges_ms)
    n = np.maximum(lengths // piece_ms, 1)
    of = np.repeat(np.arange(len(n)), n)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(n) - n, n)
    return np.append(edges_ms[of] + nth * lengths[of] // n[of], edges_ms[-1]), of


def _supplied(works: Works, begin_ms: Int64s) -> Float64s:
    """1 where mains or a generator supply it, 0 where neither does, NaN where that is not known."""
    if works.mains is None:
        return np.ones(len(begin_ms))
    mains = _at(works.mains, begin_ms)
    generator = np.zeros(len(begin_ms)) if works.generator is None else _at(works.generator, begin_ms)
    return np.where((mains == 1) | (generator == 1), 1.0, mains + generator)


def _at(h: Held, begin_ms: Int64s) -> Float64s:
    """1 or 0, what held from each moment on; NaN where nothing is known."""
    place = np.searchsorted(h.begin_ms, begin_ms, side="right") - 1
    known = place >= 0
    known[known] = begin_ms[known] < h.end_ms[place[known]]
    out = np.full(len(begin_ms), np.nan)
    out[known] = h.value[place[known]] != 0
    return out


def _known_and_on(h: Held, edges_ms: Int64s) -> tuple[Int64s, Int64s]:
    found = overlaps(h.begin_ms, h.end_ms, edges_ms)
    known, on = np.zeros(len(edges_ms) - 1, np.int64), np.zeros(len(edges_ms) - 1, np.int64)
    np.add.at(known, found.interval, found.ms)
    np.add.at(on, found.interval, np.where(h.value[found.span] != 0, found.ms, 0))
    return known, on


def _greatest(value: Float64s, of: Int64s, begin_ms: Int64s, m: int) -> tuple[Float64s, Float64s]:
    """By interval: the greatest value that is known, and when the first piece with it began; both NaN without one."""
    top, when = np.full(m, np.nan), np.full(m, np.nan)
    known = np.flatnonzero(~np.isnan(value))
    np.fmax.at(top, of[known], value[known])
    same = value[known] >= top[of[known]] - _NOTHING_M3S  # of equal ones the first, whatever rounding says
    first = known[same][::-1]  # backwards: the first is written last
    when[of[first]] = begin_ms[first]
    return top, when


def _drained_back(works: Works, edges_ms: Int64s) -> Bools:
    out = np.zeros(len(edges_ms) - 1, np.bool_)
    if works.drains_back_m is not None:
        high = works.well.value >= works.drains_back_m
        out[overlaps(works.well.begin_ms[high], works.well.end_ms[high], edges_ms).interval] = True
    return out
