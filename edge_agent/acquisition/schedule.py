"""When to ask whom: one bus, many devices, each with a cadence, tries and a back-off of its own. Pure.

Times are UTC ms of the scenario; what is given in real seconds (back-off, time-outs) is turned into them by `speed`. A
device is asked at whole multiples of its period, so that readings of a district fall on the same seconds; one that
speaks by itself only when it has been silent for too long.

A device that answers goes before one that does not. What of an answer was lost is asked for again within the period,
when nobody else is due; a silent device is asked where its time-out fits in before the next that answers is due, or, if
it never fits, when nobody else is due. So its neighbours keep their cadence. It is asked ever more seldom, but within
its back-off's ceiling. On a bus that is overloaded all of them take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from contract.catalogue.devices import Bus
from edge_agent.drivers.base import Asked, DeviceFault, DeviceInfo, Fault, Missing

_BUSY_S = 0.1  # before a device that said "later" is asked again; doubled each time
_ONE_MORE = (Fault.OTHER_UNIT, Fault.WRONG_FUNCTION, Fault.WRONG_TRANSACTION, Fault.BAD_REPLY)  # seldom by chance
# The device was there, and is not asked more seldom; what it said could not be used.
_LIVES = (
    Fault.TOO_SLOW,
    Fault.NOISE,
    Fault.BAD_CRC,
    Fault.WRONG_FUNCTION,
    Fault.WRONG_TRANSACTION,
    Fault.BAD_REPLY,
    Fault.OTHER_MASTER,
    Fault.BUSY,
    Fault.DEVICE_FAILURE,
)
_SAYS_LATER = (Fault.BUSY, Fault.DEVICE_FAILURE)
_OVERDUE_S = 30.0  # a silent device that waits for longer goes before others
_OVERDUE_OVERLOADED_S = 10.0  # likewise, where somebody else is always due: with its back-off, within a minute
_LONG_SILENT = 3  # polls in a row
_BEFORE_ALL_MS = -1  # when who is asked now is due
_DUE_MS = attrgetter("due_ms")
_RETRIES, _BACK_OFF_FIRST_S, _BACK_OFF_MAX_S = 3, 10.0, 45.0  # of a bus that nobody described


@dataclass(slots=True)
class Poll:
    """What has come of asking a device once, with all tries. left: the channels that are still wanted; None: all.
    tries: since something came. again: all of them."""

    began_ms: int
    left: tuple[int, ...] | None = None
    tries: int = 0
    again: int = 0
    got: bool = False
    faults: list[DeviceFault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    busy_ms: float = 0.0

    def took(self, busy_ms: float, asked: Sequence[Asked], got: bool, nearer: bool = False) -> None:
        """One call of the driver came back; whoever got something, or came nearer to it, has all his tries again."""
        self.busy_ms += busy_ms
        self.asked += asked
        self.got = self.got or got
        if got or nearer:
            self.tries = 0

    def lost(self, missing: Sequence[Missing]) -> None:
        """What will not be asked for again in this poll."""
        self.faults += [m.fault for m in missing]


@dataclass(slots=True)
class DeviceState:
    """What became of asking a device, or of hearing it.

    last_good_ms: None before its first answer. failures: polls in a row without an answer. cut_off: the bus was down
    when it should have been asked. due_ms: when it is to be asked next: the rest of a poll (retrying), or a new one.
    back_off_ms: 0 while it answers. took_ms: what a poll takes of the bus, scenario ms, averaged.
    """

    info: DeviceInfo
    period_ms: int
    due_ms: int
    retries_allowed: int = _RETRIES
    first_ms: int = 0
    most_ms: int = 0
    timeout_ms: int = 0
    failures: int = 0
    silent: bool = False
    cut_off: bool = False
    last_good_ms: int | None = None
    last_fault: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    reads: int = 0
    retries: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    poll: Poll | None = None
    retrying: bool = False
    back_off_ms: int = 0
    took_ms: float = 0.0
    wanted: bool = False

    @property
    def to_ask(self) -> DeviceInfo:
        """The device with the channels that are still wanted of it."""
        if self.poll is None or self.poll.left is None:
            return self.info
        left = set(self.poll.left)
        return replace(self.info, channels=tuple(c for c in self.info.channels if c.id in left))


class Schedule:
    """The devices of one bus. They are due from the start, until `expect` says how long they may be silent."""

    def __init__(self, devices: Sequence[DeviceInfo], now_ms: int, bus: Bus | None = None, speed: float = 1.0) -> None:
        """bus: with its retries and back-off. speed: scenario seconds in a real one."""
        self.devices = [_state(d, now_ms, bus, speed) for d in devices]
        self._by_id = {d.info.device.id: d for d in self.devices}
        self._speed = speed
        self._silent_periods = 0
        self._expected = False
        self._in_vain_ms = now_ms - 1  # when a silent device was last waited for

    def expect(self, silent_periods: int, now_ms: int) -> None:
        """silent_periods: of the driver (`Driver.silent_periods`). Once said it stays: what was heard by a driver that
        has stopped still counts."""
        self._silent_periods = silent_periods
        if not self._expected:
            self._expected = True
            for d in self.devices:
                d.due_ms = self._silent_until(d, now_ms)

    @property
    def asked_only(self) -> bool:
        """Whether nobody speaks by himself."""
        return self._silent_periods == 0

    def next(self, now_ms: int) -> tuple[DeviceState, int] | None:
        """The device to ask next, and when; None of a bus without devices."""
        if not self.devices:
            return None
        first = min(self.devices, key=_DUE_MS)
        if first.due_ms > now_ms:
            return first, first.due_ms
        answers = first.last_good_ms is not None and not (first.silent or first.retrying)
        if first.wanted or answers:  # the usual case: nobody has a better right
            return first, now_ms
        due = [d for d in self.devices if d.due_ms <= now_ms]
        ready = [d for d in due if self._fits(d, now_ms)]
        if ready:
            overloaded = self.demand() >= 1
            return min(ready, key=lambda d: (self._rank(d, now_ms, overloaded), d.due_ms)), now_ms
        # One that is held back waits for the next that answers: then it is looked at again.
        waiting = [(d.due_ms, d) for d in self.devices if d.due_ms > now_ms]
        at_ms, device = min(waiting + [(self._latest_ms(d), d) for d in due], key=lambda f: f[0])
        return device, max(at_ms, now_ms + 1)

    def longest_wait_ms(self, device: DeviceState) -> int:
        """No device is due later than this from now, unless the clock has been set back."""
        return (self._silent_periods + 2) * device.period_ms + device.most_ms

    def restart(self, now_ms: int) -> None:
        """The clock was put right: times of before say nothing any more, and the devices are due as at the start."""
        for d in self.devices:
            d.due_ms = self._silent_until(d, now_ms)
            d.poll, d.retrying = None, False
            d.last_good_ms = None if d.last_good_ms is None else now_ms

    def want(self, device: str) -> DeviceState:
        """Somebody asks now: a new poll, before all others, whatever the back-off. Raises KeyError."""
        d = self._by_id[device]
        d.due_ms = _BEFORE_ALL_MS
        d.poll, d.retrying = None, False
        d.wanted = True
        return d

    def asks(self, device: DeviceState, now_ms: int) -> Poll:
        """The device is asked: for what is left of its poll, or anew."""
        device.wanted = False
        if device.poll is None or not device.retrying:
            device.poll = Poll(now_ms)
            device.reads += 1
        else:
            device.retries += 1
            device.poll.again += 1
        device.retrying = False
        return device.poll

    def goes_on(self, device: DeviceState, missing: Sequence[Missing], now_ms: int) -> bool:
        """Whether what is missing of a poll is asked for again within the period; `due_ms` then says when."""
        poll, again = device.poll, [m for m in missing if m.fault.asks_again]
        if poll is None or not again or self._silent_periods or now_ms >= poll.began_ms + device.period_ms:
            return False
        busy = again[0].fault.fault in _SAYS_LATER
        answers = poll.got or busy or (device.last_good_ms is not None and not device.silent)
        if poll.tries >= self._tries(device, again[0].fault, answers, now_ms):
            return False
        ends_ms = poll.began_ms + device.period_ms
        if not answers and now_ms + device.timeout_ms > ends_ms and self._slack_ms(device, now_ms) < device.timeout_ms:
            return False
        if not answers:  # its tries, too, are put where they cost the others nothing
            device.silent, self._in_vain_ms = True, now_ms
        poll.left = tuple(c for m in again for c in m.channels)
        wait_s = _BUSY_S * 2**poll.tries if busy else 0.0
        device.due_ms, device.retrying = now_ms + round(wait_s * 1000 * self._speed), True
        poll.tries += 1
        return True

    def _tries(self, device: DeviceState, fault: DeviceFault, answers: bool, now_ms: int) -> int:
        """How many more a poll has. One that sleeps may want several requests before it hears; of one that has been
        silent for long they keep other silent ones waiting."""
        long_silent = not answers and device.failures >= _LONG_SILENT
        waiting = (d.silent and d.due_ms <= now_ms for d in self.devices if d is not device)
        crowded = long_silent and device.failures % _LONG_SILENT and any(waiting)
        return min(device.retries_allowed, 1) if crowded or fault.fault in _ONE_MORE else device.retries_allowed

    def answered(self, device: DeviceState, now_ms: int, faults: Sequence[DeviceFault] = ()) -> bool:
        """faults: of parts of the answer that did not come. True when there are some, and there were none before."""
        whole = not device.last_fault
        due_ms = self._next_beat(device, now_ms)
        self._ends(device)
        device.failures = device.back_off_ms = 0
        device.silent = device.cut_off = False
        if faults:
            device.faults.update(f.fault.value for f in faults)
        device.last_fault = "; ".join(str(f) for f in faults)
        device.last_good_ms = now_ms
        device.due_ms = due_ms
        return whole and bool(faults)

    def spoke(self, device: str, time_ms: int, now_ms: int) -> None:
        """A device was heard unasked; time_ms: of what it said, perhaps older than what it said last."""
        d = self._by_id[device]
        if d.last_good_ms is None or time_ms > d.last_good_ms:
            d.last_good_ms = time_ms
            d.reads += 1
        d.failures = d.back_off_ms = 0
        d.silent = False
        d.last_fault = ""
        if self._silent_periods:
            d.due_ms = self._silent_until(d, now_ms)

    def failed(self, device: DeviceState, fault: DeviceFault, now_ms: int) -> bool:
        """True when this failure is news: it ends a time in which the device answered, or is of another kind."""
        news = device.failures == 1 or (
            device.failures > 1 and not device.last_fault.startswith(fault.fault.value + ":")
        )
        self._ends(device)
        self._in_vain_ms = now_ms
        device.failures += 1
        device.faults[fault.fault.value] += 1
        device.last_fault = str(fault)
        # One that answered until now is first asked at its next period: a lost poll is nothing yet. So is one while
        # nobody of the bus has answered: it may be the connection that is silent, and nobody is kept waiting.
        nobody_yet = all(d.last_good_ms is None for d in self.devices)
        doublings = device.failures - (1 if device.last_good_ms is None and not nobody_yet else 2)
        device.silent = fault.fault not in _LIVES and not fault.nearer
        device.back_off_ms = (
            0 if doublings < 0 or not device.silent else min(device.first_ms * 2 ** min(doublings, 16), device.most_ms)
        )
        device.due_ms = self._after(device, now_ms)
        return news

    def note(self, device: DeviceState, notes: Mapping[str, str]) -> list[str]:
        """What is not as the device's file says, though it answers; gives those of a kind that was not there before."""
        new = [what for kind, what in notes.items() if kind not in device.notes]
        device.notes = notes
        return new

    def cut_off(self, device: DeviceState, fault: DeviceFault, now_ms: int) -> None:
        """The bus was down when the device should have been asked: it is due at its next period, without back-off."""
        self._ends(device)
        device.cut_off = True
        device.faults[fault.fault.value] += 1
        device.last_fault = str(fault)
        device.due_ms = _following(now_ms, device.period_ms)

    def back(self, now_ms: int) -> None:
        """The bus is there again: all that missed it are due at once."""
        for d in self.devices:
            if d.cut_off or d.silent:
                d.due_ms = min(d.due_ms, now_ms)
                d.cut_off = False

    def demand(self) -> float:
        """Which share of the bus' time its devices take when all are asked as often as they should; above 1: it is
        overloaded."""
        return sum(d.took_ms / d.period_ms for d in self.devices if not d.silent)

    def _ends(self, device: DeviceState) -> None:
        if device.poll is not None and device.poll.busy_ms:
            took_ms = device.poll.busy_ms
            device.took_ms = took_ms if not device.took_ms else 0.7 * device.took_ms + 0.3 * took_ms
        device.poll, device.retrying = None, False

    def _next_beat(self, device: DeviceState, now_ms: int) -> int:
        """When one that answers is due again: at the next whole multiple of its period. If that has passed while a part
        of the answer was asked for again, at once."""
        poll = device.poll
        if poll is not None and poll.again and _following(poll.began_ms, device.period_ms) <= now_ms:
            return now_ms
        return _following(now_ms, device.period_ms)

    def _after(self, device: DeviceState, now_ms: int) -> int:
        """The next whole multiple of the period behind the back-off, unless that is beyond the ceiling, or its period
        is longer: then the back-off itself."""
        earliest_ms, following_ms = now_ms + device.back_off_ms, _following(now_ms, device.period_ms)
        if not device.back_off_ms or (self._silent_periods and following_ms >= earliest_ms):
            return following_ms
        if following_ms >= earliest_ms:
            return earliest_ms
        aligned_ms = -(-earliest_ms // device.period_ms) * device.period_ms
        return aligned_ms if aligned_ms <= now_ms + device.most_ms else earliest_ms

    def _rank(self, device: DeviceState, now_ms: int, overloaded: bool) -> int:
        """overloaded: somebody else is always due, so nobody may wait for a moment at which that is not so."""
        if device.wanted:
            return 0
        waits_ms = now_ms - device.due_ms
        at_most_ms = (_OVERDUE_OVERLOADED_S if overloaded else _OVERDUE_S) * 1000 * self._speed
        if device.retrying:
            if overloaded and waits_ms > min(2 * device.period_ms, at_most_ms):
                return 2
            return 4 if device.silent else 3
        if device.silent:
            return 2 if waits_ms > at_most_ms else 5
        return 1 if device.last_good_ms is not None and device.due_ms <= self._in_vain_ms else 2

    def _fits(self, device: DeviceState, now_ms: int) -> bool:
        """Whether it may be asked now, and not only after others. One that answers, always."""
        if device.wanted or not device.silent or self._silent_periods:
            return True
        return self._slack_ms(device, now_ms) >= device.timeout_ms or now_ms >= self._latest_ms(device)

    def _slack_ms(self, device: DeviceState, now_ms: int) -> int:
        """How long until the next one that answers is due."""
        others = [d.due_ms for d in self.devices if d is not device and not d.silent]
        return min(others) - now_ms if others else device.timeout_ms

    def _latest_ms(self, device: DeviceState) -> int:
        """How long a silent device waits for a place that its time-out fits into: two periods of the quickest, and one
        for another try, before it falls asleep again."""
        shortest_ms = min((d.period_ms for d in self.devices if not d.silent), default=0)
        return device.due_ms + (1 if device.retrying else 2) * shortest_ms

    def _silent_until(self, device: DeviceState, now_ms: int) -> int:
        return now_ms + self._silent_periods * device.period_ms


def _state(info: DeviceInfo, now_ms: int, bus: Bus | None, speed: float) -> DeviceState:
    own = info.device
    retries = own.retries if own.retries is not None else bus.retries if bus else _RETRIES
    first_s = own.back_off_first_s or (bus.back_off_first_s if bus else _BACK_OFF_FIRST_S)
    most_s = own.back_off_max_s or (bus.back_off_max_s if bus else _BACK_OFF_MAX_S)
    ms = round(1000 * speed)
    period_ms, most_ms = round(info.period_s * 1000), round(most_s * ms)
    first_ms, timeout_ms = min(round(first_s * ms), most_ms), round(info.timeout_s * ms)
    return DeviceState(info, period_ms, now_ms, retries, first_ms, most_ms, timeout_ms)


def _following(now_ms: int, period_ms: int) -> int:
    """The next whole multiple of the period after now."""
    return (now_ms // period_ms + 1) * period_ms
