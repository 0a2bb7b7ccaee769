"""What the log's readings of one channel show of a level, judged with tolerance, by no code of the engine's.

Two verdicts each way: `surely` is what any honest reading of the evidence must conclude, `perhaps` what it may. The
engine has to do what is sure, and may do nothing that is not even perhaps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from contract.readings import Flag
from simulators.promise.warnings.witness import Heard

MARGIN_M = 0.01
_SURE_SHARE, _DIPS_SHARE, _PERHAPS_SHARE, _DRY_SHARE = 0.6, 0.5, 0.3, 0.85
_MORE_THAN_A_SAMPLE = 3
_TRUSTED_SHARE = 0.5  # of dry readings: doubted ones alone end nothing


@dataclass(frozen=True, slots=True)
class Delays:
    """Of a rule and its channel, in milliseconds."""

    on_ms: float
    off_ms: float
    hold_ms: float
    stale_ms: float
    period_ms: float


def known(heard: Sequence[Heard], until_ms: int, oldest_ms: float) -> list[Heard]:
    """What was usable of what had come by then, by time; corrected where a correction had come.

    oldest_ms: what was older than that when it came is history and left out, as is a copy of what came before.
    """
    by_time: dict[int, Heard] = {}
    for h in heard:
        if h.came_ms > until_ms:
            break
        if h.came_ms - h.time_ms <= oldest_ms:
            old = by_time.get(h.time_ms)
            by_time[h.time_ms] = h if old is None else Heard(old.came_ms, h.time_ms, h.value, h.flag, old.place)
    return [h for _, h in sorted(by_time.items()) if h.usable]


def in_order(rows: Sequence[Heard]) -> list[Heard]:
    """Without those that came after a newer one."""
    out: list[Heard] = []
    came = (float("inf"), 0)
    for h in reversed(rows):
        if (h.came_ms, h.place) <= came:
            out.append(h)
            came = (h.came_ms, h.place)
    return out[::-1]


def surely_reached(rows: Sequence[Heard], at: int, level_m: float, delays: Delays, until_ms: int) -> int | None:
    """When, at the latest, what began with row `at` is known to stand at `level_m` or above; None: it is not.

    rows: of `known` and `in_order`. Three readings and three fifths of the time, or one trusted reading that nothing
    has contradicted while nothing was to be said. Where dips took more than half of the on-delay, or of four periods,
    it begins anew: so it may be said, however much of all the time stood above.
    """
    given_m, level_m = level_m, level_m + MARGIN_M
    first = rows[at]
    if first.value < level_m:
        return None
    need_ms = delays.on_ms + 2 * delays.period_ms
    above_ms = 0.0
    count = 0
    broken = False
    for j in range(at, len(rows)):
        h = rows[j]
        broken = broken or _mostly_below(rows[at : j + 1], level_m, max(delays.on_ms, 4 * delays.period_ms))
        if broken and h.value >= level_m:
            return surely_reached(rows, j, given_m, delays, until_ms)
        end_ms = rows[j + 1].time_ms if j + 1 < len(rows) else until_ms
        if j > at:
            gap_ms = h.time_ms - rows[j - 1].time_ms
            if gap_ms > delays.stale_ms / 2:
                return None
            above_ms += gap_ms if rows[j - 1].value >= level_m else 0
        span_ms = h.time_ms - first.time_ms
        if h.value >= level_m:
            count += 1
            if count >= _MORE_THAN_A_SAMPLE and span_ms >= need_ms and above_ms >= _SURE_SHARE * span_ms:
                return max(h.came_ms, h.time_ms)
            stands_ms = max(need_ms, 2 * delays.period_ms) + 30_000
            stood = h.flag != Flag.SUSPECT and end_ms - h.time_ms >= stands_ms and h.time_ms + stands_ms <= until_ms
            if stood and stands_ms < delays.stale_ms / 2 and j == at:
                return max(h.came_ms, h.time_ms + int(stands_ms))
        elif span_ms > need_ms * 3 and above_ms < _SURE_SHARE * span_ms:
            break
    return None


def _mostly_below(rows: Sequence[Heard], level_m: float, window_ms: float) -> bool:
    """Of the last so many milliseconds up to the newest row, or of those since the first."""
    from_ms = max(rows[0].time_ms, rows[-1].time_ms - window_ms)
    above_ms = sum(
        max(b.time_ms - max(a.time_ms, from_ms), 0) for a, b in itertools.pairwise(rows) if a.value >= level_m
    )
    return above_ms < _DIPS_SHARE * (rows[-1].time_ms - from_ms)


def perhaps_reached(rows: Sequence[Heard], level_m: float, delays: Delays, until_ms: int) -> bool:
    """Whether more than one sample speaks for `level_m`, or one that stood while nothing else came."""
    level_m -= MARGIN_M / 10
    for i, first in enumerate(rows):
        if first.value < level_m:
            continue
        next_came_ms = rows[i + 1].came_ms if i + 1 < len(rows) else until_ms
        stands_ms = max(delays.on_ms, 1.5 * delays.period_ms)
        if first.flag != Flag.SUSPECT and min(next_came_ms, until_ms) - first.time_ms >= stands_ms:
            return True
        above_ms = of_ms = 0  # a doubted dip counts for nothing
        for a, b in itertools.pairwise(rows[i:]):
            above_ms += b.time_ms - a.time_ms if a.value >= level_m else 0
            of_ms += b.time_ms - a.time_ms if a.value >= level_m or a.flag != Flag.SUSPECT else 0
            if b.value >= level_m and above_ms >= _PERHAPS_SHARE * of_ms:
                return True
    return False


def last_perhaps_dry(rows: Sequence[Heard], clear_m: float, delays: Delays) -> int:
    """The last moment at which readings may be said to have stood below `clear_m` for the off-delay; -1: never."""
    return _last_dry(rows, clear_m + MARGIN_M / 10, 0.9 * delays.off_ms, _DRY_SHARE, delays)


def last_surely_dry(rows: Sequence[Heard], clear_m: float, delays: Delays) -> int:
    """The last moment at which they must be said to have; -1: never. Half of the dry ones are not doubted."""
    return _last_dry(rows, clear_m - MARGIN_M, delays.off_ms + delays.hold_ms + 120_000, 1.0, delays, _TRUSTED_SHARE)


def _last_dry(
    rows: Sequence[Heard], clear_m: float, need_ms: float, share: float, delays: Delays, trusted_share: float = 0.0
) -> int:
    for e in range(len(rows) - 1, 0, -1):
        if rows[e].value >= clear_m:
            continue
        from_ms = rows[e].time_ms - need_ms
        below_ms, count, j = 0.0, 1, e
        trusted = int(rows[e].flag != Flag.SUSPECT)
        while j > 0 and rows[j].time_ms > from_ms:
            gap_ms = rows[j].time_ms - rows[j - 1].time_ms
            if gap_ms > delays.stale_ms * 1.1:
                break
            j -= 1
            if rows[j].value < clear_m:
                below_ms += rows[j + 1].time_ms - max(rows[j].time_ms, from_ms)
                count += 1
                trusted += rows[j].flag != Flag.SUSPECT
        enough = count > 1 and trusted >= trusted_share * count
        if rows[j].time_ms <= from_ms and enough and below_ms >= share * need_ms:
            return rows[e].time_ms
    return -1
