"""A wall clock that is plausible and wrong: nothing is sent on its word alone, what it dated is put right or marked.

Nearly all of these stored readings at wrong times, before they were mended.
"""

from __future__ import annotations

import pytest

from contract.wire.ack import Ack
from edge_agent.timesync.time_requests import TimeRequests
from edge_agent.timesync.timekeeping import Timekeeper
from tests.edge_agent.gateway import DAY_MS, Gateway
from tests.edge_agent.support import START_MS, at

HOUR_MS = 3_600_000


def rebooted(g: Gateway, wall_off_ms: int, boot: str, off_s: int = 60) -> Gateway:
    """The power is cut and comes back; the spool is the same file."""
    g.store.close()
    again = Gateway(g.database.path.parent, wall_off_ms, boot=boot, true_ms=g.true_ms + off_s * 1000)
    again.cloud = g.cloud
    return again


def restarted(g: Gateway, wall_off_ms: int) -> Gateway:
    """The agent alone is started again, in the same boot."""
    g.store.close()
    again = Gateway(g.database.path.parent, wall_off_ms, true_ms=g.true_ms, born_ms=g.born_ms)
    again.cloud = g.cloud
    return again


@pytest.mark.parametrize("wall_off_ms", [-DAY_MS, DAY_MS])
def test_nothing_is_sent_to_a_cloud_that_is_silent(tmp_path, closed, wall_off_ms):
    """The broker would keep it, and the cloud find it there before it could say the time."""
    g = Gateway(tmp_path, wall_off_ms)
    closed.append(g)
    g.cloud_hears = False
    g.link()
    g.run(120)
    assert not g.cloud.order
    assert "until the cloud says the time" in g.session.status(g.now)["clock"]
    g.cloud_hears = True
    g.run(60)
    assert len(g.errors_s()) == 180
    assert g.errors_s().max() <= 2
    assert "not followed" in g.session.status(g.now)["clock"]


def test_killed_before_the_cloud_answered_and_right_after_the_restart(tmp_path, closed):
    """A link without a word of the cloud is no reason to take what waits for sent."""
    g = Gateway(tmp_path, -DAY_MS)
    g.cloud_hears = False
    g.link()
    g.run(30)
    again = restarted(g, -DAY_MS)
    closed.append(again)
    again.link()
    again.run(60)
    assert len(again.errors_s()) == 90
    assert again.errors_s().max() <= 2


def test_a_new_link_waits_for_a_new_answer(tmp_path, closed):
    """Three days at 200 ppm: the first live batches would be 52 s off."""
    g = Gateway(tmp_path, 0, ppm=200)
    closed.append(g)
    g.link()
    g.run(60)
    g.cut()
    g.run(3 * 86_400, step_s=600)
    g.cloud_hears = False
    g.link()
    g.run(10)
    g.cloud_hears = True
    g.run(400)
    assert g.session.empty
    assert g.errors_s().max() <= 2


def test_a_cloud_that_was_silent_for_days_on_a_link_that_stood(tmp_path, closed):
    g = Gateway(tmp_path, 0, ppm=200)
    closed.append(g)
    g.link()
    g.run(60)
    g.cloud_hears = False
    g.run(3 * 86_400, step_s=600)
    g.cloud_hears = True
    g.run(400)
    assert g.session.empty
    assert g.errors_s().max() <= 2


def test_answers_that_all_take_long_are_better_than_a_clock_a_day_off(tmp_path, closed):
    g = Gateway(tmp_path, -DAY_MS)
    closed.append(g)
    g.delay_ms = 12_000
    g.link()
    g.run(60)
    assert g.session.empty
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 6 + 2


