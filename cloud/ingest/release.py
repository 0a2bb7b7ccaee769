"""Letting refused batches in after the cause is mended: they go through the receiver's checks again."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.ingest.admission import Admission, InboundMessage, Refusal
from cloud.ingest.quarantine import Kept, Quarantine
from cloud.log.base import BatchLog

# A released batch is logged under another spool: its own has counted this sequence as seen since it was refused.
_RELEASED = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Released:
    stored: int
    still_refused: int


def release(quarantine: Quarantine, receiver: Admission, batch_log: BatchLog, now_ms: int) -> Released:
    """Everything that now passes. Doing it twice stores nothing twice."""
    stored = refused = 0
    for kept in quarantine.waiting(limit=10**9):
        if release_one(kept, quarantine, receiver, batch_log, now_ms):
            refused += 1
        else:
            stored += 1
    return Released(stored, refused)


def release_one(
    kept: Kept, quarantine: Quarantine, receiver: Admission, batch_log: BatchLog, now_ms: int
) -> Refusal | None:
    """Why it is still refused; None: it is in the log."""
    found = receiver.sort_out([InboundMessage(kept.topic, kept.payload)], now_ms)
    if found.refusals:
        return found.refusals[0]
    batch_log.append([e._replace(spool=e.spool ^ _RELEASED) for e in found.entries], now_ms)
    quarantine.released([kept.id], now_ms)
    return None
