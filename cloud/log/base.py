"""The batch log: what was received, in the order it became durable. Everything else in the cloud is a view of it.

Two contracts. `BatchLog` appends and reads. `SeenStore` knows which batches were ever taken, and goes on knowing when
old rows of the log are gone. An engine keeps both in step: what `append` writes and what it makes seen become durable
together. Engines stand in modules of this folder and are named in `cloud.log.open`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, NewType, Protocol

from contract.wire.envelope import Lane

# A place in a log: everything up to it was read. Opaque to whoever holds it: kept, compared for equality and handed
# back, never reckoned with; how far two places are apart only their log can say (`BatchLog.behind`).
Cursor = NewType("Cursor", int)
START = Cursor(0)  # before the first entry

# gateway, spool, sequence: what a batch is known by
Key = tuple[str, int, int]


class LostBatches(NamedTuple):
    """Sequences of one spool, first to last, both among them."""

    gateway: str
    spool: int
    first: int
    last: int


class EntryKind(IntEnum):
    """What an entry of the log is. The numbers stand in files: they keep their meaning."""

    BATCH = 0  # payload is one wire batch, as it came
    TICK = 1  # no payload: time went on. Lets views see silence, live and in replay alike
    DECISION = 2  # payload is what a person did: see `cloud.log.decision`
    ORIGIN = 3  # payload is whether a gateway is simulated: see `cloud.log.origin`
    CLOCK = 4  # payload is how the log's time was put right: see `cloud.log.correction`
    IMPORTED = 5  # as BATCH, out of a table that somebody gave: history, which views of values take and warnings never


# Kinds of which there are few: `BatchLog.notes` finds them without reading the rest.
NOTES = frozenset({EntryKind.ORIGIN, EntryKind.CLOCK})


# Entries are tuples: there is one for every message, and a frozen dataclass takes four times as long to build.


class NewEntry(NamedTuple):
    """One entry to append. time_min_ms, time_max_ms: of a batch's readings, UTC.

    known_by: what it is seen as, so that it is appended once; None: its gateway, spool and sequence.
    """

    gateway: str
    spool: int
    seq: int
    lane: Lane
    time_min_ms: int
    time_max_ms: int
    payload: bytes
    kind: EntryKind = EntryKind.BATCH
    known_by: Key | None = None


class Entry(NamedTuple):
    """One row of the log.

    offset: rises strictly, with holes (an offset is no count); the cursor of who has read so far.
    append_ms: orders entries in time: it never falls from one to the next.
    now_ms: UTC ms at which it became durable, by the cloud's clock as it was believed then. It is the only *now* a view
    may know, so that a replay sees what the live run saw. It is append_ms, unless the log was once ahead of time: then
    it is less by ahead_ms, and at the entry of kind CLOCK that says so it falls.
    """

    offset: Cursor
    append_ms: int
    kind: EntryKind
    gateway: str
    spool: int
    seq: int
    lane: Lane
    time_min_ms: int
    time_max_ms: int
    payload: bytes
    ahead_ms: int = 0

    @property
    def now_ms(self) -> int:
        return self.append_ms - self.ahead_ms


class SeenStore(Protocol):
    """Which batches were ever taken, by (gateway, spool, sequence). Durable on return; safe from any thread.

    Kept as a contiguous prefix of each spool and the runs of sequences above it, with a gap before each.
    """

    def was_seen(self, key: Key) -> bool: ...

    def acknowledged(self, gateway: str, spool: int) -> tuple[int, int]:
        """The contiguous prefix of durable sequences of a spool, and the highest of all; 0: none."""
        ...

    def gaps(self, gateway: str, spool: int) -> int | None:
        """How many gaps a spool has; None: nothing was heard of it."""
        ...

    def opens_gap(self, key: Key) -> bool:
        """Whether its spool would have one more gap if this came."""
        ...

    def settled(self, gateway: str, spool: int, floor: int) -> None:
        """The gateway waits for nothing below `floor`: what is missing there it gave up and counted. The prefix goes to
        floor - 1; a late copy from below counts as seen. A spool never heard of is left alone, but for what is lost
        of it, see `BatchLog.put_back`."""
        ...


class BatchLog(Protocol):
    """Safe for any number of appending and reading threads. What a disk refuses raises sqlite3.Error or OSError."""

    @property
    def seen(self) -> SeenStore:
        """What this log has taken; in step with it."""
        ...

    def append(self, entries: Sequence[NewEntry], now_ms: int, kept_elsewhere: Sequence[Key] = ()) -> Sequence[bool]:
        """All or nothing, durable on return. False for each entry that was seen before (harmless: it is not appended).

        now_ms: as believed; where it is less than that of the entry before, the new ones get that one's.
        kept_elsewhere: batches that are durable in another place and never come here; they count as seen.
        """
        ...

    def tick(self, now_ms: int) -> None:
        """Append a TICK. now_ms: as in `append`."""
        ...

    def put_right(self, now_ms: int, payload: bytes) -> None:
        """Append a CLOCK of this payload, whose *now* and that of all behind it goes by now_ms, though it is less than
        that of the entry before."""
        ...

    def now_ms(self) -> int:
        """The *now* of the last entry; 0 when there is none."""
        ...

    def notes(self, kind: EntryKind) -> Sequence[Entry]:
        """Every entry of one of `NOTES`, in order."""
        ...

    def trim(self, until: Cursor) -> int:
        """Batches, imported ones too, and ticks up to there go, but for the last entry; how many. All else stays: what
        people decided, notes, what was seen, and that no offset is given twice. Others append meanwhile."""
        ...

    def put_back(self) -> None:
        """The log is a copy, put back as it once was. From now on it names what it has lost: what gateways no longer
        wait for and it never had."""
        ...

    def lost(self) -> Sequence[LostBatches]:
        """What was found lost since `put_back`, by gateway, spool and sequence. Empty for a log that never was."""
        ...

    def read(self, after: Cursor, limit: int) -> Sequence[Entry]:
        """Up to `limit` entries behind `after`, in order; fewer where they are large, and empty at the end alone."""
        ...

    def place_at(self, time_ms: int) -> Cursor:
        """A place with every entry behind it whose *now* is `time_ms` or later, and few of those before."""
        ...

    def tail(self, most: int) -> Sequence[Entry]:
        """The last entries, at most so many, in order."""
        ...

    def end(self) -> Cursor:
        """The place behind the last entry."""
        ...

    def behind(self, cursor: Cursor) -> int:
        """At most so many entries lie between `cursor` and the end; 0: none."""
        ...

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        """Block until there is an entry behind `after`; False on time-out. Real seconds."""
        ...

    def close(self) -> None: ...
