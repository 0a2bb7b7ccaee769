"""Delivers the ledger's messages to one sink: the thread around `cloud.delivery.queue`.

A slow or dead consumer holds up itself alone. One thread a sink looks, plans and writes down; each attempt has a thread
of its own while it lasts, as many at once as the sink's policy allows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.delivery import notice as notices
from cloud.delivery.attempts import Outcome, UnderWay, in_a_thread, spread
from cloud.delivery.base import GivenUp, NotDelivered, Refused, Sink, TakesNotices
from cloud.delivery.heartbeat import Pace
from cloud.delivery.maintenance_queue import MaintenanceQueue, ZoneOf
from cloud.delivery.maintenance_wants import ALL_AT_ONCE, MaintenanceSettings
from cloud.delivery.notice import Notice, Notices, NoticeType
from cloud.delivery.queue import Queue
from cloud.delivery.record import Record, Result
from cloud.delivery.silence import Silence
from cloud.delivery.state import SinkMode, SinkState
from cloud.delivery.unwritten import Unwritten
from cloud.delivery.values import Noted, Pending, Plan, Policy
from cloud.delivery.wants import EVERYTHING, Facts, Wants
from cloud.warnings.model import Message
from contract.clock import Clock

log = logging.getLogger(__name__)

_IDLE_S = 0.5
_AGAIN_S = 2.0
_LEAST_S = 0.2  # of real time: a scenario that runs fast must not hammer at a consumer
_STOP_S = 15.0

_DEAF = "it takes no heartbeat"
_POLICY = Policy()


class Dispatcher:
    """`start`, then `stop`. Raises nothing but at the start.

    wants: what the consumer is told of. heartbeat_s: between heartbeats, None for none; as_of: up to when the warnings
    know what was measured, UTC ms. tell: hands a notice to the other sinks. zone_of: of a station, for maintenance
    notices; maintenance: which of those. sender, zone: for test messages. idle_s: how often the ledger is looked at
    when nobody wakes it; again_s: when it was out of reach; least_s: between two tries; all in real seconds. spawn:
    runs an attempt; spread: a factor for each pause: for who plays time and calls `step` instead of `start`.
    """

    def __init__(
        self,
        ledger: Engine,
        sink: Sink,
        clock: Clock,
        policy: Policy = _POLICY,
        *,
        wants: Wants = EVERYTHING,
        heartbeat_s: float | None = None,
        as_of: Callable[[], int | None] = lambda: None,
        tell: Callable[[Notice], None] = lambda _: None,
        zone_of: ZoneOf = lambda _: None,
        maintenance: MaintenanceSettings = ALL_AT_ONCE,
        sender: str = "headwater",
        zone: tzinfo = UTC,
        enabled: bool = True,
        idle_s: float = _IDLE_S,
        again_s: float = _AGAIN_S,
        least_s: float = _LEAST_S,
        spawn: Callable[[Callable[[], None]], None] = in_a_thread,
        spread: Callable[[], float] = spread,
    ) -> None:
        self._sink, self._clock, self._wants = sink, clock, wants
        self._pace, self._as_of = Pace(heartbeat_s), as_of
        self._silence = Silence(policy.silent_s)
        self._tell, self._sender, self._zone, self._enabled = tell, sender, zone, enabled
        self._idle_s, self._again_s = idle_s, again_s
        self._record = Record(ledger, sink.name)
        self._unwritten = Unwritten(self._record)
        least_ms = self._clock_ms(least_s)
        can_test = isinstance(sink, TakesNotices)
        self._queue = Queue(policy, spread, least_ms=least_ms, can_test=can_test)
        pause_ms = max(10_000, least_ms)
        self._notices = Notices(pause_ms=pause_ms)
        self._maintenance = MaintenanceQueue(ledger, sink.name, wants, clock, zone_of, pause_ms, maintenance)
        self._stop = threading.Event()
        self._turn = threading.Event()
        self._under_way = UnderWay(spawn, self._turn.set)
        self._looked_to = 0  # number of the newest message that was seen
        self._asked: int | None = None
        self._off = "" if enabled else "switched off in the configuration"
        self._ledger_trouble = ""
        self._defect = ""
        self._thread = threading.Thread(target=self._run, name=f"deliver {sink.name}", daemon=True)

    @property
    def name(self) -> str:
        """Of its thread."""
        return self._thread.name

    @property
    def sink_name(self) -> str:
        """As in the configuration."""
        return self._sink.name

    def alive(self) -> bool:
        """While its thread turns."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begins with what is in force and this sink has not delivered."""
        self._thread.start()

    def stop(self) -> None:
        """Waits for the attempts that are under way, 15 s at most."""
        self._stop.set()
        self._turn.set()
        self._thread.join(_STOP_S)
        self._sink.close()

    def wake(self) -> None:
        """There may be a new message. From any thread; without it the ledger is looked at twice a second."""
        self._turn.set()

    def notify(self, notice: Notice) -> None:
        """Tells the consumer, where it can be told and wants to be; from any thread."""
        if isinstance(self._sink, TakesNotices) and (notice.kind is None or notice.kind in self._wants.kinds):
            self._notices.add(notice)
            self._turn.set()

    def trouble(self) -> str:
        """Why messages do not reach the consumer, or some do not; empty when all do."""
        queue = self._queue
        gone = f"{queue.gone}: it gets a test message every ten minutes, and what is in force once it takes that"
        deaf = _DEAF if self._pace.unheard_ms is not None else ""
        ails = queue.trouble or deaf or self._maintenance.trouble
        said = [self._off or (gone if queue.gone else ails), self._ledger_trouble, self._defect]
        if not self._off:
            said += [
                f"{a.message.id} was refused and is set aside ({a.why}): mend it, then "
                f"`headwater-cloud sink retry {self._sink.name}`"
                for a in queue.aside()
            ]
        return "; ".join(s for s in said if s)

    def state(self) -> SinkState:
        """How far it is. Asks the ledger, and stands for whoever asks when that is out of reach."""
        queue, name, trouble = self._queue, self._sink.name, self.trouble()
        mode = SinkMode.WORKING
        if self._off:
            mode = SinkMode.OFF
        elif queue.gone:
            mode = SinkMode.GONE
        elif queue.trouble or self._pace.unheard_ms is not None or self._maintenance.trouble:
            mode = SinkMode.FAILING
        try:
            counts, newest = self._record.counts(), self._record.switches().newest
        except SQLAlchemyError as error:
            return SinkState(name, None, None, trouble or f"the ledger is out of reach: {error}", mode)
        held = {m.id for m in queue.held(self._clock.now_ms())}  # for an escalation that may never come
        waiting = [m for m in queue.waiting() if m.id not in held]
        count = len(waiting) + max(newest - self._looked_to, 0)  # those that nobody has looked at yet
        oldest_ms = min((m.sent_ms for m in waiting), default=None)
        aside = [a.message.id for a in queue.aside()]
        return SinkState(name, counts.delivered, count, trouble, mode, counts.noted, oldest_ms, counts.last_ms, aside)

    # --- the sink's own thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn.clear()  # before the look: what comes after it wakes us
                wait_s = self.step()
                self._ledger_trouble = self._defect = ""
                self._turn.wait(wait_s)
            except SQLAlchemyError as error:
                self._ledger_trouble = f"the ledger is out of reach: {error}"
                self._stop.wait(self._again_s)
            except Exception as error:  # a defect must not end the thread in silence: the next warning may matter
                self._defect = _said(error)
                log.exception("sink %s stumbled; it will try again", self._sink.name)
                self._stop.wait(self._again_s)
        self._finish()

    def step(self) -> float:
        """One round. Gives how long there is nothing to do, in real seconds."""
        self._under_way.hear()
        self._look()
        self._raise_alarm()
        now_ms = self._clock.monotonic_ms()
        plan = self._queue.plan(self._clock.now_ms(), now_ms)
        self._unwritten.notes.extend(plan.notes)
        self._send(plan)
        if plan.test:
            self._try_notice(notices.test_of(self._sink.name, self._sender, self._clock.now_ms(), self._zone))
        elif not (self._off or self._queue.gone or self._queue.trouble):
            due = (self._notices.next(now_ms), self._maintenance.next()) if isinstance(self._sink, TakesNotices) else ()
            for notice in filter(None, due):
                self._try_notice(notice)
        self._beat()
        if self._under_way.came:
            return 0.0
        if plan.next_ms is None:
            return self._idle_s
        left_s = self._clock.real_s((plan.next_ms - self._clock.monotonic_ms()) / 1000)
        return min(max(left_s, 0.0), self._idle_s)

    def _look(self) -> None:
        """Into the ledger: for new messages, and for what a person has set."""
        look = self._record.look(self._looked_to, self._clock.now_ms())
        found = look.switches
        self._off = found.off or ("" if self._enabled else "switched off in the configuration")
        self._queue.switch(bool(self._off))
        if self._asked is None and found.gone:
            self._queue.said_gone(found.gone, self._clock.monotonic_ms(), at_start=True)
        if self._asked not in (None, found.asked) or found.newest < self._looked_to:  # a person asks; or a rebuilt view
            self._unwritten.write(self._clock.now_ms())  # what is done must not be seen again
            self._queue.forget()
            look = self._record.look(0, self._clock.now_ms())
        self._asked = found.asked
        if self._wants.steps:  # somebody may have acted by now
            self._queue.revise(self._judged(self._queue.undecided()))
        self._unwritten.notes.extend(self._queue.see(self._judged(look.waits), look.past))
        self._looked_to = max([found.newest, *(m.number for m in look.waits[-1:])])

    def _judged(self, waits: Sequence[Pending]) -> list[Pending]:
        """As this consumer wants them, by what the ledger knows now."""
        asks, now_ms = self._wants.asks_facts and bool(waits), self._clock.now_ms()
        facts = self._record.facts({m.incident for m in waits}) if asks else {}
        return [m.judged(self._wants, facts.get(m.incident, Facts()).believed(now_ms)) for m in waits]

    def _beat(self) -> None:
        if self._off or self._queue.gone:
            return
        beat = self._pace.next(self._clock.now_ms(), self._as_of())
        if beat is not None:
            self._try_notice(notices.beat_of(self._sink.name, beat))

    def _raise_alarm(self) -> None:
        if self._off or self._queue.gone:
            return
        since = [
            ms
            for ms in (self._queue.troubled_ms(), self._pace.unheard_ms, self._maintenance.troubled_ms)
            if ms is not None
        ]
        news = self._silence.news(min(since, default=None), self._clock.monotonic_ms())
        if news is not None:
            self._tell_of(
                news, self._queue.trouble or self._maintenance.trouble or _DEAF if since else "it takes messages again"
            )

    def _send(self, plan: Plan) -> None:
        """Writes down what is to be, and only then begins: what a consumer may have must be known after a crash."""
        try:
            texts = self._unwritten.write(self._clock.now_ms(), plan)
        except BaseException:
            self._queue.not_begun(plan.start)
            raise
        for m in plan.start:
            attempt, stumbled = partial(self._attempt, m, texts.get(m.id)), partial(self._stumbled, m)
            # Whatever becomes of one attempt, its incident goes on.
            self._under_way.begin(attempt, stumbled, partial(self._queue.not_begun, (m,)))

    def _finish(self) -> None:
        """Hears what is still under way, and writes it down."""
        until_s = time.monotonic() + _STOP_S - 1
        while self._under_way.count and time.monotonic() < until_s:
            if not self._under_way.came:
                self._turn.wait(0.2)
            self._turn.clear()
            try:
                self._under_way.hear()
            except Exception:  # what came of the others is to be written all the same
                log.exception("sink %s stumbled while it ended", self._sink.name)
        with suppress(SQLAlchemyError):
            self._unwritten.write(self._clock.now_ms())
            self._maintenance.write()

    # --- attempts: each in a thread of its own -----------------------------------------------------------------------

    def _attempt(self, m: Pending, message: Message | None) -> Outcome:
        if message is None:  # it must hold up no other
            return partial(self._refused, m, "its row in the ledger cannot be read")
        try:
            receipt = self._sink.deliver(message)
        except NotDelivered as error:
            return partial(self._failed, m, str(error), error.perhaps, error.wait_s)
        except Refused as error:
            return partial(self._refused, m, str(error))
        except GivenUp as error:
            return partial(self._gave_up, str(error), m)
        return partial(self._delivered, m, receipt)

    def _stumbled(self, m: Pending, error: Exception) -> Outcome:
        """A defect of the sink: the next warning may matter."""
        log.error("sink %s stumbled over %s; it will try again", self._sink.name, m.id, exc_info=error)
        return partial(self._failed, m, _said(error), True, None)

    def _try_notice(self, notice: Notice) -> None:
        def attempt() -> Outcome:
            assert isinstance(self._sink, TakesNotices)
            try:
                self._sink.notify(notice)
            except (GivenUp, Refused, NotDelivered) as error:
                return partial(self._told, notice, error)
            return partial(self._told, notice, None)

        def stumbled(error: Exception) -> Outcome:
            log.error("sink %s stumbled over a notice", self._sink.name, exc_info=error)
            return partial(self._told, notice, error)

        self._under_way.begin(attempt, stumbled)

    # --- what came of them, in the sink's own thread -----------------------------------------------------------------

    def _delivered(self, m: Pending, receipt: str) -> None:
        was_gone = bool(self._queue.gone)
        self._queue.delivered(m, self._clock.monotonic_ms())
        self._unwritten.results.append(Result(m.id, receipt, delivered_ms=self._clock.now_ms()))
        if was_gone:
            self._is_back()

    def _failed(self, m: Pending, why: str, perhaps: bool, wait_s: float | None) -> None:
        wait_ms = None if wait_s is None else self._clock_ms(wait_s)
        now_ms = self._clock.monotonic_ms()
        self._queue.failed(m, f"{m.id}: {why}", now_ms, perhaps=perhaps, wait_ms=wait_ms)
        self._unwritten.results.append(Result(m.id, why, perhaps=perhaps or m.perhaps))
        log.warning("sink %s: %s: %s", self._sink.name, m.id, why)

    def _refused(self, m: Pending, why: str) -> None:
        aside = self._queue.refused(m, why, self._clock.monotonic_ms())
        noted = Noted.SET_ASIDE if aside else None
        self._unwritten.results.append(Result(m.id, why, noted=noted, perhaps=m.perhaps))
        what = "%s refuses %s, which is set aside: %s" if aside else "%s refuses %s: %s"
        log.log(logging.ERROR if aside else logging.WARNING, f"sink {what}", self._sink.name, m.id, why)

    def _gave_up(self, why: str, m: Pending | None) -> None:
        if m is not None:
            self._unwritten.results.append(Result(m.id, why, perhaps=m.perhaps))
        if self._queue.said_gone(why, self._clock.monotonic_ms(), m):
            self._unwritten.said_gone(why, self._clock.now_ms())
            self._tell_of(NoticeType.GONE, why)

    def _told(self, notice: Notice, error: Exception | None) -> None:
        now_ms = self._clock.monotonic_ms()
        taken = error is None or (isinstance(error, Refused) and notice.kind is not None)  # it does not want this one
        if notice.type is NoticeType.TEST and notice.sink == self._sink.name:
            self._queue.tested(taken, now_ms)
            if taken:
                self._is_back()
            return
        if notice.type is NoticeType.HEARTBEAT:
            self._pace.done(taken, now_ms)
        elif notice.type is NoticeType.MAINTENANCE:
            asked_s = error.wait_s if isinstance(error, NotDelivered) else None
            self._maintenance.came_to(error, self._clock_ms(asked_s or 0.0))
        else:
            self._notices.done(taken, now_ms)
        if isinstance(error, GivenUp):
            self._gave_up(str(error), None)

    def _is_back(self) -> None:
        self._unwritten.is_back()
        self._tell_of(NoticeType.BACK, "it takes messages again")

    def _tell_of(self, kind: NoticeType, why: str) -> None:
        """The others, of this one."""
        if kind is NoticeType.SILENT:
            why = f"it takes nothing: {why}"
        log.log(logging.WARNING if kind is NoticeType.BACK else logging.ERROR, "sink %s: %s", self._sink.name, why)
        self._tell(notices.about(kind, self._sink.name, why, self._clock.now_ms()))

    def _clock_ms(self, real_s: float) -> int:
        """A span of real time in this clock's milliseconds."""
        return round(real_s * 1000 / self._clock.real_s(1.0))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
