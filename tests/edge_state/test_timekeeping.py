"""Boots in 1970, steps of a day, a fast crystal: readings end with right times, or quarantined and named."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.ack import Ack, encode_ack
from contract.birth import decode_birth
from contract.gateway_state import decode_state
from contract.readings import ReadingBatch
from contract.topics import Kind, parse_topic
from contract.wire import Lane, decode_batch
from edge_agent.sender import Sender
from edge_agent.timekeeping import STEP_MS, Timekeeper
from tests.edge_state.support import START_MS, Cloud, spool_at

DAY_MS = 86_400_000


class Gateway:
    """True time passes in `run`; the crystal may be fast, the wall clock anywhere. Values are true times."""

    def __init__(self, folder, wall_off_ms: int, ppm: float = 0, boot: str = "b1", true_ms: int = START_MS) -> None:
        self.true_ms, self.ppm, self.wall_off_ms = true_ms, ppm, wall_off_ms
        self.born_ms = true_ms - 5000
        self.spool = spool_at(folder)
        self.spool._db.execute("pragma synchronous = off")  # no power is cut here
        self.keeper = Timekeeper(boot, self.wall, self.mono)
        self.sender = Sender("d", "gw", self.spool, self.now_s, self.now_ms, keeper=self.keeper)
        self.linked = False
        self.cloud_tells = True
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
    def now_ms(self) -> int:
        return self.keeper.now_ms(self.wall, self.mono)

    def run(self, seconds: int, step_s: int = 1, read: bool = True) -> None:
        for _ in range(0, seconds, step_s):
            self.true_ms += step_s * 1000
            now_ms = self.now_ms
            if read:
                batch = ReadingBatch.of([now_ms], [1], [self.true_ms / 1000])
                self.sender.submit(batch, Lane.LIVE, {1: {"reported": 1}}, self.now_s, now_ms)
            if self.linked:
                self.exchange(self.sender.due(self.now_s, now_ms, self.mono))

    def link(self) -> None:
        self.linked = True
        self.exchange(self.sender.linked(self.now_s, self.now_ms, self.mono))

    def cut(self) -> None:
        self.linked = False
        self.sender.unlinked()

    def exchange(self, publications) -> None:
        for p in publications:
            topic = parse_topic(p.topic)
            assert topic is not None
            ack = None
            if topic.kind is Kind.BIRTH:
                sent = self.true_ms
                self.true_ms += 200  # a round trip
                ack = Ack(decode_birth(p.payload).spool, 0, (), None, sent + 150, decode_birth(p.payload).asked_ms)
            elif topic.kind is Kind.STATE:
                state = decode_state(p.payload)
                ack = Ack(state.spool, 0, (), None, self.true_ms, state.asked_ms)
            elif topic.kind in (Kind.ALARM, Kind.LIVE, Kind.HISTORY):
                batch = decode_batch(p.payload)
                self.cloud.twice += (batch.spool, batch.seq) in self.cloud.batches
                self.cloud.batches[batch.spool, batch.seq] = batch
                ack = Ack(batch.spool, 0, (batch.seq,))
            if ack is not None and (self.cloud_tells or not ack.cloud_ms):
                self.sender.heard(encode_ack(ack), self.now_ms, self.now_s, self.mono)

    def errors_s(self, synchronised: bool = True) -> np.ndarray:
        parts = [b.readings for b in self.cloud.batches.values() if b.clock_synchronised == synchronised]
        got = ReadingBatch.concat(parts)
        return np.abs(got.time_ms / 1000 - got.value)


@pytest.fixture
def closed():
    made: list[Gateway] = []
    with closing(_All(made)):
        yield made


class _All:
    def __init__(self, made: list[Gateway]) -> None:
        self._made = made

    def close(self) -> None:
        for g in self._made:
            g.spool.close()


@pytest.mark.parametrize("wall_off_ms", [-START_MS, -DAY_MS, DAY_MS, 0, 80 * 365 * DAY_MS])
def test_a_wrong_wall_clock_at_boot_is_put_right_by_the_cloud(tmp_path, closed, wall_off_ms):
    g = Gateway(tmp_path, wall_off_ms)
    closed.append(g)
    g.run(700)
    assert not g.cloud.batches
    g.link()
    g.run(100)
    g.cut()
    assert g.sender.empty
    assert g.errors_s().max() <= 2
    assert len(g.errors_s()) == 800
    assert g.cloud.twice == 0
    assert len(g.errors_s(synchronised=False)) == 0


def test_booted_in_1970_with_the_link_up(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    closed.append(g)
    assert "cloud says the time" in g.keeper.trouble()
    g.link()
    g.run(60)
    assert "not followed" in g.keeper.trouble()  # the wall clock still stands in 1970
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2


def test_a_reboot_that_never_learnt_the_time_sends_its_readings_marked(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    g.run(50)
    g.spool.close()
    again = Gateway(tmp_path, -START_MS, boot="b2", true_ms=g.true_ms + 100_000)
    closed.append(again)
    again.run(20)
    again.link()
    again.run(60)
    assert len(again.errors_s(synchronised=False)) == 50
    assert len(again.errors_s()) == 80
    assert again.errors_s().max() <= 2


def test_a_restart_of_the_agent_in_one_boot_still_learns_the_time(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    g.run(50)
    g.spool.close()
    again = Gateway(tmp_path, -START_MS)
    again.born_ms = g.born_ms
    again.true_ms = g.true_ms
    again.keeper.__init__("b1", again.wall, again.mono)  # type: ignore[misc]
    closed.append(again)
    again.link()
    again.run(60)
    assert len(again.errors_s()) == 110
    assert again.errors_s().max() <= 2


@pytest.mark.parametrize("step_ms", [-DAY_MS, DAY_MS, 10_000])
def test_a_step_of_the_wall_clock_is_not_followed(tmp_path, closed, step_ms):
    g = Gateway(tmp_path, 0)
    closed.append(g)
    g.link()
    g.run(50)
    g.cut()
    g.run(50)
    g.wall_off_ms = step_ms
    g.run(50)
    assert "not followed" in g.keeper.trouble()
    g.link()
    g.run(50)
    assert len(g.errors_s()) == 200
    assert g.errors_s().max() <= 2


@pytest.mark.parametrize("ppm", [200, -200])
def test_three_days_without_link_at_200_ppm(tmp_path, closed, ppm):
    g = Gateway(tmp_path, 0, ppm)
    closed.append(g)
    g.link()
    g.run(60)
    g.cut()
    g.run(3 * 86_400, step_s=600)
    assert abs(g.now_ms - g.true_ms) > 40_000
    g.link()
    g.run(400)
    assert g.sender.empty
    assert g.errors_s().max() <= 2
    assert g.cloud.twice == 0
    assert len(g.errors_s()) == 60 + 3 * 144 + 400


def test_days_with_the_link_up_at_200_ppm(tmp_path, closed):
    g = Gateway(tmp_path, 0, 200)
    closed.append(g)
    g.link()
    g.run(2 * 86_400, step_s=240)
    assert abs(g.now_ms - g.true_ms) <= 2000
    assert g.errors_s().max() <= 2


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(10**6), 10**6),
    st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 8_000), st.integers(0, 8_000)), min_size=1, max_size=20),
)
def test_time_is_never_further_from_the_cloud_than_the_answer_allows(wall_off_ms, answers):
    """And never runs backwards by a small correction."""
    true_ms = START_MS
    keeper = Timekeeper("b", true_ms + wall_off_ms, true_ms - START_MS)
    last_ms = keeper.now_ms(true_ms + wall_off_ms, true_ms - START_MS)
    for wait_ms, there_ms, back_ms in answers:
        true_ms += wait_ms
        asked_ms = true_ms - START_MS + 1
        cloud_ms = true_ms + there_ms
        true_ms += there_ms + back_ms
        mono_ms = true_ms - START_MS + 1
        jumped = keeper.jumped_ms
        keeper.told(cloud_ms, asked_ms, mono_ms)
        now_ms = keeper.now_ms(true_ms + wall_off_ms, mono_ms)
        assert now_ms >= last_ms or keeper.jumped_ms != jumped
        last_ms = now_ms
        if keeper.confirmed and there_ms + back_ms <= 4000:
            # right to within the doubt of this answer, what cannot be proven, and what is still being spread out
            assert abs(now_ms - true_ms) <= (there_ms + back_ms) + 1000 + STEP_MS


def test_an_answer_to_a_question_of_another_boot_says_nothing(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    closed.append(g)
    g.sender.linked(g.now_s, g.now_ms, g.mono)
    g.sender.heard(encode_ack(Ack(g.spool.id, 0, (), None, START_MS, 17)), g.now_ms, g.now_s, g.mono)
    assert not g.keeper.synchronised


def test_a_wall_clock_that_becomes_plausible_serves_where_the_cloud_tells_no_time(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    g.cloud_tells = False
    closed.append(g)
    g.link()
    g.run(30)
    assert not g.cloud.batches
    g.wall_off_ms = 0
    g.run(30)
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2


def test_re_timing_that_finds_the_disk_full_is_done_later(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    closed.append(g)
    g.run(30)
    g.spool._db.execute("pragma query_only = 1")
    g.link()
    g.run(3, read=False)
    assert g.keeper.confirmed
    assert not g.cloud.batches
    g.spool._db.execute("pragma query_only = 0")
    g.run(30)
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2
