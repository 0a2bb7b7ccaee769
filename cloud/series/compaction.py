"""Merging segments: hours into days, days into months, each with its rollup. In order of sealing, so that the last word
of the log stays the last; by ranges of channels, so that a month never stands whole in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from cloud.series.columns import from_table, ordered
from cloud.series.files import SegmentFiles
from cloud.series.hourly import hourly_of
from cloud.series.manifest import Manifest, Segment
from contract.readings import ReadingBatch

DAY_MS = 86_400_000
_CHANNELS_AT_ONCE = 500
_HOUR_GRACE_MS = 3_600_000
_DAY_GRACE_MS = DAY_MS


def compact_days(manifest: Manifest, files: SegmentFiles, now_ms: int) -> None:
    """Every day that is over by an hour and has hour segments: they and the day's file become one."""
    days = sorted({start // DAY_MS for start in manifest.spans("raw", "hour")})
    for day in days:
        start, end = day * DAY_MS, (day + 1) * DAY_MS
        if now_ms < end + _HOUR_GRACE_MS or _month_of(start) in _months_done(manifest):
            continue
        old = manifest.segments("raw", "day", start, end) + manifest.segments("raw", "hour", start, end)
        _merge(manifest, files, "day", start, end, old, manifest.segments("hourly", "day", start, end))


def compact_months(manifest: Manifest, files: SegmentFiles, now_ms: int) -> None:
    """Every month that is over by a day: its days, its late hours and its own file become one."""
    months = {_month_of(s) for span in ("hour", "day") for s in manifest.spans("raw", span)}
    for start, end in sorted(months):
        if now_ms < end + _DAY_GRACE_MS:
            continue
        old = [s for span in ("month", "day", "hour") for s in manifest.segments("raw", span, start, end)]
        rollups = [s for span in ("month", "day") for s in manifest.segments("hourly", span, start, end)]
        _merge(manifest, files, "month", start, end, old, rollups)


def _merge(
    manifest: Manifest, files: SegmentFiles, span: str, start: int, end: int, old: list[Segment], rollups: list[Segment]
) -> None:
    # Older merges hold older words: a month before its days, a day before its late hours, as the lists are built.
    raw = files.write_raw(span, start, end, _ranges(manifest, files, old, start, end))
    hourly = files.write_hourly(
        span, start, end, (hourly_of(part) for part in _ranges(manifest, files, old, start, end))
    )
    manifest.commit([raw, hourly], remove=[s.id for s in (*old, *rollups)])


def _ranges(
    manifest: Manifest, files: SegmentFiles, old: list[Segment], start: int, end: int
) -> Iterator[ReadingBatch]:
    rank = {s.id: i for i, s in enumerate(old)}
    every = [g for g in manifest.find("raw", 0, 2**32, start, end) if g[0] in rank]
    every.sort(key=lambda g: (rank[g[0]], g[3]))
    edges = _edges(every)
    for low, high in itertools.pairwise(edges):
        parts = []
        for _, _, path, number, first, last in every:
            if first < high and last >= low:
                batch = from_table(files.table(path, number))
                parts.append(batch.take((batch.channel >= low) & (batch.channel < high)))
        whole = ordered(ReadingBatch.concat(parts))
        if len(whole):
            yield whole


def _edges(groups: list[tuple[int, str, str, int, int, int]]) -> list[int]:
    """Channel numbers that cut the groups into ranges of bounded size."""
    marks = np.unique([g[4] for g in groups])
    chosen = marks[:: max(1, _CHANNELS_AT_ONCE // 8)].tolist()
    return [*chosen, max(g[5] for g in groups) + 1]


def _month_of(ms: int) -> tuple[int, int]:
    first = datetime.fromtimestamp(ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp() * 1000), int(after.timestamp() * 1000)


def _months_done(manifest: Manifest) -> set[tuple[int, int]]:
    """Months that have a file: their late hours go straight into it."""
    return {_month_of(s) for s in manifest.spans("raw", "month")}
