"""A gateway with a clock of its own, its link and its cloud, played second by second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.readings import ReadingBatch
from contract.wire.ack import Ack, encode_ack
from contract.wire.batch import decode_batch
from contract.wire.birth import decode_birth
from contract.wire.envelope import Lane
from contract.wire.state import decode_state
from contract.wire.topics import TopicKind, parse_topic
from edge_agent.timesync.now import Now
from edge_agent.timesync.timekeeping import Timekeeper
from tests.edge_agent.support import START_MS, Cloud, database_at, session_of, store_of

DAY_MS = 86_400_000


class Gateway:
    """True time passes in `run`; the crystal may be fast, the wall clock anywhere. Values are true times.

    cloud_hears: else it takes what it is sent from a queue, but is not there to answer. delay_ms: of its answers.
    """

    def __init__(
        self,
        folder: Path,
        wall_off_ms: int,
        ppm: float = 0,
        boot: str = "b1",
        true_ms: int = START_MS,
        born_ms: int | None = None,
    ) -> None:
        self.true_ms, self.ppm, self.wall_off_ms = true_ms, ppm, wall_off_ms
        self.born_ms = true_ms - 5000 if born_ms is None else born_ms
        self.database = database_at(folder)
        self.database.skip_sync()
        self.keeper = Timekeeper(boot, self.wall, self.mono)
        self.store = store_of(self.database, self.keeper, self.now)
        self.session = session_of(self.store, now=self.now)
        self.linked = False
        self.cloud_tells = self.cloud_hears = True
        self.delay_ms = 200
        self.cloud = Cloud()

    @property
    def mono(self) -> int:
        return 100_000 + round((self.true_ms - self.born_ms) * (1 + self.ppm / 1e6))

    @property
    def wall(self) -> int:
        return self.true_ms + self.wall_off_ms

    @property
    def now_s(self) -> float:
        return self.mono / 1000

    @property
    def now(self) -> Now:
        return Now(self.now_ms, self.now_s)

    @property
    def now_ms(self) -> int:
        return self.keeper.now_ms(self.wall, self.mono)

    def run(self, seconds: int, step_s: int = 1, read: bool = True) -> None:
        for _ in range(0, seconds, step_s):
            self.true_ms += step_s * 1000
            now_ms = self.now_ms
            if read:
                batch = ReadingBatch.of([now_ms], [1], [self.true_ms / 1000])
                self.store.add(batch, Lane.LIVE, {1: {"reported": 1}}, self.now)
            if self.linked:
                self.exchange(self.session.due(self.now))

    def link(self) -> None:
        self.linked = True
        self.exchange(self.session.link_up(self.now))

    def cut(self) -> None:
        self.linked = False
        self.session.link_down(self.now)

    def exchange(self, publications) -> None:
        for p in publications:
            topic = parse_topic(p.topic)
            assert topic is not None
            ack = None
            if not self.cloud_hears:
                continue
            if topic.kind is TopicKind.BIRTH:
                said = decode_birth(p.payload)
                ack = Ack(said.spool, 0, (), None, self._answered_ms(), said.asked_ms)
            elif topic.kind is TopicKind.STATE:
                state = decode_state(p.payload)
                ack = Ack(state.spool, 0, (), None, self._answered_ms(), state.asked_ms)
            elif topic.kind in (TopicKind.ALARM, TopicKind.LIVE, TopicKind.HISTORY):
                batch = decode_batch(p.payload)
                self.cloud.twice += (batch.spool, batch.seq) in self.cloud.batches
                self.cloud.batches[batch.spool, batch.seq] = batch
                ack = Ack(batch.spool, 0, (batch.seq,))
            if ack is not None and ack.cloud_ms and not self.cloud_tells:
                ack = Ack(ack.spool, 0)
            if ack is not None:
                self.session.take_ack(encode_ack(ack), self.now)

    def _answered_ms(self) -> int:
        """A round trip, and what the cloud said on the way: of its delay most is before."""
        self.true_ms += self.delay_ms
        return self.true_ms - self.delay_ms // 4

    def errors_s(self, synchronised: bool = True) -> np.ndarray:
        parts = [b.readings for b in self.cloud.batches.values() if b.clock_synchronised == synchronised]
        got = ReadingBatch.concat(parts)
        return np.abs(got.time_ms / 1000 - got.value)