def test_slow_answers_narrow_each_other():
    keeper = Timekeeper("b", START_MS - DAY_MS, 0)
    assert not keeper.take_answer(START_MS + 9_000, 1, 10_000, patient=True)  # the truth is in -1 s .. 9 s of START_MS
    assert keeper.has_answer
    assert not keeper.settled
    assert keeper.take_answer(START_MS + 20_500, 20_000, 30_000, patient=True)  # and in -9.5 s .. 0.5 s
    assert keeper.settled
    assert abs(keeper.now_ms(0, 30_000) - START_MS - 30_000) <= 1_000


def test_answers_that_contradict_each_other_the_last_counts():
    keeper = Timekeeper("b", START_MS, 0)
    keeper.take_answer(START_MS + 9_000, 1, 10_000, patient=True)
    keeper.take_answer(START_MS + DAY_MS + 20_000, 19_999, 20_001, patient=True)
    assert keeper.now_ms(0, 20_000) == START_MS + DAY_MS + 20_000


@pytest.mark.parametrize("wall_off_ms", [-DAY_MS, DAY_MS])
def test_two_power_cuts_and_a_wrong_clock_between(tmp_path, closed, wall_off_ms):
    """What nobody can date any more is marked, and the cloud keeps it aside; the rest is right."""
    g = Gateway(tmp_path, 0)
    g.link()
    g.run(30)
    g.cut()
    g.run(20)
    between = rebooted(g, wall_off_ms, "b2")
    between.run(40)
    last = rebooted(between, 0, "b3")
    closed.append(last)
    last.run(10)
    last.link()
    last.run(60)
    assert last.session.empty
    assert len(last.errors_s(synchronised=False)) == 40
    assert len(last.errors_s()) == 30 + 20 + 70
    assert last.errors_s().max() <= 2


def test_two_power_cuts_and_a_clock_that_was_right_lose_nothing(tmp_path, closed):
    g = Gateway(tmp_path, 0)
    g.link()
    g.run(30)
    g.cut()
    between = rebooted(g, 0, "b2")
    between.run(40)
    last = rebooted(between, 0, "b3")
    closed.append(last)
    last.link()
    last.run(60)
    assert len(last.errors_s(synchronised=False)) == 0
    assert len(last.errors_s()) == 130
    assert last.errors_s().max() <= 2


def test_a_clock_that_is_still_wrong_speaks_against_what_it_dated(tmp_path, closed):
    """A first boot, so that no earlier time speaks against it."""
    g = Gateway(tmp_path, -DAY_MS)
    g.run(40)
    last = rebooted(g, -DAY_MS, "b2")
    closed.append(last)
    last.link()
    last.run(60)
    assert len(last.errors_s(synchronised=False)) == 40
    assert last.errors_s().max() <= 2


def test_a_boot_that_was_told_the_time_is_dated_by_it_after_the_next(tmp_path, closed):
    """The wall clock was stepped while the agent was down, and no cloud answered before the power went."""
    g = Gateway(tmp_path, 0)
    g.link()
    g.run(30)
    g.cut()
    stepped = restarted(g, -DAY_MS)
    assert abs(stepped.now_ms - stepped.true_ms) <= 1000
    stepped.run(40)
    last = rebooted(stepped, 0, "b2")
    closed.append(last)
    last.link()
    last.run(60)
    assert len(last.errors_s()) == 130
    assert last.errors_s().max() <= 2


def test_batches_of_a_told_boot_with_other_times_are_put_right(tmp_path, closed):
    """As an agent leaves them that did not remember what the cloud had said."""
    g = Gateway(tmp_path, -DAY_MS)
    g.run(30)
    g.database.remember_offset("b1", g.true_ms - g.mono)
    last = rebooted(g, 0, "b2")
    closed.append(last)
    last.link()
    last.run(60)
    assert len(last.errors_s()) == 90
    assert last.errors_s().max() <= 2


def test_what_the_cloud_said_is_forgotten_with_the_last_batch_of_its_boot(tmp_path, closed):
    g = Gateway(tmp_path, 0)
    closed.append(g)
    g.link()
    g.run(5)
    g.database.remember_offset("b0", 1)
    g.database.remember_offset("b1", 2)
    assert g.database.offset_of("b0") is None
    assert g.database.offset_of("b1") == 2


