"""What the cloud believes of its clock: tables of starts and of steps."""

from __future__ import annotations

import pytest

from cloud.log.log_clock import CONFIRM_MS, EARLIEST_MS, Instant, LogClock, Remembered, Start, begin, said
from tests.cloud.log.virtual_machine import HOUR_MS, NOW_MS, Machine

MIN_MS = 60_000
DAY_MS = 24 * HOUR_MS


def at(machine: Machine) -> Instant:
    return Instant(machine.wall_ms, machine.mono_ms)


def running(machine: Machine) -> LogClock:
    return LogClock(at(machine).offset_ms, at(machine), machine.speed)


def test_a_wall_clock_that_goes_evenly_is_followed():
    machine = Machine()
    clock = running(machine)
    for _ in range(1000):
        machine.wait(30)
        machine.step(-0.004)  # a crystal that is fast, or a service that slews
        assert clock.now_ms(at(machine)) == machine.wall_ms
    assert clock.step is None
    assert clock.trouble() == ""


def test_a_day_without_a_look_is_no_step():
    machine = Machine()
    clock = running(machine)
    machine.wait(86_400)
    machine.step(40)  # 500 ppm of a day are 43 s
    assert clock.now_ms(at(machine)) == machine.wall_ms


@pytest.mark.parametrize("step_s", [8 * 3600, -8 * 3600, 6, -6, 30 * 366 * 86_400])
def test_a_step_is_not_believed_and_time_runs_on(step_s):
    machine = Machine()
    clock = running(machine)
    machine.wait(30)
    assert clock.now_ms(at(machine)) == NOW_MS + 30_000
    machine.step(step_s)
    for n in range(1, 2000):
        machine.wait(30)
        assert clock.now_ms(at(machine)) == NOW_MS + (n + 1) * 30_000
        assert clock.confirmed(at(machine), synchronised=False) == ""
    assert clock.step is not None
    assert (clock.step.by_ms, clock.step.at_ms) == (step_s * 1000, NOW_MS + 60_000)
    assert "headwater-cloud clock confirm" in clock.trouble()
    assert said(step_s * 1000) in clock.trouble()


def test_a_step_for_one_tick_leaves_nothing_behind():
    machine = Machine()
    clock = running(machine)
    machine.step(8 * 3600)
    machine.wait(30)
    assert clock.now_ms(at(machine)) == NOW_MS + 30_000
    machine.step(-8 * 3600)
    machine.wait(30)
    assert clock.now_ms(at(machine)) == machine.wall_ms == NOW_MS + 60_000
    assert (clock.step, clock.trouble()) == (None, "")


def test_small_steps_are_followed():
    machine = Machine()
    clock = running(machine)
    for step_s in (4.9, -4.9, 2):
        machine.step(step_s)
        assert clock.now_ms(at(machine)) == machine.wall_ms


def test_ntp_confirms_a_step_when_it_has_held_for_ten_seconds():
    machine = Machine()
    clock = running(machine)
    machine.step(600)
    assert clock.confirmed(at(machine), True) == ""
    machine.wait(9)
    assert clock.confirmed(at(machine), True) == ""
    assert clock.confirmed(at(machine), False) == ""  # let go: it counts from the beginning
    machine.wait(9)
    assert clock.confirmed(at(machine), True) == ""
    machine.step(60)  # another step: from the beginning, too
    machine.wait(9)
    assert clock.confirmed(at(machine), True) == ""
    machine.wait(CONFIRM_MS / 1000)
    assert "synchronised" in clock.confirmed(at(machine), True)
    clock.believe(at(machine))
    assert clock.now_ms(at(machine)) == machine.wall_ms
    assert clock.step is None


def test_gateways_do_not_confirm_a_step_for_they_have_their_time_from_the_cloud():
    machine = Machine()
    clock = running(machine)
    machine.step(600)
    for _ in range(30):
        machine.wait(1)
        assert clock.confirmed(at(machine), False, [machine.wall_ms] * 9) == ""


def test_under_a_scaled_clock_a_step_is_measured_in_real_time():
    machine = Machine(speed=120)
    clock = running(machine)
    machine.step(590)  # 4.9 s of a real clock, or a thread that was held up
    assert clock.now_ms(at(machine)) == machine.wall_ms
    machine.step(610)
    assert clock.now_ms(at(machine)) == machine.wall_ms - 610_000


# --- starts: wall clock less the log's last entry; each gateway's newest reading less that entry; what is decided ---

STARTS = {
    "a restart": (3000, [-1000], Start.WALL, 3000),
    "a restart after a second's slew": (-800, [-1000], Start.WALL, -800),
    "a power cut of three days": (3 * DAY_MS, [-1000, -2000], Start.WALL, 3 * DAY_MS),
    "the first start": (None, [], Start.WALL, NOW_MS),
    "a log that is 8 h ahead, with readings of before": (
        -8 * HOUR_MS,
        [-8 * HOUR_MS - 5000] * 3,
        Start.WALL,
        -8 * HOUR_MS,
    ),
    "a log that is 8 h ahead, without readings": (-8 * HOUR_MS, [], Start.WALL, -8 * HOUR_MS),
    "a log ahead; one gateway of three was, too": (
        -8 * HOUR_MS,
        [0, -8 * HOUR_MS - 5000, -8 * HOUR_MS - 90_000],
        Start.WALL,
        -8 * HOUR_MS,
    ),
    "a battery that died: 1970": (-NOW_MS + 5000, [-1000], Start.LOG, 0),
    "a wall clock 8 h behind what gateways had read": (-8 * HOUR_MS, [-1000, -2000, -9 * HOUR_MS], Start.LOG, 0),
}


