"""Four mistakes that others have made, to be planted on purpose: a campaign that does not find them is worth nothing.

Each wraps production code while it lasts; production code knows nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cloud.ingest.admission import InboundMessage
from cloud.ingest.ingest import Ingest
from cloud.views import decode
from contract.conditions.columns import NEVER, NO_LEVEL, NORMAL, UNKNOWN, State
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions, Outcome
from contract.conditions.state import Change, ConditionState, Reason
from contract.readings import Int64s
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import decode_batch
from contract.wire.envelope import WireError
from contract.wire.topics import Topic, TopicKind, parse_topic
from edge_agent.spool.database import SpoolDatabase


@contextmanager
def _replaced(owner: type | ModuleType, name: str, new: object) -> Iterator[None]:
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


def acknowledge_before_commit() -> AbstractContextManager[None]:
    """The cloud says thank you first, and writes when the next message comes."""
    take = Ingest.take
    later: dict[int, tuple[list[InboundMessage], int]] = {}

    def hasty(self: Ingest, group: Sequence[InboundMessage], now_ms: int) -> list[InboundMessage]:
        for message, then_ms in [(m, t) for m, t in [later.pop(id(self), ([], 0))] if m]:
            take(self, message, then_ms)
        later[id(self)] = (list(group), now_ms)
        return [thanks for message in group if (thanks := _thanks(message)) is not None]

    return _replaced(Ingest, "take", hasty)


def forget_sequence_on_restart() -> AbstractContextManager[None]:
    """The gateway counts on from the highest number that still waits, not from the highest it ever gave."""
    begin = SpoolDatabase.__init__

    def forgetful(self: SpoolDatabase, path: Path, *args: Any, **named: Any) -> None:
        if path.exists():
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                (highest,) = db.execute("select coalesce(max(seq), 0) from batch").fetchone()
                db.execute("update meta set value = ? where key = 'next_seq'", (highest + 1,))
        begin(self, path, *args, **named)

    return _replaced(SpoolDatabase, "__init__", forgetful)


def clear_on_stale() -> AbstractContextManager[None]:
    """A sensor that has fallen silent counts as dry."""
    steps = Conditions.steps

    def careless(
        self: Conditions, state: State, found: Findings, entry: Int64s, now_ms: Int64s
    ) -> tuple[State, Outcome]:
        state, out = steps(self, state, found, entry, now_ms)
        for row in np.flatnonzero((state.state == UNKNOWN) & (state.reading_ms != NEVER)).tolist():
            c, last = state.at(row), len(now_ms) - 1
            state.state[row], state.level[row], state.set_ms[:, row] = NORMAL, NO_LEVEL, NEVER
            silent = (int(now_ms[-1]), ConditionState.NORMAL, None, ConditionState.UNKNOWN, c.level)
            out.changes.append((last, Change(c.key, c.channel, *silent, Reason.SILENT, c.value)))
            out.stands.append((last, state.at(row)))
        return state, out

    return _replaced(Conditions, "steps", careless)


def imported_as_sent() -> AbstractContextManager[None]:
    """What warns is read as what is stored is: a table of history raises a level."""
    return _replaced(decode, "_SENT", decode._WITH_IMPORTED)


BUGS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "forget-sequence-on-restart": forget_sequence_on_restart,
    "clear-on-stale": clear_on_stale,
    "imported-as-sent": imported_as_sent,
}


def planted(name: str | None) -> AbstractContextManager[None]:
    """Raises KeyError for a bug that nobody has thought of."""
    return nullcontext() if name is None else BUGS[name]()


def _thanks(message: InboundMessage) -> InboundMessage | None:
    """The acknowledgement of what a message holds, as if that were durable; None when it holds no batch."""
    topic = parse_topic(message.topic)
    if topic is None:
        return None
    try:
        batch = decode_batch(message.payload)
    except WireError:
        return None
    ack = Ack(batch.spool, 0, (batch.seq,))
    return InboundMessage(str(Topic(topic.district, topic.gateway, TopicKind.ACK)), encode_ack(ack))