def test_wrong_times_wait_while_the_disk_is_full(tmp_path, closed):
    g = Gateway(tmp_path, -DAY_MS)
    closed.append(g)
    g.run(30)
    g.database.refuse_writes()
    g.link()
    g.run(20, read=False)
    assert g.keeper.confirmed
    assert not g.cloud.batches
    g.database.refuse_writes(False)
    g.run(30)
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2


def test_what_was_held_in_memory_while_the_cloud_said_the_time(tmp_path, closed):
    """The disk was full when it was read, and has room again only after the time was put right."""
    g = Gateway(tmp_path, -DAY_MS)
    closed.append(g)
    g.run(10)
    g.database.refuse_writes()
    g.run(20)
    g.link()
    g.run(5, read=False)
    assert g.keeper.confirmed
    g.database.refuse_writes(False)
    g.run(30)
    assert len(g.errors_s()) == 60
    assert g.errors_s().max() <= 2


def test_the_disk_is_full_only_until_the_cloud_has_said_the_time(tmp_path, closed):
    """Held in memory, and everything that was on disk is already right."""
    g = Gateway(tmp_path, -DAY_MS)
    closed.append(g)
    g.database.refuse_writes()
    now_ms = g.now_ms
    g.run(20)
    g.database.refuse_writes(False)
    g.keeper.take_answer(g.true_ms, g.mono, g.mono)
    assert g.now_ms - now_ms > DAY_MS
    g.link()
    g.run(30)
    assert len(g.errors_s()) == 50
    assert g.errors_s().max() <= 2


@pytest.mark.parametrize("said", ["rubbish", 2**62, -(2**62), 5.5, b"1"])
def test_a_spool_that_remembers_rubbish_is_not_believed(tmp_path, closed, said):
    g = Gateway(tmp_path, 0)
    for key in ("offset b1", "offset b0", "sure_ms", "last_commit_ms"):
        g.database.remember(key, said)
    g.database.remember("boot", "b0")
    again = restarted(g, 0)
    closed.append(again)
    again.link()
    again.run(10)
    assert len(again.errors_s()) == 10
    assert again.errors_s().max() <= 2


def test_a_silent_cloud_is_asked_less_often_until_it_speaks():
    requests = TimeRequests(Timekeeper("b", START_MS, 0), 0.0)
    requests.doubt(at(1000.0))
    assert requests.interval_s(at(1050.0)) == 5.0
    assert requests.interval_s(at(1070.0)) == 30.0
    assert not requests.take_ack(Ack(1, 0), at(1080.0))
    assert requests.interval_s(at(1080.0)) == 5.0
    assert not requests.may_send(at(1085.0))
    assert requests.holds_batches
    assert requests.may_send(at(1090.0))  # it does not tell the time
    assert requests.ask(at(1090.1)) == 1_090_100
    assert requests.take_ack(Ack(1, 0, (), None, START_MS + 1_090_150, 1_090_100), at(1090.2))
    assert requests.interval_s(at(1090.2)) == 30.0
    assert requests.may_send(at(1390.0))
    assert requests.interval_s(at(1391.0)) == 5.0  # too long ago
    assert not requests.may_send(at(1391.0))


def test_at_sixty_times_the_speed_a_question_carries_the_scenario_and_intervals_are_real():
    keeper = Timekeeper("b", START_MS, 600_000, speed=60.0)
    requests = TimeRequests(keeper, 10.0)
    requests.doubt(at(10.0))
    asked_ms = requests.ask(at(11.0))
    assert asked_ms == 660_000
    assert requests.take_ack(
        Ack(1, 0, (), None, START_MS + 60_000, asked_ms), at(11.5)
    )  # 30 s of scenario, in half one
    assert keeper.settled
    assert requests.interval_s(at(310.0)) == 30.0
    assert requests.interval_s(at(312.0)) == 5.0
