"""How the spool makes room: merge, then thin, then drop; the oldest calm data first, alarms last.

Only what never left the gateway may be changed, or a late copy of it would be counted twice; what may have left can
only be dropped. Every step is one transaction together with the counts of what it cost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from contract.readings import ReadingBatch
from contract.wire.batch import decode_batch
from contract.wire.envelope import Lane, WireError
from edge_agent.spool.file import GivenUp, SpoolCorrupt
from edge_agent.spool.store import Spool, Spooled
from edge_agent.spool.thinning import MERGED, ROUNDS_MS, once, removed_by_channel, thin

_MERGE_AT = 256  # small batches that are worth a merge
_MERGE_MAX = 512
_THIN_MAX = 4000
_THIN_SPAN_MS = 3_600_000
_DROP_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Replaced:
    """Batches that went, and those that came for them."""

    gone: Sequence[int]
    new: Sequence[Spooled] = field(default=())


def merge(spool: Spool, flying: Collection[int], before_ms: int) -> Replaced | None:
    """Many small batches spooled before `before_ms` into few, nothing lost: an outage of days must cost disk, not
    memory. None when there are too few. Raises SpoolFull, SpoolCorrupt."""
    if spool.unsure:
        return None
    for lane in (Lane.LIVE, Lane.ALARM):
        where = f"sent = 0 and interval_ms = 0 and lane = {int(lane)} and created_ms < {before_ms:d}"
        rows = _alike(spool.oldest(where, _MERGE_MAX), flying)
        if len(rows) >= _MERGE_AT:
            to = lane if lane is Lane.ALARM else Lane.HISTORY
            seqs = [r.seq for r in rows]
            new = spool.replace(seqs, readings_of(spool, rows), to, rows[0].created_ms, MERGED, rows[0].stamp, {})
            return Replaced(seqs, new)
    return None


def make(spool: Spool, flying: Collection[int], may_drop: bool = True) -> Replaced | None:
    """One step towards room. None when nothing is left that may go. Raises SpoolFull, SpoolCorrupt."""
    return _thin(spool, flying) or (_drop(spool) if may_drop else None)


def readings_of(spool: Spool, rows: Sequence[Spooled]) -> ReadingBatch:
    """Of batches in the spool, in their order. Raises SpoolCorrupt."""
    parts = []
    for row in rows:
        try:
            parts.append(decode_batch(spool.payload(row.seq) or b"").readings)
        except WireError as error:
            raise SpoolCorrupt(f"{spool.path}: batch {row.seq}: {error}") from error
    return ReadingBatch.concat(parts)


def _thin(spool: Spool, flying: Collection[int]) -> Replaced | None:
    if spool.unsure:
        return None
    for interval_ms in ROUNDS_MS:
        where = f"sent = 0 and timed = 1 and interval_ms < {interval_ms} and lane != {int(Lane.ALARM)}"
        rows = _alike(spool.oldest(where, _THIN_MAX), flying)
        if not rows:
            continue
        end_ms = rows[0].created_ms + max(_THIN_SPAN_MS, 4 * interval_ms)
        rows = [r for r in rows if r.created_ms < end_ms]
        before = once(readings_of(spool, rows))
        after = thin(before, interval_ms)
        counts = {c: {"thinned": n} for c, n in removed_by_channel(before, after).items()}
        span = GivenUp(int(before.time_ms.min()), int(before.time_ms.max()), interval_ms) if counts else None
        seqs = [r.seq for r in rows]
        new = spool.replace(seqs, after, Lane.HISTORY, rows[0].created_ms, interval_ms, rows[0].stamp, counts, span)
        return Replaced(seqs, new)
    return None


def _drop(spool: Spool) -> Replaced | None:
    for lanes in (f"lane != {int(Lane.ALARM)}", f"lane = {int(Lane.ALARM)}"):
        rows = spool.oldest(lanes, _DROP_AT_ONCE)
        if not rows:
            continue
        lost = once(readings_of(spool, rows))
        counts = {c: {"dropped": n} for c, n in removed_by_channel(lost, ReadingBatch.empty()).items()}
        span = GivenUp(int(lost.time_ms.min()), int(lost.time_ms.max()), 0)
        seqs = [r.seq for r in rows]
        spool.replace(seqs, ReadingBatch.empty(), Lane.HISTORY, 0, 0, rows[0].stamp, counts, span)
        return Replaced(seqs)
    return None


def _alike(rows: Sequence[Spooled], flying: Collection[int]) -> list[Spooled]:
    """Of those not on the way, the ones stamped by the same clock as the first."""
    free = [r for r in rows if r.seq not in flying]
    return [r for r in free if r.stamp == free[0].stamp]
