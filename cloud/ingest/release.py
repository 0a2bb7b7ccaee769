"""Letting refused batches in after the cause is mended: a person's decision, and what follows from it.

The batch goes through the checks of admission again. The decision and the batch are appended to the log together, so
there is no moment in which one is there without the other; only the mark in quarantine comes later, and when a crash
comes before it, the next release of the same batch finds it in the log and sets the mark.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cloud.ingest.admission import Admission, InboundMessage, Refusal
from cloud.ingest.quarantine import Quarantine, QuarantinedBatch
from cloud.log.base import START, BatchLog, EntryKind
from cloud.log.decision import OF_RELEASES, Decision, DecisionKind, entry_of, known_by
from contract.wire.envelope import RefusalReason

# Releases before decisions logged a batch under another spool: its own has counted its sequence as seen since it was
# refused. A gateway could name such a spool; nobody can name what `known_by` gives.
_EARLIER_MASK = 0xFFFF_FFFF_FFFF_FFFF
_READ_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Released:
    stored: int
    still_refused: int


def release(
    quarantine: Quarantine, admission: Admission, batch_log: BatchLog, now_ms: int, who: str = "shell"
) -> Released:
    """Everything that now passes. Doing it twice stores nothing twice. who: decides it, as in the audit record."""
    stored = refused = 0
    for number in quarantine.numbers():
        kept = quarantine.one(number)
        if kept is None:
            continue
        earlier = released_earlier(kept, batch_log)
        if release_one(kept, quarantine, admission, batch_log, now_ms, who, earlier):
            refused += 1
        else:
            stored += 1
    return Released(stored, refused)


def release_one(
    kept: QuarantinedBatch,
    quarantine: Quarantine,
    admission: Admission,
    batch_log: BatchLog,
    now_ms: int,
    who: str,
    earlier: bool,
) -> Refusal | None:
    """Why it is still refused: then nothing is written. None: it is in the log, once. earlier: see `released_earlier`.

    Raises what the stores raise when they cannot write; the batch goes on waiting then.
    """
    found = admission.sort_out([InboundMessage(kept.topic, kept.payload)], now_ms)
    if found.refusals:
        return found.refusals[0]
    (batch,) = found.entries
    if True in found.said[batch.gateway] and not admission.origins.said(batch.gateway):
        why = f"its readings are of a simulation, and {batch.gateway} is of a real place now"
        return Refusal(kept.topic, batch.gateway, batch.spool, batch.seq, RefusalReason.SIMULATED, why, kept.payload)
    digest = hashlib.sha256(kept.topic.encode() + b"\0" + kept.payload).hexdigest()
    decision_id = f"{OF_RELEASES}{digest}"
    if not earlier:
        target = f"{kept.gateway}/{kept.spool:016x}/{kept.seq}"
        reason = {"quarantine": kept.id, "refused": kept.reason.value}
        decision = Decision(decision_id, DecisionKind.RELEASE, who, now_ms, target, reason)
        entry = batch._replace(known_by=known_by(f"batch of {decision_id}"))
        _, stored = batch_log.append([entry_of(decision), entry], now_ms)
        if not stored and not _holds(batch_log, batch.gateway, batch.spool, batch.seq, kept.payload):
            why = "the log knows the batch's identity already and does not hold it: nothing is stored, and it goes on"
            return Refusal(
                kept.topic, kept.gateway, kept.spool, kept.seq, kept.reason, f"{why} waiting; report it", kept.payload
            )
    quarantine.released([kept.id], now_ms)
    return None


def released_earlier(kept: QuarantinedBatch, batch_log: BatchLog) -> bool:
    """Whether an earlier release of Headwater stored it and was stopped before it could mark it in quarantine.

    A gateway that names such a spool has the whole log read for it: so nobody may wait for this, and it is to be asked
    before the receiver's lock is taken. Nothing writes such an entry any more, so the answer stands.
    """
    spool = kept.spool ^ _EARLIER_MASK
    return batch_log.seen.was_seen((kept.gateway, spool, kept.seq)) and _holds(
        batch_log, kept.gateway, spool, kept.seq, kept.payload
    )


def _holds(batch_log: BatchLog, gateway: str, spool: int, seq: int, payload: bytes) -> bool:
    cursor = START
    while entries := batch_log.read(cursor, _READ_AT_ONCE):
        cursor = entries[-1].offset
        if any(
            (e.kind, e.gateway, e.spool, e.seq, e.payload) == (EntryKind.BATCH, gateway, spool, seq, payload)
            for e in entries
        ):
            return True
    return False
