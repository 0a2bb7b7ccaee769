"""What a sink sends next, and what it notes of messages that it does not send. A state machine without I/O.

Rows of the ledger and the time go in; what to send, what to write down and when to look again come out. All times but
a message's own are of a clock that only rises (`Clock.monotonic_ms`).

- Of each incident only the newest message goes out: every message tells the whole of its incident, and a consumer must
  never act on an old one after a newer one. Older ones that have not gone out are noted `superseded`.
- Nothing goes out that has expired. A Cancel always goes out to a consumer that was told, or may have been told, of its
  incident, and never to another.
- Among incidents: warnings before all-clears and renewals, the worst level first, then the one that waits longest.
- Different incidents go out at once, up to a bound; messages of one incident one after another.
- A consumer in trouble is asked by one message at a time, each time by another one, so that one that it chokes on does
  not stand before all others.
- A message that the consumer refuses by itself holds up nothing: it is tried a few times and set aside.
- What the consumer does not want, or not yet, goes out all the same once it has been told of the incident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from cloud.delivery.values import Aside, Noted, Past, Pending, Plan, Policy
from cloud.warnings.model import MsgType


@dataclass(slots=True)
class _Item:
    message: Pending
    due_ms: int = 0
    tries: int = 0  # in the consumer's present trouble
    refusals: int = 0
    refused_ms: int = 0  # first refusal
    failed_ms: int | None = None  # first failure
    alone_ms: int | None = None  # first failure while the consumer took others
    pause_ms: int = 0
    again: bool = False  # it was set aside before


@dataclass(slots=True)
class Queue:
    """spread: a factor near 1 for each pause, so that many who wait for one consumer do not come at once. least_ms: no
    pause is shorter. can_test: a consumer that is gone is asked by a test message; else by a warning."""

    policy: Policy
    spread: Callable[[], float] = lambda: 1.0
    least_ms: int = 0
    can_test: bool = True
    trouble: str = ""  # why the consumer takes nothing for now
    gone: str = ""  # how it said that it wants no more
    off: bool = False  # a person says that it gets none
    _items: dict[str, list[_Item]] = field(default_factory=dict)  # by incident, oldest first
    _busy: dict[str, _Item] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _current: set[str] = field(default_factory=set)  # incidents of which the consumer has all that is not a renewal
    _aside: dict[str, Aside] = field(default_factory=dict)
    _trouble_ms: int | None = None
    _pause_ms: int = 0
    _not_before_ms: int = 0
    _asked_to_wait: bool = False
    _tried_ms: int = 0
    _success_ms: int = -1
    _test_ms: int = 0
    _testing: bool = False

    # --- what is waiting ---------------------------------------------------------------------------------------------

    def see(self, found: Iterable[Pending], past: Mapping[str, Past]) -> list[tuple[str, Noted]]:
        """New ones, in the order of their numbers. Gives what is to be noted at once: what came before one that the
        consumer has already."""
        notes: list[tuple[str, Noted]] = []
        news = False
        for m in found:
            known = past.get(m.incident, Past())
            if known.told:
                self._told.add(m.incident)
            if known.newest:
                self._current.add(m.incident)
            if m.number < known.settled:
                notes.append((m.id, Noted.SUPERSEDED))
                continue
            items = self._items.setdefault(m.incident, [])
            if all(i.message.id != m.id for i in items):
                items.append(_Item(m))
                items.sort(key=lambda i: i.message.number)
                self._aside.pop(m.incident, None)
                news = True
        if news and self._trouble_ms is not None and not self._asked_to_wait:
            # What is new may be worth a try: the long pauses are for consumers of whom nobody wants anything.
            self._not_before_ms = min(self._not_before_ms, self._tried_ms + self._eager_ms())
        return notes

    def switch(self, off: bool) -> None:
        """off: a person says that the consumer gets nothing."""
        self.off = off

    def held(self, utc_ms: int) -> list[Pending]:
        """What goes out later unless somebody acts on its incident before."""
        newest = [items[-1].message for items in self._items.values()]
        return [m for m in newest if m.from_ms > utc_ms and m.incident not in self._told]

    def undecided(self) -> list[Pending]:
        """What may still not go out when somebody acts on its incident: also what is due while its consumer is in
        trouble, or off."""
        items = [items[-1].message for incident, items in self._items.items() if incident not in self._busy]
        return [m for m in items if m.incident not in self._told]

    def revise(self, judged: Iterable[Pending]) -> None:
        """Of those that wait, as they were judged again."""
        by_id = {m.id: m for m in judged}
        for items in self._items.values():
            for item in items:
                item.message = by_id.get(item.message.id, item.message)

    def forget(self) -> None:
        """All that waits and is not under way: it will be seen again."""
        self._items = {incident: [item] for incident, item in self._busy.items()}
        self._aside.clear()

    def waiting(self) -> list[Pending]:
        """The newest of each incident that has not gone out."""
        return [item.message for items in list(self._items.values()) for item in items[-1:]]

    def troubled_ms(self) -> int | None:
        """Since when the consumer takes nothing; None while it does."""
        return self._trouble_ms

    def aside(self) -> list[Aside]:
        """What a person must look at."""
        return list(self._aside.values())

    # --- what goes out -----------------------------------------------------------------------------------------------

    def plan(self, utc_ms: int, now_ms: int) -> Plan:
        """utc_ms: by which messages expire. What it gives in `start` and `test` counts as under way."""
        notes = self._settle(utc_ms)
        for incident, aside in list(self._aside.items()):
            if _expired(aside.message, utc_ms):
                del self._aside[incident]
        if self.off:
            return Plan(tuple(notes))
        if self.gone:
            return self._plan_gone(notes, utc_ms, now_ms)
        idle = [items[-1] for incident, items in self._items.items() if incident not in self._busy]
        due_ms = {id(item): self._due_ms(item, utc_ms, now_ms) for item in idle}
        ready = [item for item in idle if due_ms[id(item)] <= now_ms]
        if self._trouble_ms is not None:
            if self._busy or not idle:
                return Plan(tuple(notes))
            if now_ms < self._not_before_ms:
                return Plan(tuple(notes), next_ms=self._not_before_ms)
            chosen = sorted(ready, key=lambda item: (item.tries, self._rank(item)))[:1]
        else:
            chosen = sorted(ready, key=self._rank)[: max(self.policy.parallel - len(self._busy), 0)]
        later = [at_ms for at_ms in due_ms.values() if at_ms > now_ms]
        return self._start(notes, chosen, min(later, default=None), now_ms)

    def _rank(self, item: _Item) -> tuple[bool, int, int]:
        """Lower goes first. A renewal is news to who lacks what it renews."""
        m = item.message
        waits = m.msg_type is MsgType.CANCEL or (m.renewal and m.incident in self._current)
        return waits, -m.level.rank, m.number

    def _due_ms(self, item: _Item, utc_ms: int, now_ms: int) -> int:
        """By the clock that only rises."""
        m = item.message
        if m.from_ms <= utc_ms or m.incident in self._told:
            return item.due_ms
        return max(item.due_ms, now_ms + m.from_ms - utc_ms)

    def _settle(self, utc_ms: int) -> list[tuple[str, Noted]]:
        notes = []
        for incident, items in list(self._items.items()):
            busy, newest, keep = self._busy.get(incident), items[-1], []
            for item in items:
                m = item.message
                if item is busy:
                    keep.append(item)
                elif m.msg_type is not MsgType.CANCEL and _expired(m, utc_ms):
                    notes.append((m.id, Noted.EXPIRED))
                    self._current.discard(incident)
                elif item is not newest:
                    notes.append((m.id, Noted.SUPERSEDED))
                    if not m.renewal:
                        self._current.discard(incident)
                elif m.msg_type is MsgType.CANCEL and busy is None and incident not in self._told:
                    notes.append((m.id, Noted.UNTOLD))
                elif m.unwanted is not None and busy is None and incident not in self._told:
                    notes.append((m.id, m.unwanted))
                    self._current.discard(incident)
                else:
                    keep.append(item)
            if keep:
                self._items[incident] = keep
            else:
                del self._items[incident]
        return notes

    def _plan_gone(self, notes: list[tuple[str, Noted]], utc_ms: int, now_ms: int) -> Plan:
        if self._testing or self._busy:
            return Plan(tuple(notes))
        if now_ms < self._test_ms:
            return Plan(tuple(notes), next_ms=self._test_ms)
        if self.can_test:
            self._testing = True
            return Plan(tuple(notes), test=True)
        newest = [items[-1] for items in self._items.values()]
        best = sorted((i for i in newest if self._due_ms(i, utc_ms, now_ms) <= now_ms), key=self._rank)[:1]
        if best:
            self._test_ms = now_ms + round(self.policy.test_s * 1000)
        return self._start(notes, best, None, now_ms)

    def _start(self, notes: list[tuple[str, Noted]], chosen: list[_Item], next_ms: int | None, now_ms: int) -> Plan:
        for item in chosen:
            self._busy[item.message.incident] = item
            self._tried_ms = now_ms
        start = tuple(item.message for item in chosen)
        first = frozenset(m.id for m in start if m.incident not in self._told)
        return Plan(tuple(notes), start, first, next_ms=next_ms)

    # --- what came of it ---------------------------------------------------------------------------------------------

    def delivered(self, message: Pending, now_ms: int) -> None:
        """The consumer has it."""
        self._leave(message)
        self._told.add(message.incident)
        self._current.add(message.incident)
        self._end_trouble(now_ms)
        self.gone = ""
        # Where it has taken nothing since it refused a message, the trouble may have been its own: once more, then.
        for incident, aside in list(self._aside.items()):
            if aside.refused_ms > self._success_ms and not aside.again:
                self._items[incident] = [_Item(aside.message, again=True)]
                del self._aside[incident]
        self._success_ms = now_ms

    def failed(
        self, message: Pending, why: str, now_ms: int, *, perhaps: bool = False, wait_ms: int | None = None
    ) -> None:
        """The consumer takes nothing for now. perhaps: it may have the message all the same. wait_ms: as it asks."""
        item = self._busy.pop(message.incident)
        if perhaps:
            item.message = replace(item.message, perhaps=True)
            self._told.add(message.incident)
        if item.failed_ms is not None and self._success_ms > item.failed_ms and wait_ms is None:
            if item.alone_ms is None:
                item.alone_ms = now_ms
            item.pause_ms = self._pause(now_ms - item.alone_ms, item.pause_ms)
            item.due_ms = now_ms + item.pause_ms
            return
        if item.failed_ms is None:
            item.failed_ms = now_ms
        item.tries += 1
        self.trouble = why
        if self._trouble_ms is None:
            self._trouble_ms = now_ms
        self._pause_ms = self._pause(now_ms - self._trouble_ms, self._pause_ms)
        until_ms = now_ms + self._pause_ms
        self._asked_to_wait = wait_ms is not None
        if wait_ms is not None:
            until_ms = now_ms + max(min(wait_ms, round(self.policy.retry_after_s * 1000)), self.least_ms)
        self._not_before_ms = until_ms

    def refused(self, message: Pending, why: str, now_ms: int) -> bool:
        """The consumer is there and does not take this one. True: it is set aside."""
        item = self._busy.pop(message.incident)
        self._end_trouble(now_ms)
        item.refusals += 1
        if item.refusals == 1:
            item.refused_ms = now_ms
        if item.refusals < self.policy.refusals:
            item.due_ms = now_ms + self._eager_ms() * 2 ** (item.refusals - 1)
            return False
        self._current.discard(message.incident)
        items = self._items[message.incident]
        items.remove(item)
        if not items:
            del self._items[message.incident]
            self._aside[message.incident] = Aside(message, why, item.refused_ms, item.again)
        return True

    def said_gone(self, why: str, now_ms: int, message: Pending | None = None, *, at_start: bool = False) -> bool:
        """It wants no more. message: the one that was under way, if any. at_start: so says the ledger; then it is
        tested at once. True: it is news."""
        if message is not None:
            del self._busy[message.incident]
        news = not self.gone
        self.gone = why
        if news:
            self._test_ms = now_ms if at_start else now_ms + round(self.policy.test_s * 1000)
        return news

    def not_begun(self, start: Iterable[Pending]) -> None:
        """These of a plan were not sent: as if they had not been chosen."""
        for m in start:
            self._busy.pop(m.incident, None)

    def tested(self, taken: bool, now_ms: int) -> None:
        """The test message was answered. taken: by 2xx; then what is in force goes out."""
        self._testing = False
        if taken:
            self.gone = ""
            self._end_trouble(now_ms)
        else:
            self._test_ms = now_ms + round(self.policy.test_s * 1000)

    def _leave(self, message: Pending) -> None:
        item = self._busy.pop(message.incident)
        items = self._items[message.incident]
        items.remove(item)
        if not items:
            del self._items[message.incident]

    def _end_trouble(self, now_ms: int) -> None:
        self.trouble, self._trouble_ms, self._pause_ms = "", None, 0
        self._not_before_ms, self._asked_to_wait = now_ms, False
        for items in self._items.values():
            for item in items:
                item.tries = 0

    def _eager_ms(self) -> int:
        return max(round(self.policy.eager_s * 1000), self.least_ms)

    def _pause(self, lasted_ms: int, before_ms: int) -> int:
        if lasted_ms <= self.policy.eager_for_s * 1000:
            return round(self._eager_ms() * self.spread())
        doubled = max(before_ms, self._eager_ms()) * 2
        return min(doubled, round(self.policy.patient_s * 1000 * self.spread()))


def _expired(m: Pending, utc_ms: int) -> bool:
    return m.expires_ms is not None and m.expires_ms <= utc_ms
