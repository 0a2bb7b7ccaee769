"""Mistakes that others have made, to be planted on purpose: a campaign that does not find them is worth nothing.

Each wraps production code while it lasts; production code knows nothing of it. Each is found by a property that is
named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select
from sqlalchemy import Engine as Ledger

from cloud.delivery import heartbeat, queue
from cloud.delivery.maintenance_queue import OPENING, MaintenanceQueue
from cloud.delivery.queue import Queue
from cloud.delivery.record import Record, Result
from cloud.delivery.tables import maintenance_deliveries as deliveries
from cloud.delivery.values import Noted, Pending
from cloud.delivery.wants import Facts, Step, Unwanted, Wants, next_within
from cloud.hydrology.windows import FallenRain
from cloud.log.log_clock import Instant, LogClock
from cloud.maintenance import engine as maintenance
from cloud.warnings import blind, incidents, store
from cloud.warnings import tables as t
from cloud.warnings.detectors import rate_of_rise
from cloud.warnings.engine import Engine
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Incident, Message, Why
from cloud.warnings.news import Haste, Told, news
from cloud.warnings.store import Kept
from contract.catalogue.rules import Level
from contract.conditions import judging, memory, reconciling, taking_in
from contract.conditions.columns import LEVELS, NEVER, NO_LEVEL, State
from contract.conditions.latches import Conditions
from contract.conditions.limits import Limits
from contract.conditions.state import Change, Late
from contract.conditions.stored import Stored
from contract.quality.counting import Counter
from contract.quality.counting import Step as Counted
from simulators.promise.bugs import clear_on_stale


@contextmanager
def replaced(owner: Any, name: str, new: Any) -> Iterator[None]:
    """An attribute of a class or module is another while it lasts."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, old)


@dataclass(frozen=True, slots=True)
class Bug:
    """plant: puts it in. found_by: the properties of which one must find it."""

    plant: Callable[[], AbstractContextManager[None]]
    found_by: frozenset[str]


def _clock_step_believed() -> AbstractContextManager[None]:
    """The wall clock is right, whatever it says."""

    def trusting(self: LogClock, at: Instant) -> int:
        self.believe(at)
        return at.wall_ms

    return replaced(LogClock, "now_ms", trusting)


def _told_twice_after_crash() -> AbstractContextManager[None]:
    """What was delivered is not written down: after a restart it goes out again."""
    begin = Record.begin

    def careless(self: Record, results: Sequence[Result], *rest: Any) -> dict[str, Message]:
        return begin(self, [r for r in results if r.delivered_ms is None], *rest)

    return replaced(Record, "begin", careless)


def _expired_as_new() -> AbstractContextManager[None]:
    """A consumer that was down gets what has expired meanwhile."""
    return replaced(queue, "_expired", lambda _message, _utc_ms: False)


def _poisoned_blocks() -> AbstractContextManager[None]:
    """A message that is refused is taken for a consumer that wants to be left alone."""

    def stubborn(self: Queue, message: Pending, why: str, now_ms: int) -> bool:
        self.failed(message, why, now_ms, wait_ms=3_600_000)
        return False

    return replaced(Queue, "refused", stubborn)


def _one_sample_raises() -> AbstractContextManager[None]:
    """One finding at or above a level is evidence enough."""
    return replaced(judging, "_EVIDENCE", 1)


def _clear_on_rule_edit() -> AbstractContextManager[None]:
    """What was held under another rule is forgotten."""

    def dropped(state: State, _limits: Limits, row: int, _stored: Stored) -> None:
        for column in (state.above_ms, state.set_ms, state.from_ms):
            column[:, row] = NEVER
        state.level[row] = NO_LEVEL

    return replaced(reconciling, "_under_another_rule", dropped)


def _mute_read_as_dry() -> AbstractContextManager[None]:
    """A sensor that is muted counts as dry."""
    mute = Conditions.mute

    def careless(self: Conditions, state: State, rows: Sequence[int], until_ms: int, now_ms: int) -> list[Change]:
        changes = mute(self, state, rows, until_ms, now_ms)
        for row in rows:
            state.level[row], state.set_ms[:, row] = NO_LEVEL, NEVER
        return [replace(c, level=None) for c in changes]

    return replaced(Conditions, "mute", careless)


def _ordinal_lost() -> AbstractContextManager[None]:
    """What was told since the last snapshot is counted a second time after a restart."""
    load = store.load

    def forgetful(db: Connection, name: str, engine: Engine) -> Kept:
        kept = load(db, name, engine)
        since = t.messages.c.entry > kept.cursor
        again = db.execute(select(func.count()).where(since)).scalar() or 0
        return replace(kept, state=replace(kept.state, number=kept.state.number + again))

    return replaced(store, "load", forgetful)


