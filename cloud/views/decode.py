"""Log entries -> readings, many at once."""

from __future__ import annotations

from collections.abc import Sequence

from cloud.log.base import Entry, EntryKind
from cloud.views.base import Poisoned
from contract.readings import ReadingBatch
from contract.wire import WireError, columns, parse_batch


def readings(entries: Sequence[Entry]) -> ReadingBatch:
    """All readings of the entries, in log order; ticks have none. Raises Poisoned on the first that cannot be read."""
    batches = [e for e in entries if e.kind is EntryKind.BATCH]
    try:
        return columns([parse_batch(e.payload) for e in batches])
    except WireError:
        for e in batches:
            try:
                columns([parse_batch(e.payload)])
            except WireError as error:
                raise Poisoned(e.offset, str(error)) from error
        raise
