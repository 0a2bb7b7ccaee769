"""Rows of a table -> entries of the log, the same ones whenever the same file is read by the same mapping. Pure.

Each gateway's channels make batches of their own, as that gateway would have sent them. What they are known by is made
of the file and the mapping, under an empty gateway id, which no gateway can name: so a file is in the log once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from cloud.imports.table import Row
from cloud.log.base import EntryKind, NewEntry
from contract.catalogue.catalogue import ChannelInfo
from contract.quality.tests import QualityTests
from contract.readings import ReadingBatch
from contract.wire.batch import WireBatch, encode_batch
from contract.wire.envelope import Lane

_READINGS = 4096
_SPAN_MS = 20 * 86_400_000  # a batch on the wire spans less than 24 days


def digest_of(table: bytes, mapping: bytes) -> str:
    """Of a file and how it is read: SHA-256, hexadecimal."""
    return hashlib.sha256(hashlib.sha256(table).digest() + hashlib.sha256(mapping).digest()).hexdigest()


def entries(
    rows: Iterable[Row], channels: Sequence[ChannelInfo], digest: str, computed: bool
) -> Iterator[tuple[NewEntry, int]]:
    """Each with the count of its readings. channels: by place. computed: flags are given by the catalogue's tests."""
    gateways = {c.gateway: _Gateway(c.gateway, channels, digest, computed) for c in channels}
    of_place = [gateways[c.gateway] for c in channels]
    for row in rows:
        for cell in row.cells:
            of_place[cell.place].held.append((row.time_ms, channels[cell.place].id, cell.value, int(cell.flag)))
        for gateway in gateways.values():
            if gateway.full(row.time_ms):
                yield from gateway.flush()
    for gateway in gateways.values():
        yield from gateway.flush()


class _Gateway:
    """What waits to be a batch of one gateway."""

    def __init__(self, name: str, channels: Sequence[ChannelInfo], digest: str, computed: bool) -> None:
        self.held: list[tuple[int, int, float, int]] = []
        self._name, self._seq = name, 0
        self._spool = int.from_bytes(hashlib.sha256(f"import:{digest}:{name}".encode()).digest()[:8], "big")
        self._tests = QualityTests.of([c for c in channels if c.gateway == name]) if computed else None
        self._state = self._tests.initial() if self._tests else None

    def full(self, time_ms: int) -> bool:
        return len(self.held) >= _READINGS or (bool(self.held) and time_ms - self.held[0][0] >= _SPAN_MS)

    def flush(self) -> Iterator[tuple[NewEntry, int]]:
        if not self.held:
            return
        readings = ReadingBatch.of(*map(list, zip(*self.held, strict=True)))
        self.held = []
        if self._tests is None or self._state is None:
            found = [readings]
        else:
            self._state, result = self._tests.step(self._state, readings)
            found = [readings.with_flags(result.flag), result.corrections]
        for batch in found:
            yield from self._entries(batch)

    def _entries(self, batch: ReadingBatch) -> Iterator[tuple[NewEntry, int]]:
        first = 0
        while first < len(batch):
            rest = batch.take(slice(first, first + _READINGS))
            near = abs(rest.time_ms - rest.time_ms[0]) < _SPAN_MS // 2
            part = rest if near.all() else rest.take(slice(0, int(near.argmin())))
            first += len(part)
            self._seq += 1
            payload = encode_batch(WireBatch(self._name, self._spool, self._seq, Lane.HISTORY, part))
            low, high = int(part.time_ms.min()), int(part.time_ms.max())
            known_by = ("", self._spool, self._seq)
            entry = NewEntry(
                self._name, self._spool, self._seq, Lane.HISTORY, low, high, payload, EntryKind.IMPORTED, known_by
            )
            yield entry, len(part)
