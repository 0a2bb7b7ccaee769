"""Truth against store, channel by channel. Pure.

A stored reading must be one that a sensor's register held, matched one to one and in order; what
was measured and not stored must lie within the channel's deadband of the stored series, held as steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.readings import Flag, Float64s, Int64s, ReadingBatch
from edge_agent.spool.batches import GivenUp

_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which an agent was dead or stopping: what it had asked for then may have reached nobody.

    latest_ms: it may have opened its ports somewhat after its start. A channel's gap ends with its first reading after
    the start, which is always reported; at the latest then.
    """

    start_ms: int
    end_ms: int
    latest_ms: int = 0

    def until(self, stored_ms: Int64s) -> Gap:
        """For a channel with readings at these times, in order."""
        after = int(np.searchsorted(stored_ms, self.end_ms))
        first = int(stored_ms[after]) if after < len(stored_ms) else self.latest_ms
        return Gap(self.start_ms, max(self.end_ms, min(first, self.latest_ms)))


@dataclass(slots=True)
class Audit:
    """made: readings that agents took, misses included. reported: of those, spooled for the cloud. thinned, dropped: of
    those, given up by a full spool and counted there; lost is what nobody counted. quarantined: of those, kept aside
    because nobody knows their times. furthest_ms: of a stored time from the nearest at which its register held that."""

    made: int = 0
    reported: int = 0
    stored: int = 0
    lost: int = 0
    thinned: int = 0
    dropped: int = 0
    doubled: int = 0
    altered: int = 0
    suppressed: int = 0
    outside_deadband: int = 0
    missing: int = 0
    channels: int = 0
    quarantined: int = 0
    furthest_ms: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.altered or self.outside_deadband)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "good": self.good}

    def add_altered(self, values: int, text: str) -> None:
        """values: so many more are not what their registers held."""
        self.altered += values
        self.note(text)

    def note(self, text: str) -> None:
        if len(self.notes) < 20:
            self.notes.append(text)


def compare(
    truth: ReadingBatch,
    stored: ReadingBatch,
    deadband: Mapping[int, float],
    gaps: Mapping[int, Sequence[Gap]],
    tolerance_ms: int,
    given_up: Mapping[int, Sequence[GivenUp]] | None = None,
) -> Audit:
    """truth, stored: sorted by channel, then time. deadband, gaps, given_up: by channel.

    What was measured where a spool was thinned must lie between the extremes that were stored of its interval; where it
    was dropped, nothing can be said.
    """
    audit = Audit(stored=len(stored))
    for channel, band in deadband.items():
        t, s = truth.take(truth.channel == channel), stored.take(stored.channel == channel)
        audit.channels += 1
        known = ~np.isnan(s.value)
        audit.missing += int(np.count_nonzero(~known))
        own = s.take(known)
        used, off_ms = _match(t, own, tolerance_ms)
        audit.furthest_ms = max(audit.furthest_ms, int(off_ms.max(initial=0)))
        wrong = np.flatnonzero(used < 0)
        if len(wrong):
            audit.altered += len(wrong)
            i = wrong[0]
            audit.note(f"channel {channel}: {own.value[i]} at {own.time_ms[i]} was never in its register then")
        free = np.ones(len(t), np.bool_)
        free[used[used >= 0]] = False
        dead = [g.until(s.time_ms) for g in gaps.get(channel, ())]
        for i in np.flatnonzero(free).tolist():
            at, value = int(t.time_ms[i]), float(t.value[i])
            if _excused(at, dead, tolerance_ms) or _held(s, at, value, band, tolerance_ms):
                continue
            if _between(own, at, value, band, (given_up or {}).get(channel, ()), tolerance_ms):
                continue
            audit.outside_deadband += 1
            audit.note(f"channel {channel}: {value} at {at} is not within {band} of what is stored")
    return audit


