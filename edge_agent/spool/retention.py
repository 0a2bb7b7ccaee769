"""How room is made: merge, then thin, then drop; the oldest calm data first, alarms last. Pure.

Here is decided what goes and what comes for it; the store reads the batches and carries it out. Only what never left
the gateway may be changed, or a late copy of it would be counted twice; what may have left can only be dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.spool.batches import Choice, GivenUp, Replacement, Spooled
from edge_agent.spool.thinning import MERGED, ROUNDS_MS, once, removed_by_channel, thin

_MERGE_AT = 256  # small batches that are worth a merge
_MERGE_MAX = 512
_THIN_MAX = 4000
_THIN_SPAN_MS = 3_600_000
_DROP_AT_ONCE = 16
_CALM = (Lane.LIVE, Lane.HISTORY)


def to_merge(before_ms: int) -> list[Choice]:
    """Where to look, in this order, for small batches spooled before `before_ms`, UTC."""
    return [
        Choice(_MERGE_MAX, (lane,), unsent=True, below_interval_ms=MERGED, before_ms=before_ms)
        for lane in (Lane.LIVE, Lane.ALARM)
    ]


def worth_merging(rows: Sequence[Spooled], on_the_way: Collection[int]) -> list[Spooled]:
    """Those of `rows` that may become one; empty when they are too few. on_the_way: sequences that may have left."""
    found = _alike(rows, on_the_way)
    return found if len(found) >= _MERGE_AT else []


def merged(rows: Sequence[Spooled], readings: ReadingBatch) -> Replacement:
    """Nothing is lost: an outage of days must cost disk, not memory. readings: of `rows`, in their order."""
    lane = Lane.ALARM if rows[0].lane is Lane.ALARM else Lane.HISTORY
    return Replacement(readings, lane, rows[0].created_ms, rows[0].stamp, {}, [r.seq for r in rows], MERGED)


def to_thin() -> list[tuple[int, Choice]]:
    """Intervals in ms, the finest first, and where to look for what each may thin."""
    return [(ms, Choice(_THIN_MAX, _CALM, unsent=True, timed=True, below_interval_ms=ms)) for ms in ROUNDS_MS]


def worth_thinning(rows: Sequence[Spooled], on_the_way: Collection[int], interval_ms: int) -> list[Spooled]:
    """Those of `rows` that are thinned together: stamped by one clock, and of a few intervals at most."""
    found = _alike(rows, on_the_way)
    if not found:
        return []
    end_ms = found[0].created_ms + max(_THIN_SPAN_MS, 4 * interval_ms)
    return [r for r in found if r.created_ms < end_ms]


def thinned(rows: Sequence[Spooled], readings: ReadingBatch, interval_ms: int) -> Replacement:
    """Of each interval the extremes stay (see `edge_agent.spool.thinning`). readings: of `rows`, in their order."""
    before = once(readings)
    after = thin(before, interval_ms)
    counts = {c: {"thinned": n} for c, n in removed_by_channel(before, after).items()}
    span = GivenUp(int(before.time_ms.min()), int(before.time_ms.max()), interval_ms) if counts else None
    seqs = [r.seq for r in rows]
    return Replacement(after, Lane.HISTORY, rows[0].created_ms, rows[0].stamp, counts, seqs, interval_ms, span)


def to_drop() -> list[Choice]:
    """Where to look, in this order, for what may go altogether."""
    return [Choice(_DROP_AT_ONCE, _CALM), Choice(_DROP_AT_ONCE, (Lane.ALARM,))]


def dropped(rows: Sequence[Spooled], readings: ReadingBatch) -> Replacement:
    """Nothing stays but the counts. readings: of `rows`, in their order."""
    lost = once(readings)
    counts = {c: {"dropped": n} for c, n in removed_by_channel(lost, ReadingBatch.empty()).items()}
    span = GivenUp(int(lost.time_ms.min()), int(lost.time_ms.max()), 0)
    seqs = [r.seq for r in rows]
    return Replacement(ReadingBatch.empty(), Lane.HISTORY, 0, rows[0].stamp, counts, seqs, 0, span)


def _alike(rows: Sequence[Spooled], on_the_way: Collection[int]) -> list[Spooled]:
    """Of those not on the way, the ones stamped by the same clock as the first."""
    free = [r for r in rows if r.seq not in on_the_way]
    return [r for r in free if r.stamp == free[0].stamp]
