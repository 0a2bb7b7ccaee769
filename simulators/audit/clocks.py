"""What the audit must know besides when gateways' clocks were wrong: when each agent truly ran, and what is quarantined
because nobody could say when it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cloud.ingest.quarantine import Quarantine
from contract.readings import ReadingBatch
from contract.wire.batch import decode_batch
from contract.wire.envelope import RefusalReason
from edge_agent.spool.file import Run

_OF_TIME = (RefusalReason.CLOCK_UNSYNCHRONISED, RefusalReason.TIME_PAST, RefusalReason.TIME_FUTURE)


def runs_of(lives: Sequence[Mapping[str, Any]]) -> list[Run]:
    """As the spool would tell them, had its clock been right. lives: see `simulators.demo.machines.Life`."""
    ends: list[int | None] = [None, *(life["ended_ms"] for life in lives)]
    return [Run(life["started_ms"], end) for life, end in zip(lives, ends, strict=False)]


def wrong_lives(lives: Sequence[Mapping[str, Any]], ended_ms: int) -> list[tuple[int, int]]:
    """From, to, true ms: of those in which the wall clock was wrong from the start."""
    return [(x["started_ms"], ended_ms if x["ended_ms"] is None else x["ended_ms"]) for x in lives if x["wall_ms"]]


def undated(data_dir: Path) -> dict[int, ReadingBatch]:
    """By channel, what waits in a cloud's quarantine for its times: each reading once, with the times it came with."""
    quarantine = Quarantine(data_dir / "quarantine.sqlite")
    try:
        kept = [k for k in quarantine.waiting(limit=10**9) if k.reason in _OF_TIME]
    finally:
        quarantine.close()
    rows = ReadingBatch.concat([decode_batch(k.payload).readings for k in kept])
    out = {}
    for channel in np.unique(rows.channel).tolist():
        own = rows.take(rows.channel == channel)
        _, first = np.unique(own.time_ms, return_index=True)
        out[channel] = own.take(np.sort(first))
    return out


def strangers(own: ReadingBatch, truth: ReadingBatch, spans: Sequence[tuple[int, int]], slack_ms: int) -> int:
    """How many values of a channel in quarantine its register never held in any of these spans."""
    held = np.zeros(len(truth), np.bool_)
    for start_ms, end_ms in spans:
        held |= (truth.time_ms >= start_ms - slack_ms) & (truth.time_ms <= end_ms + slack_ms)
    known = own.value[~np.isnan(own.value)]
    near = np.abs(known[:, None] - truth.value[held][None, :]) <= 1e-9
    return int(np.count_nonzero(~near.any(axis=1)))
