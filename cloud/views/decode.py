"""Log entries -> readings, decisions and origins, many at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from cloud.log.base import Entry, EntryKind
from cloud.log.decision import Decision, DecisionError, decode_decision
from cloud.log.origin import Origin, OriginError, decode_origin
from cloud.views.base import Poisoned
from contract.readings import Int64s, ReadingBatch
from contract.wire.batch import columns, parse_batch
from contract.wire.envelope import WireError

_SENT = (EntryKind.BATCH,)
_WITH_IMPORTED = (EntryKind.BATCH, EntryKind.IMPORTED)


def readings(entries: Sequence[Entry]) -> ReadingBatch:
    """All readings of the entries, in log order, imported ones too. Raises Poisoned on the first that is unreadable."""
    return _decoded(entries, _WITH_IMPORTED)[0]


def readings_and_entries(entries: Sequence[Entry]) -> tuple[ReadingBatch, Int64s]:
    """What gateways sent, and the place in `entries` of the one that each reading came with; nothing of what was
    imported, which warns of nothing. Raises Poisoned, see `readings`."""
    return _decoded(entries, _SENT)


def _decoded(entries: Sequence[Entry], kinds: Collection[EntryKind]) -> tuple[ReadingBatch, Int64s]:
    batches = [(i, e) for i, e in enumerate(entries) if e.kind in kinds]
    try:
        parsed = [parse_batch(e.payload) for _, e in batches]
        counts = np.fromiter((p.count for p in parsed), np.int64, len(parsed))
        return columns(parsed), np.repeat(np.array([i for i, _ in batches], np.int64), counts)
    except WireError:
        for _, e in batches:
            try:
                columns([parse_batch(e.payload)])
            except WireError as error:
                raise Poisoned(e.offset, str(error)) from error
        raise


def decisions_of(entries: Sequence[Entry]) -> list[tuple[Decision, ...]]:
    """What a person decided in each entry: one decision, or none. Raises Poisoned on the first that is unreadable."""
    return [(_decision(e),) if e.kind is EntryKind.DECISION else () for e in entries]


def _decision(entry: Entry) -> Decision:
    try:
        return decode_decision(entry.payload)
    except DecisionError as error:
        raise Poisoned(entry.offset, str(error)) from error


def origins_of(entries: Sequence[Entry]) -> list[tuple[Origin, ...]]:
    """What was said in each entry of where a gateway's readings come from: one origin, or none.

    Raises Poisoned on the first that is unreadable.
    """
    return [(_origin(e),) if e.kind is EntryKind.ORIGIN else () for e in entries]


def _origin(entry: Entry) -> Origin:
    try:
        return decode_origin(entry.payload)
    except OriginError as error:
        raise Poisoned(entry.offset, str(error)) from error


def without(entries: Sequence[Entry], aside: Collection[int]) -> list[Entry]:
    """The entries, with a tick in the place of each that is set aside: of that one only its time is left, and how
    entries are cut into calls makes no difference."""
    return [e._replace(kind=EntryKind.TICK, payload=b"") if e.offset in aside else e for e in entries]
