"""When whom: whole multiples of the period, fair to neighbours, patient with one lost frame, never silent for ever."""

from __future__ import annotations

import random

import pytest

from edge_agent.acquisition.schedule import MAX_PERIODS, Schedule
from edge_agent.drivers.base import DeviceFault, Fault
from tests.edge_agent.drivers.rtu import device

LOST = DeviceFault(Fault.TIMEOUT, "unit 1 did not answer")
NOW_MS = 1_626_768_000_000


def schedule(*periods_s: float) -> Schedule:
    devices = [device(n, [0], timeout_s=0.1, period_s=p) for n, p in enumerate(periods_s, 1)]
    return Schedule(devices, NOW_MS + 123)


def test_a_bus_without_devices_has_nothing_to_ask() -> None:
    assert Schedule([], NOW_MS).next() is None


def test_everything_is_asked_at_once_and_then_on_whole_multiples() -> None:
    s = schedule(10, 30)
    for wanted in s.devices:
        found = s.next()
        assert found is wanted
        s.answered(found, NOW_MS + 456)
    assert [d.due_ms for d in s.devices] == [NOW_MS + 10_000, NOW_MS + 30_000]
    s.answered(s.devices[0], NOW_MS + 25_000)  # late: the beats it missed are not made up for
    assert s.devices[0].due_ms == NOW_MS + 30_000


def test_one_lost_frame_changes_nothing_and_the_second_is_news_once() -> None:
    s = schedule(10)
    d = s.devices[0]
    assert [s.failed(d, LOST, NOW_MS + 1) for _ in range(4)] == [False, True, False, False]
    s.answered(d, NOW_MS + 1)
    assert (d.failures, d.last_fault, d.last_good_ms) == (0, "", NOW_MS + 1)
    s.failed(d, LOST, NOW_MS + 1)
    assert d.due_ms == NOW_MS + 10_000
    assert s.failed(d, LOST, NOW_MS + 1)
    assert dict(d.faults) == {"timeout": 6}


def test_back_off_doubles_up_to_its_bound_and_ends_with_an_answer() -> None:
    s = schedule(1)
    d, now_ms, waits = s.devices[0], NOW_MS, []
    for _ in range(12):
        s.failed(d, LOST, now_ms)
        waits.append((d.due_ms - now_ms) // 1000)
        now_ms = d.due_ms
    assert waits == [1, 2, 4, 8, 16, *[MAX_PERIODS] * 7]
    s.answered(d, now_ms)
    assert d.due_ms == now_ms + 1000


def test_of_two_that_are_due_the_one_that_answers_goes_first() -> None:
    s = schedule(10, 10)
    s.failed(s.devices[0], LOST, NOW_MS)
    s.answered(s.devices[1], NOW_MS)
    assert s.next() is s.devices[1]
    s.devices[1].due_ms += 1
    assert s.next() is s.devices[0]  # but one that is due earlier is not put off


@pytest.mark.parametrize("seed", range(5))
def test_a_dead_neighbour_costs_the_living_only_its_time_out(seed: int) -> None:
    chance = random.Random(seed)
    s = schedule(*[1.0] * 8)
    now_ms, last = NOW_MS, dict.fromkeys(range(8), NOW_MS)
    gaps: list[int] = []
    for _ in range(5000):
        d = s.next()
        assert d is not None
        now_ms = max(now_ms, d.due_ms)
        n = s.devices.index(d)
        if n == 3:
            now_ms += 900  # a time-out, and the line's rest
            s.failed(d, LOST, now_ms)
            continue
        now_ms += chance.randint(5, 30)
        s.answered(d, now_ms)
        gaps.append(now_ms - last[n])
        last[n] = now_ms
    assert sorted(gaps)[len(gaps) // 2] in range(900, 1100)
    assert max(gaps[100:]) < 2500
    assert s.devices[3].faults["timeout"] > 10


def test_who_speaks_by_itself_is_due_when_it_has_been_silent_for_too_long() -> None:
    s = schedule(10)
    d = s.devices[0]
    s.expect(3, NOW_MS)
    assert d.due_ms == NOW_MS + 30_000
    s.spoke("unit-1", NOW_MS + 4_000, NOW_MS + 5_000)
    assert (d.due_ms, d.last_good_ms, d.reads) == (NOW_MS + 35_000, NOW_MS + 4_000, 1)
    s.expect(3, NOW_MS + 6_000)  # its driver was opened again: what was heard still counts
    assert d.due_ms == NOW_MS + 35_000
    for _ in range(3):
        s.failed(d, LOST, d.due_ms)
    assert d.due_ms > NOW_MS + 60_000
    s.spoke("unit-1", NOW_MS + 2_000, NOW_MS + 61_000)  # an old sample: it lives all the same
    assert (d.failures, d.last_good_ms, d.due_ms) == (0, NOW_MS + 4_000, NOW_MS + 91_000)
    s.restart(NOW_MS + 200_000)
    assert d.due_ms == NOW_MS + 230_000


def test_no_device_waits_longer_than_the_longest_wait() -> None:
    s = schedule(10)
    d = s.devices[0]
    for silent in (0, 3):
        s.expect(silent, NOW_MS)
        now_ms = NOW_MS
        for _ in range(10):
            s.failed(d, LOST, now_ms)
            assert d.due_ms - now_ms <= s.longest_wait_ms(d)
            now_ms = d.due_ms


def test_an_answer_in_part_is_news_once_and_no_reason_to_back_off() -> None:
    s = schedule(10)
    d = s.devices[0]
    assert [s.answered(d, NOW_MS + 1, [LOST]) for _ in range(3)] == [True, False, False]
    assert (d.failures, d.back_off_periods, d.last_fault, dict(d.faults)) == (0, 1, str(LOST), {"timeout": 3})
    assert not s.answered(d, NOW_MS + 1)
    assert d.last_fault == ""
    assert s.answered(d, NOW_MS + 1, [LOST])