def _match(truth: ReadingBatch, stored: ReadingBatch, tolerance_ms: int) -> tuple[Int64s, Int64s]:
    """For each stored row the truth row it came from; -1 for none. One to one, in order of time. And how far the
    nearest is that it can have come from."""
    out, off_ms = np.full(len(stored), -1, np.int64), np.zeros(len(stored), np.int64)
    times: Int64s = truth.time_ms
    values: Float64s = truth.value
    next_free = 0
    for i, (at, value) in enumerate(zip(stored.time_ms.tolist(), stored.value.tolist(), strict=True)):
        low = max(next_free, int(np.searchsorted(times, at - tolerance_ms)))
        high = int(np.searchsorted(times, at + tolerance_ms, side="right"))
        same = np.flatnonzero(np.abs(values[low:high] - value) <= _EPSILON)
        if len(same):
            # The last one not after the stamp is the likeliest; of equal values any serves.
            before = same[times[low + same] <= at + 1000]
            j = low + int(before[-1] if len(before) else same[0])
            out[i] = j
            off_ms[i] = np.abs(times[low + same] - at).min()
            next_free = j + 1
    return out, off_ms


def _excused(at: int, gaps: Sequence[Gap], tolerance_ms: int) -> bool:
    return any(g.start_ms - tolerance_ms <= at <= g.end_ms + tolerance_ms for g in gaps)


def _held(stored: ReadingBatch, at: int, value: float, band: float, tolerance_ms: int) -> bool:
    """Whether a stored value that could be held at that time is near, or the sensor counted as missing then."""
    first = max(int(np.searchsorted(stored.time_ms, at - tolerance_ms, side="right")) - 1, 0)
    last = int(np.searchsorted(stored.time_ms, at + tolerance_ms, side="right"))
    near = stored.value[first:last]
    missing = stored.flag[first:last] == Flag.MISSING
    return bool(np.any(missing | (np.abs(near - value) <= band + 1e-6)))


def _between(
    stored: ReadingBatch, at: int, value: float, band: float, given_up: Sequence[GivenUp], tolerance_ms: int
) -> bool:
    """Whether a reading went by thinning, within the least and greatest that were kept of its interval, or was dropped
    and counted."""
    for g in given_up:
        if not g.start_ms - tolerance_ms <= at <= g.end_ms + tolerance_ms:
            continue
        if g.interval_ms == 0:
            return True
        first = (at - tolerance_ms) // g.interval_ms * g.interval_ms
        last = ((at + tolerance_ms) // g.interval_ms + 1) * g.interval_ms
        kept = stored.value[np.searchsorted(stored.time_ms, first) : np.searchsorted(stored.time_ms, last)]
        kept = kept[~np.isnan(kept)]
        if len(kept) and kept.min() - band - 1e-6 <= value <= kept.max() + band + 1e-6:
            return True
    return False


def count(
    found: Audit,
    totals: Mapping[int, Mapping[str, int]],
    stored: ReadingBatch,
    logged: Mapping[int, int],
    aside: Mapping[int, int],
) -> None:
    """Adds what the agents counted, and what is lost or doubled by that; all by channel.

    totals: by the agents. logged: rows in the log. aside: readings in quarantine. Reported readings each have a row; a
    correction may add the row of one that was suppressed, no more.
    """
    kept = rows_by_channel(stored.channel)
    for channel, counts in totals.items():
        have = kept.get(channel, 0)
        found.made += counts["made"]
        found.reported += counts["reported"]
        found.suppressed += counts["suppressed"]
        gone = counts["thinned"] + counts["dropped"]
        found.thinned += counts["thinned"]
        found.dropped += counts["dropped"]
        kept_aside = aside.get(channel, 0)
        short = max(counts["reported"] - gone - have - kept_aside, logged.get(channel, 0) - have, 0)
        over = max(have + kept_aside - counts["reported"] - counts["corrected"], 0)
        if short:
            what = f"{gone} given up, {kept_aside} quarantined, {have} stored"
            found.note(f"channel {channel}: {counts['reported']} reported, {what}")
        if over:
            found.note(f"channel {channel}: {have} stored, only {counts['reported']} reported")
        found.lost += short
        found.doubled += over


def rows_by_channel(channels: NDArray[Any]) -> dict[int, int]:
    number, rows = np.unique(channels, return_counts=True)
    return dict(zip(number.tolist(), rows.tolist(), strict=True))