def _dip_resets() -> AbstractContextManager[None]:
    """One reading below a level, and what was above it before counts for nothing."""
    return replaced(memory, "two_fifths", lambda up_ms, of_ms: up_ms >= of_ms)


def _untold() -> AbstractContextManager[None]:
    """While an incident's own level stands, nothing that happens in it is news."""
    look = news

    def deaf(told: Told, now: Incident, *rest: Any) -> tuple[Why, Haste]:
        why, haste = look(told, now, *rest)
        return (Why.RENEWAL, Haste.RENEWAL) if why in (Why.JOINED, Why.DEEPER) else (why, haste)

    return replaced(incidents, "news", deaf)


def _late_history_raises() -> AbstractContextManager[None]:
    """A level that history reached is set, as though it had been heard of in time."""
    note = taking_in._late

    def hasty(state: State, limits: Limits, row: int, channel: int, time_ms: int, now_ms: int, value: float) -> Late:
        late = note(state, limits, row, channel, time_ms, now_ms, value)
        if late.level is not None:
            reached = np.arange(len(LEVELS)) <= late.level.rank
            new = reached & np.isfinite(limits.threshold[:, row]) & (state.set_ms[:, row] == NEVER)
            state.set_ms[new, row], state.from_ms[new, row] = now_ms, time_ms
        return late

    return replaced(taking_in, "_late", hasty)


def _ended_opens_again() -> AbstractContextManager[None]:
    """What a person ended is forgotten at once."""
    end = Incidents.end

    def hasty(self: Incidents, state: IncidentState, *rest: Any) -> Any:
        out = end(self, state, *rest)
        state.aside.clear()
        return out

    return replaced(Incidents, "end", hasty)


def _silence_untold() -> AbstractContextManager[None]:
    """A sensor that says nothing says nothing bad: it counts as heard."""
    return replaced(blind, "_sense", lambda _condition: blind._HEARD)


def _notice_lost_at_restart() -> AbstractContextManager[None]:
    """What was told of blind zones is forgotten when the cloud starts again."""
    return replaced(store, "blind_from_json", lambda _data: blind.BlindState())


def _silence_forgotten_at_ticks() -> AbstractContextManager[None]:
    """Half a minute without an entry, and nobody is blamed for silence: the cloud takes it for its own."""
    return replaced(maintenance, "AWAY_MS", 30_000)


def _notice_told_again() -> AbstractContextManager[None]:
    """A maintenance notice that was taken before a start of the cloud counts as begun, no more: it goes out again."""
    begin = MaintenanceQueue.__init__

    def forgetful(self: MaintenanceQueue, ledger: Ledger, sink: str, *rest: Any) -> None:
        begin(self, ledger, sink, *rest)
        with ledger.begin() as db:
            mine = deliveries.c.sink == sink, deliveries.c.part == OPENING
            db.execute(deliveries.update().where(*mine).values(done_ms=None))

    return replaced(MaintenanceQueue, "__init__", forgetful)


def _window_never_slides() -> AbstractContextManager[None]:
    """What fell before the window counts in it, too."""
    since = FallenRain.since
    return replaced(FallenRain, "since", lambda self, _begin_ms, end_ms: since(self, 0, end_ms))


def _fall_read_as_wrap() -> AbstractContextManager[None]:
    """A counter that shows less than before has gone round, whatever it shows."""
    from_to = Counter.from_to

    def simple(self: Counter, before: float, after: float, elapsed_s: float) -> tuple[Counted, float]:
        if after < before and self.wraps_at is not None:
            return Counted.WRAP, after - before + self.wraps_at
        return from_to(self, before, after, elapsed_s)

    return replaced(Counter, "from_to", simple)


def _rise_in_millimetres() -> AbstractContextManager[None]:
    """A slope is taken for centimetres and is in millimetres."""
    return replaced(rate_of_rise, "_CM_PER_MIN", 10 * rate_of_rise._CM_PER_MIN)


def _red_waits_for_hours() -> AbstractContextManager[None]:
    """Red keeps to the hours of a step, too."""
    due = Step.due_ms

    def waiting(self: Step, level: Level, facts: Facts, zone: tzinfo) -> int | Unwanted:
        at = due(self, level, facts, zone)
        return at if isinstance(at, Unwanted) else next_within(at, self.begins, self.ends, zone)

    return replaced(Step, "due_ms", waiting)


def _escalated_all_the_same() -> AbstractContextManager[None]:
    """What somebody acts on is escalated like what nobody acts on."""
    due = Step.due_ms
    return replaced(
        Step, "due_ms", lambda self, level, facts, zone: due(self, level, replace(facts, acted_ms=None), zone)
    )