@pytest.mark.parametrize("name", STARTS)
def test_starts_without_ntp(name):
    ahead_ms, readings, expected, begins = STARTS[name]
    last_ms = 0 if ahead_ms is None else NOW_MS
    found = Instant(NOW_MS + (ahead_ms or 0), 9000)
    clock, start = begin(found, "boot", None, last_ms, [last_ms + r for r in readings])
    assert start is expected
    assert clock.now_ms(found) == last_ms + begins
    assert clock.known is (start is Start.WALL)
    assert bool(clock.trouble()) is (start is not Start.WALL)


@pytest.mark.parametrize("name", STARTS)
def test_the_kernels_word_or_a_persons_goes_before_all_else(name):
    ahead_ms, readings, *_ = STARTS[name]
    last_ms = 0 if ahead_ms is None else NOW_MS
    found = Instant(NOW_MS + (ahead_ms or 0), 9000)
    for synchronised in (True, False):
        clock, _ = begin(found, "b", None, last_ms, [last_ms + r for r in readings], synchronised, not synchronised)
        assert clock.now_ms(found) == found.wall_ms
        assert clock.known


def test_a_restart_in_a_step_is_no_confirmation():
    machine = Machine()
    remembered = Remembered("boot", at(machine).offset_ms)
    machine.step(8 * 3600)
    machine.wait(600)
    clock, start = begin(at(machine), "boot", remembered, NOW_MS, [NOW_MS - 5000])
    assert start is Start.SAME_BOOT
    assert clock.now_ms(at(machine)) == NOW_MS + 600_000
    assert clock.step is not None and clock.step.by_ms == 8 * HOUR_MS


@pytest.mark.parametrize(
    ("off_s", "put_right", "start", "by_ms"),
    [
        (60, False, Start.STILL_IN_DOUBT, 8 * HOUR_MS),
        (60, True, Start.WALL, 0),
        (3 * 86_400, False, Start.WALL, 0),  # too long to tell the step from the outage
    ],
)
def test_a_reboot_in_a_step(off_s, put_right, start, by_ms):
    machine = Machine()
    remembered = Remembered("boot", at(machine).offset_ms, 8 * HOUR_MS)
    machine.step(8 * 3600)
    machine.reboot(off_s)
    if put_right:
        machine.step(-8 * 3600)
    clock, found = begin(at(machine), "next boot", remembered, NOW_MS, [NOW_MS - 5000])
    assert found is start
    assert clock.now_ms(at(machine)) == machine.wall_ms - by_ms
    assert (clock.step.by_ms if clock.step else 0) == by_ms


def test_what_was_only_guessed_stays_so_after_a_restart():
    machine = Machine()
    clock, _ = begin(at(machine), "boot", Remembered("boot", -5, known=False), NOW_MS, [])
    assert not clock.known


def test_a_guess_gives_way_to_gateways_that_agree_with_the_clock():
    found = Instant(NOW_MS - 8 * HOUR_MS, 9000)
    clock, start = begin(found, "boot", None, NOW_MS, [NOW_MS - 1000] * 2)
    assert start is Start.LOG
    assert clock.confirmed(found, False, []) == ""
    assert clock.confirmed(found, False, [NOW_MS + 1000, found.wall_ms]) == ""  # one against one
    assert "gateways" in clock.confirmed(found, False, [found.wall_ms - 500_000, found.wall_ms + 30_000, NOW_MS])
    assert clock.confirmed(found, False, [found.wall_ms - 700_000]) == ""
    assert clock.confirmed(found, False, [found.wall_ms + 70_000]) == ""


def test_a_clock_that_cannot_be_right_is_believed_as_soon_as_it_can_be():
    found = Instant(5000, 9000)
    clock, start = begin(found, "boot", None, 0, [])
    assert (start, clock.known) == (Start.NOTHING, False)
    assert "set it" in clock.trouble()
    assert clock.confirmed(found, False) == ""
    found = Instant(EARLIEST_MS + 5, 10_000)
    assert clock.confirmed(found, False)
    clock.believe(found)
    assert (clock.now_ms(found), clock.known, clock.trouble()) == (EARLIEST_MS + 5, True, "")


@pytest.mark.parametrize(
    ("ms", "text"),
    [(8 * HOUR_MS, "+8 h"), (-90_000, "-90 s"), (90_500, "+90 s"), (3 * DAY_MS, "+3 days"), (150_000, "+2.5 min")],
)
def test_how_a_span_is_said(ms, text):
    assert said(ms) == text
