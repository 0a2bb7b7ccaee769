"""When whom: whole multiples of the period, fair to neighbours, patient with one lost frame, never silent for ever."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from edge_agent.acquisition.schedule import DeviceState, Schedule
from edge_agent.drivers.base import DeviceFault, Fault, Missing
from firmware_bridge.modbus import ModbusRtuBus
from tests.edge_agent.drivers.rtu import device

LOST = DeviceFault(Fault.TIMEOUT, "unit 1 did not answer")
BUSY = DeviceFault(Fault.BUSY, "unit 1 says: device busy")
REFUSED = DeviceFault(Fault.EXCEPTION, "unit 1 refuses")
GONE = DeviceFault(Fault.REFUSED, "cannot open it")
NOW_MS = 1_626_768_000_000


def schedule(*periods_s: float, timeout_s: float = 0.1, **bus: object) -> Schedule:
    devices = [device(n, [0], timeout_s=timeout_s, period_s=p) for n, p in enumerate(periods_s, 1)]
    return Schedule(devices, NOW_MS + 123, ModbusRtuBus.model_validate({"id": "b", "address": "", **bus}))


def chosen(s: Schedule, now_ms: int) -> DeviceState:
    found = s.next(now_ms)
    assert found is not None
    return found[0]


def test_a_bus_without_devices_has_nothing_to_ask() -> None:
    assert Schedule([], NOW_MS).next(NOW_MS) is None


def test_everything_is_asked_at_once_and_then_on_whole_multiples() -> None:
    s = schedule(10, 30)
    for wanted in s.devices:
        found = chosen(s, NOW_MS + 200)
        assert found is wanted
        s.answered(found, NOW_MS + 456)
    assert [d.due_ms for d in s.devices] == [NOW_MS + 10_000, NOW_MS + 30_000]
    s.answered(s.devices[0], NOW_MS + 25_000)  # late: the beats it missed are not made up for
    assert s.devices[0].due_ms == NOW_MS + 30_000


def test_one_lost_poll_changes_nothing_and_the_second_is_news_once() -> None:
    s = schedule(10)
    d = s.devices[0]
    s.answered(d, NOW_MS + 1)
    assert [s.failed(d, LOST, NOW_MS + 1) for _ in range(4)] == [False, True, False, False]
    s.answered(d, NOW_MS + 1)
    assert (d.failures, d.last_fault, d.last_good_ms) == (0, "", NOW_MS + 1)
    s.failed(d, LOST, NOW_MS + 1)
    assert (d.due_ms, d.back_off_ms) == (NOW_MS + 10_000, 0)
    assert s.failed(d, LOST, NOW_MS + 1)
    assert dict(d.faults) == {"timeout": 6}


@pytest.mark.parametrize(
    ("period_s", "waits"), [(1, [1, 10, 20, 40, 45, 45, 45]), (30, [30, 10, 20, 40, 45]), (300, [300, 10, 20, 40, 45])]
)
def test_back_off_is_in_seconds_up_to_its_ceiling_and_ends_with_an_answer(period_s: float, waits: list[int]) -> None:
    s = schedule(period_s)
    d, now_ms, found = s.devices[0], NOW_MS - NOW_MS % 300_000, []
    s.answered(d, now_ms)
    for _ in waits:
        s.failed(d, LOST, now_ms)
        found.append((d.due_ms - now_ms) // 1000)
        now_ms = d.due_ms
    assert found == waits
    s.answered(d, now_ms)
    assert 0 < d.due_ms - now_ms <= period_s * 1000


@pytest.mark.parametrize(("neighbour", "waits"), [(True, [2, 4, 5, 5]), (False, [1, 2, 4, 5])])
def test_who_never_answered_backs_off_at_once_where_others_answer(neighbour: bool, waits: list[int]) -> None:
    s = schedule(1, 1, back_off_first_s=2, back_off_max_s=5)
    if neighbour:
        s.answered(s.devices[1], NOW_MS)
    d, now_ms, found = s.devices[0], NOW_MS, []
    for _ in range(4):
        s.failed(d, LOST, now_ms)
        found.append((d.due_ms - now_ms) // 1000)
        now_ms = d.due_ms
    assert found == waits


def test_one_that_answers_goes_before_one_that_does_not() -> None:
    s = schedule(10, 10)
    s.failed(s.devices[0], LOST, NOW_MS)
    s.answered(s.devices[1], NOW_MS)
    assert [d.due_ms for d in s.devices] == [NOW_MS + 10_000] * 2
    assert chosen(s, NOW_MS + 10_000) is s.devices[1]
    s.answered(s.devices[1], NOW_MS + 10_020)
    assert s.next(NOW_MS + 10_020) == (s.devices[0], NOW_MS + 10_020)


def test_a_silent_one_waits_for_room_and_not_for_ever() -> None:
    s = schedule(1, 1, timeout_s=0.5)
    silent, good = s.devices
    s.failed(silent, LOST, NOW_MS)
    silent.due_ms = NOW_MS + 700
    s.answered(good, NOW_MS)
    assert s.next(NOW_MS + 700) == (good, NOW_MS + 1000)  # 0.3 s are too few for a time-out of 0.5
    s.answered(good, NOW_MS + 1010)
    assert s.next(NOW_MS + 1010) == (silent, NOW_MS + 1010)
    s = schedule(1, 1, timeout_s=3.0)
    silent, good = s.devices
    s.failed(silent, LOST, NOW_MS)
    silent.due_ms = NOW_MS + 700
    now_ms, asked = NOW_MS, []
    while now_ms < NOW_MS + 5000:
        found, now_ms = s.next(now_ms) or (good, 0)
        if found is silent and now_ms >= silent.due_ms + 2000:
            asked.append(now_ms)
            break
        s.answered(good, now_ms)
    assert asked == [NOW_MS + 2700]


def test_what_was_lost_is_asked_for_again_within_the_period_behind_those_that_are_due() -> None:
    s = schedule(10, 10)
    d, other = s.devices
    s.answered(d, NOW_MS)
    s.answered(other, NOW_MS)
    now_ms = NOW_MS + 10_000
    channels = tuple(c.id for c in d.info.channels)
    for n in range(3):
        s.asks(d, now_ms)
        assert s.goes_on(d, [Missing(channels, LOST)], now_ms) == (n < 3)
        if n == 0:
            assert chosen(s, now_ms) is other
            s.answered(other, now_ms)
        assert s.next(now_ms) == (d, now_ms)
    s.asks(d, now_ms)
    assert not s.goes_on(d, [Missing(channels, LOST)], now_ms)  # three tries more are enough
    assert (d.reads, d.retries) == (1, 3)


def test_a_silent_one_has_all_its_tries_unless_others_that_are_silent_too_wait() -> None:
    s = schedule(10, 10)
    d, other = s.devices
    channels = tuple(c.id for c in d.info.channels)

    def tries(now_ms: int) -> int:
        s.asks(d, now_ms)
        made = 0
        while s.goes_on(d, [Missing(channels, LOST)], now_ms):
            made += 1
            s.asks(d, now_ms)
        return made

    found = []
    for _ in range(7):
        s.failed(other, LOST, NOW_MS)
        other.due_ms = NOW_MS
        found.append(tries(NOW_MS))
        s.failed(d, LOST, NOW_MS)
    assert found == [3, 3, 3, 3, 1, 1, 3]
    other.due_ms = NOW_MS + 1
    assert tries(NOW_MS) == 3


def test_after_a_silent_one_those_that_answer_go_first() -> None:
    s = schedule(10, 10, 10)
    dead, living, late = s.devices
    s.answered(living, NOW_MS)
    s.failed(dead, LOST, NOW_MS + 10_500)
    assert (late.due_ms < living.due_ms, chosen(s, NOW_MS + 10_500)) == (True, living)
    s.answered(living, NOW_MS + 10_600)
    assert chosen(s, NOW_MS + 20_600) is late


def test_later_is_waited_for_and_a_refusal_is_not_asked_again() -> None:
    s = schedule(10)
    d = s.devices[0]
    s.asks(d, NOW_MS)
    assert s.goes_on(d, [Missing((1,), BUSY), Missing((2,), REFUSED)], NOW_MS)
    assert (d.due_ms, d.poll and d.poll.left) == (NOW_MS + 100, (1,))
    s.asks(d, NOW_MS + 100)
    assert not s.goes_on(d, [Missing((2,), REFUSED)], NOW_MS)
    assert not s.goes_on(d, [Missing((1,), LOST)], NOW_MS + 10_000)  # its period is over


def test_a_bus_that_was_down_is_no_reason_to_back_off() -> None:
    s = schedule(1, 60)
    for d in s.devices:
        for _ in range(9):
            s.cut_off(d, GONE, NOW_MS)
    assert [d.due_ms - NOW_MS for d in s.devices] == [1000, 60_000]
    s.back(NOW_MS + 10)
    assert [d.due_ms - NOW_MS for d in s.devices] == [10, 10]


def test_somebody_who_asks_now_need_not_wait_for_the_back_off() -> None:
    s = schedule(1, 1)
    d, other = s.devices
    for _ in range(9):
        s.failed(d, LOST, NOW_MS)
    other.due_ms = NOW_MS
    assert s.want("unit-1") is d
    assert s.next(NOW_MS + 5) == (d, NOW_MS + 5)
    with pytest.raises(KeyError):
        s.want("unit-9")


def test_demand_says_by_how_much_a_bus_is_overloaded() -> None:
    s = schedule(*[1.0] * 20)
    for d in s.devices:
        s.asks(d, NOW_MS).busy_ms = 100
        s.answered(d, NOW_MS)
    assert s.demand() == pytest.approx(2.0)
    s.failed(s.devices[0], LOST, NOW_MS)
    assert s.demand() == pytest.approx(1.9)  # of one that is silent nobody knows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("timeout_ms", [300, 900])
def test_a_dead_neighbour_costs_the_living_next_to_nothing(seed: int, timeout_ms: int) -> None:
    chance = random.Random(seed)
    s = schedule(*[1.0] * 8, timeout_s=timeout_ms / 1000)
    now_ms, last = NOW_MS, dict.fromkeys(range(8), NOW_MS)
    gaps: list[int] = []
    for _ in range(5000):
        found = s.next(now_ms)
        assert found is not None
        d, at_ms = found
        now_ms = max(now_ms, at_ms)
        if d.due_ms > now_ms or not s._fits(d, now_ms):
            continue
        n = s.devices.index(d)
        if n == 3:
            now_ms += timeout_ms
            s.failed(d, LOST, now_ms)
            continue
        now_ms += chance.randint(5, 20)
        s.answered(d, now_ms)
        gaps.append(now_ms - last[n])
        last[n] = now_ms
    gaps.sort()
    assert gaps[len(gaps) // 2] in range(980, 1020)
    assert gaps[len(gaps) * 95 // 100] <= 1200
    assert gaps[-1] < (1200 if timeout_ms == 300 else 1950)
    assert s.devices[3].faults["timeout"] > 10


def longest_waits_s(s: Schedule, for_s: int, answers: Callable[[int, int, float], bool]) -> list[float]:
    """Of each device, for a reading. A try takes 0.1 s, in vain 0.2 s. answers: whether device n answers the first or a
    later try of a poll, so many seconds after the start."""
    now_ms, waits, last = NOW_MS + 123, [0.0] * len(s.devices), [0.0] * len(s.devices)
    while now_ms < NOW_MS + 1000 * for_s:
        found = s.next(now_ms)
        assert found is not None
        d, at_ms = found
        if at_ms > now_ms:
            now_ms = at_ms
            continue
        n, poll = s.devices.index(d), s.asks(d, now_ms)
        came = answers(n, poll.again, (now_ms - NOW_MS) / 1000)
        took_ms = 100 if came else 200
        now_ms += took_ms
        poll.took(took_ms, (), came)
        if came:
            waits[n], last[n] = max(waits[n], now_ms / 1000 - NOW_MS / 1000 - last[n]), (now_ms - NOW_MS) / 1000
            s.answered(d, now_ms)
        elif not s.goes_on(d, [Missing((1,), LOST)], now_ms):
            s.failed(d, LOST, now_ms)
    return [max(w, for_s - at_s) for w, at_s in zip(waits, last, strict=True)]


@pytest.mark.parametrize("drowsy", [{0}, {19}, {3, 4, 12}, set(range(0, 20, 2))])
@pytest.mark.parametrize("from_s", [0, 60])
def test_on_an_overloaded_bus_who_wakes_at_the_second_try_has_his_turn(drowsy: set[int], from_s: int) -> None:
    s = schedule(*[1.0] * 20, timeout_s=0.2)
    waits = longest_waits_s(s, 200, lambda n, again, at_s: n not in drowsy or at_s < from_s or again > 0)
    assert max(waits) <= 9  # a turn of twenty takes 2 s and more
    assert s.demand() > 1.9


@pytest.mark.parametrize("dead", [{5}, {1, 4, 8, 12}])
def test_on_an_overloaded_bus_who_is_back_is_asked_within_a_minute(dead: set[int]) -> None:
    s = schedule(*[1.0] * 20, timeout_s=0.2)
    waits = longest_waits_s(s, 200, lambda n, _again, at_s: n not in dead or at_s > 100)
    assert max(waits) <= 160
    assert max(w for n, w in enumerate(waits) if n not in dead) <= 5


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
    assert (d.failures, d.back_off_ms, d.last_fault, dict(d.faults)) == (0, 0, str(LOST), {"timeout": 3})
    assert not s.answered(d, NOW_MS + 1)
    assert d.last_fault == ""
    assert s.answered(d, NOW_MS + 1, [LOST])


def test_a_poll_whose_tries_run_into_the_next_period_does_not_cost_it() -> None:
    began_ms = NOW_MS - NOW_MS % 2000
    for tries, due_ms in ((1, began_ms + 2100), (0, began_ms + 4000)):
        s = schedule(2)
        d = s.devices[0]
        s.asks(d, began_ms)
        for _ in range(tries):
            assert s.goes_on(d, [Missing((1,), LOST)], began_ms + 1900)
            s.asks(d, began_ms + 1900)
        s.answered(d, began_ms + 2100)
        assert d.due_ms == due_ms


def test_replies_that_are_not_yet_enough_are_worth_another_try() -> None:
    s = schedule(10, retries=1)
    d = s.devices[0]
    nearer = DeviceFault(Fault.TIMEOUT, "unit 1 did not answer", nearer=True)
    poll = s.asks(d, NOW_MS)
    for n in range(5):
        poll.took(100, (), False, True)
        assert s.goes_on(d, [Missing((1,), nearer)], NOW_MS + 100 * n)
        s.asks(d, NOW_MS + 100 * n)
    poll.took(100, (), False)
    assert not s.goes_on(d, [Missing((1,), LOST)], NOW_MS + 600)
    s.failed(d, nearer, NOW_MS + 700)
    assert not d.silent