def _zones_unheeded() -> AbstractContextManager[None]:
    """Who wants some zones gets all of them."""
    takes = Wants._takes
    return replaced(Wants, "_takes", lambda self, m, facts: takes(self, m, replace(facts, zones=frozenset())))


def _level_filtered_to_the_end() -> AbstractContextManager[None]:
    """Whoever was told of red hears nothing of it any more once it is orange, where red alone is wanted."""
    judged = Pending.judged

    def strict(self: Pending, wants: Wants, facts: Facts) -> Pending:
        found = judged(self, wants, facts)
        return replace(found, expires_ms=0) if found.unwanted is Noted.FILTERED else found

    return replaced(Pending, "judged", strict)


def _as_of_the_clock() -> AbstractContextManager[None]:
    """A heartbeat says that all is handled up to the moment at which it is sent."""
    beat = heartbeat.heartbeat
    return replaced(heartbeat, "heartbeat", lambda now_ms, _as_of_ms, every_s: beat(now_ms, now_ms, every_s))


def _beats_counted_from_the_start() -> AbstractContextManager[None]:
    """Heartbeats are numbered from one on at each start of the cloud."""
    following = heartbeat.Pace.next
    sent: dict[int, int] = {}

    def counting(self: heartbeat.Pace, now_ms: int, as_of_ms: int | None) -> heartbeat.Heartbeat | None:
        found = following(self, now_ms, as_of_ms)
        if found is None:
            return None
        sent[id(self)] = sent.get(id(self), 0) + 1
        return replace(found, number=sent[id(self)])

    return replaced(heartbeat.Pace, "next", counting)


BUGS: dict[str, Bug] = {
    "clear-on-silence": Bug(clear_on_stale, frozenset({"silence-clears-nothing", "ended-only-when-dry"})),
    "clear-on-rule-edit": Bug(_clear_on_rule_edit, frozenset({"a-rule-change-clears-nothing"})),
    "one-sample-raises": Bug(_one_sample_raises, frozenset({"one-sample-is-not-enough"})),
    "dip-resets": Bug(_dip_resets, frozenset({"a-dip-resets-nothing"})),
    "worse-within-level-untold": Bug(_untold, frozenset({"worse-within-a-level-is-told"})),
    "late-history-raises": Bug(_late_history_raises, frozenset({"late-history-is-not-now"})),
    "ended-opens-again": Bug(_ended_opens_again, frozenset({"what-a-person-ended-stays-ended"})),
    "mute-read-as-dry": Bug(_mute_read_as_dry, frozenset({"mute-is-not-dry"})),
    "silence-untold": Bug(_silence_untold, frozenset({"a-blind-zone-is-told"})),
    "notice-lost-at-restart": Bug(_notice_lost_at_restart, frozenset({"a-blind-zone-is-told-once"})),
    "silence-forgotten-at-ticks": Bug(_silence_forgotten_at_ticks, frozenset({"a-dead-gateway-is-told"})),
    "maintenance-told-again": Bug(_notice_told_again, frozenset({"each-notice-once"})),
    "red-waits-for-hours": Bug(_red_waits_for_hours, frozenset({"red-goes-by-no-hours"})),
    "escalated-all-the-same": Bug(_escalated_all_the_same, frozenset({"acted-on-is-not-escalated"})),
    "zones-unheeded": Bug(_zones_unheeded, frozenset({"only-what-it-wants"})),
    "filtered-to-the-end": Bug(_level_filtered_to_the_end, frozenset({"in-force-arrives", "poisoned-blocks-nothing"})),
    "as-of-the-clock": Bug(_as_of_the_clock, frozenset({"as-of-is-handled"})),
    "beats-counted-from-the-start": Bug(_beats_counted_from_the_start, frozenset({"a-heartbeat-is-numbered"})),
    "ordinal-lost-at-snapshot": Bug(_ordinal_lost, frozenset({"replay-says-the-same"})),
    "told-twice-after-crash": Bug(_told_twice_after_crash, frozenset({"said-once"})),
    "expired-as-new": Bug(_expired_as_new, frozenset({"expired-is-not-news"})),
    "poisoned-blocks": Bug(_poisoned_blocks, frozenset({"poisoned-blocks-nothing"})),
    "window-never-slides": Bug(_window_never_slides, frozenset({"raised-on-evidence", "ends-when-dry"})),
    "fall-read-as-wrap": Bug(_fall_read_as_wrap, frozenset({"raised-on-evidence"})),
    "rise-in-millimetres": Bug(_rise_in_millimetres, frozenset({"raised-on-evidence"})),
    "clock-step-believed": Bug(_clock_step_believed, frozenset({"a-clock-step-is-not-believed"})),
}


def planted(name: str | None) -> AbstractContextManager[None]:
    """Raises KeyError for a bug that nobody has thought of."""
    return nullcontext() if name is None else BUGS[name].plant()
