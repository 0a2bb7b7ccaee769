"""Boots in 1970, steps of a day, a fast crystal: readings end with right times, or quarantined and named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.wire.ack import Ack, encode_ack
from edge_agent.timesync.timekeeping import STEP_MS, Timekeeper
from tests.edge_agent.gateway import DAY_MS, Gateway
from tests.edge_agent.support import START_MS


@pytest.mark.parametrize("wall_off_ms", [-START_MS, -DAY_MS, DAY_MS, 0, 80 * 365 * DAY_MS])
def test_a_wrong_wall_clock_at_boot_is_put_right_by_the_cloud(tmp_path, closed, wall_off_ms):
    g = Gateway(tmp_path, wall_off_ms)
    closed.append(g)
    g.run(700)
    assert not g.cloud.batches
    g.link()
    g.run(100)
    g.cut()
    assert g.session.empty
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
    g.store.close()
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
    g.store.close()
    again = Gateway(tmp_path, -START_MS, true_ms=g.true_ms, born_ms=g.born_ms)
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
    assert g.session.empty
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
        keeper.take_answer(cloud_ms, asked_ms, mono_ms)
        now_ms = keeper.now_ms(true_ms + wall_off_ms, mono_ms)
        assert now_ms >= last_ms or keeper.jumped_ms != jumped
        last_ms = now_ms
        if keeper.confirmed and there_ms + back_ms <= 4000:
            # right to within the doubt of this answer, what cannot be proven, and what is still being spread out
            assert abs(now_ms - true_ms) <= (there_ms + back_ms) + 1000 + STEP_MS


def test_an_answer_to_a_question_of_another_boot_says_nothing(tmp_path, closed):
    g = Gateway(tmp_path, -START_MS)
    closed.append(g)
    g.session.link_up(g.now)
    g.session.take_ack(encode_ack(Ack(g.store.id, 0, (), None, START_MS, 17)), g.now)
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
    g.database.refuse_writes()
    g.link()
    g.run(3, read=False)
    assert g.keeper.confirmed
    assert not g.cloud.batches
    g.database.refuse_writes(False)
    g.run(30)
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2
