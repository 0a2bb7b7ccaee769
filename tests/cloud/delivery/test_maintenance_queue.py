"""Maintenance notices reach who asks for them, once each, whatever is killed, refused, out of reach or rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select, update

from cloud.delivery.base import NotDelivered, Refused
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.maintenance_queue import forget_notices
from cloud.delivery.maintenance_wants import ALL_AT_ONCE, MaintenanceSettings
from cloud.delivery.notice import NoticeType
from cloud.delivery.state import SinkMode
from cloud.delivery.tables import maintenance_deliveries as kept
from cloud.delivery.wants import Kind as Wanted
from cloud.delivery.wants import Wants
from cloud.ledger.open import open_ledger
from cloud.maintenance import tables as t
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.view import MaintenanceView, _rows, forget
from cloud.warnings.results import replace as put_in
from tests.cloud.delivery.played import START_MS, Consumer, PlayedClock, message, put
from tests.cloud.maintenance.test_engine import DISTRICT
from tests.cloud.maintenance.test_view import LOG

pytestmark = pytest.mark.unhurried
ASKS = Wants(frozenset({Wanted.MAINTENANCE, Wanted.WARNING}))
ZONES = {"s1": "north", "s2": "south"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


def notice(name: str, station: str | None = "s1") -> MaintenanceNotice:
    place = f"station/{station}" if station else "gateway/g"
    return MaintenanceNotice(name, Kind.TRIP, place, station, "g", START_MS, START_MS, None, None, "")


def stand(ledger: Engine, *found: MaintenanceNotice) -> None:
    """Into the ledger as the view writes them: a new number at each change."""
    with ledger.begin() as db:
        put_in(db, t.notices, _rows(db, found))


def over(n: MaintenanceNotice) -> MaintenanceNotice:
    return replace(n, closed_ms=START_MS + 60_000)


class Played:
    """A dispatcher that a test turns by hand: `turns` rounds, ten minutes apart where something failed."""

    def __init__(
        self, ledger: Engine, consumer: Any, wants: Wants = ASKS, which: MaintenanceSettings = ALL_AT_ONCE
    ) -> None:
        self.ledger, self.consumer, self.wants, self.clock = ledger, consumer, wants, PlayedClock()
        self.which = which
        self.start()

    def start(self) -> None:
        """Anew, as after a kill: nothing but the ledger is left."""
        self.dispatcher = Dispatcher(
            self.ledger,
            self.consumer,
            self.clock,
            wants=self.wants,
            zone_of=ZONES.get,
            maintenance=self.which,
            spawn=lambda attempt: attempt(),
            spread=lambda: 1.0,
        )

    def turn(self, rounds: int = 8, apart_s: float = 0.0) -> list[str]:
        """What the consumer was asked to take of maintenance."""
        before = len(self.consumer.told)
        for _ in range(rounds):
            self.dispatcher.step()
            self.clock.move(apart_s)
        return [n.id for n in self.consumer.told[before:] if n.type is NoticeType.MAINTENANCE]


A, B, C = notice("a"), notice("b", "s2"), notice("c", None)


@pytest.mark.parametrize(
    "deeds",
    [
        pytest.param([([A], ["a"]), ([over(A)], ["a-over"])], id="an opening and its end"),
        pytest.param([([A, B, C], ["a", "b", "c"])], id="the oldest change first"),
        pytest.param([([over(A)], [])], id="the end of what it never heard of"),
        pytest.param([([A], ["a"]), ([], []), ([over(A), B], ["a-over", "b"])], id="one after the other"),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_each_is_told_once(
    ledger: Engine, deeds: Sequence[tuple[Sequence[MaintenanceNotice], list[str]]], restarts: bool
) -> None:
    p = Played(ledger, Consumer())
    for found, told in deeds:
        stand(ledger, *found)
        assert p.turn() == told
        if restarts:
            p.start()
        assert p.turn() == []


@pytest.mark.parametrize(
    ("wants", "told"),
    [
        (Wants(frozenset({Wanted.WARNING})), []),
        (Wants(frozenset({Wanted.MAINTENANCE})), ["a", "b", "c"]),
        (Wants(frozenset({Wanted.MAINTENANCE}), zones=frozenset({"north"})), ["a", "c"]),
        (Wants(frozenset({Wanted.MAINTENANCE}), zones=frozenset({"west"})), ["c"]),
    ],
    ids=["not asked for", "all zones", "one zone and what is of none", "a zone where nothing is wrong"],
)
def test_only_what_it_wants(ledger: Engine, wants: Wants, told: list[str]) -> None:
    p = Played(ledger, Consumer(), wants)
    stand(ledger, A, B, C)
    assert p.turn() == told


def test_who_was_away_for_a_day_hears_what_is_wrong_now_and_the_end_of_what_it_knew(ledger: Engine) -> None:
    p = Played(ledger, Consumer())
    stand(ledger, A)
    assert p.turn() == ["a"]
    p.consumer.tests = [NotDelivered("HTTP 500")] * 10_000
    stand(ledger, B)
    assert set(p.turn(300, apart_s=300.0)) == {"b"}
    assert p.dispatcher.state().mode is SinkMode.FAILING
    assert p.dispatcher.trouble() == "maintenance notices are not taken: HTTP 500"
    stand(ledger, over(A), over(B), C)
    p.consumer.tests = []
    p.clock.move(600)
    assert p.turn() == ["a-over", "b-over", "c"]  # b may have reached it
    assert p.dispatcher.trouble() == ""


def test_who_takes_none_is_told_of_to_the_others(ledger: Engine) -> None:
    said: list[NoticeType] = []
    p = Played(ledger, Consumer(tests=[NotDelivered("HTTP 500")] * 10_000))
    p.dispatcher._tell = lambda n: said.append(n.type)
    stand(ledger, A)
    p.turn(4, apart_s=301.0)
    assert said == [NoticeType.SILENT]
    p.consumer.tests = []
    p.turn(4, apart_s=400.0)
    assert said == [NoticeType.SILENT, NoticeType.BACK]


def test_one_that_it_refuses_is_set_aside_after_five_tries_and_the_next_goes_out(ledger: Engine) -> None:
    p = Played(ledger, Consumer(tests=[Refused("HTTP 422")] * 5))
    stand(ledger, A, B)
    assert p.turn(20, apart_s=600.0) == ["a"] * 5 + ["b"]
    stand(ledger, over(A))
    p.start()
    assert p.turn() == []  # it did not want the opening


def test_warnings_go_first(ledger: Engine) -> None:
    """A consumer in trouble with warnings is not asked to take notices."""
    p = Played(ledger, Consumer(script=[NotDelivered("HTTP 500")]))
    put(ledger, message(1, "i"))
    stand(ledger, A)
    p.dispatcher.step()
    p.dispatcher.step()
    assert p.turn(1) == []
    p.turn(5, apart_s=10.0)
    assert p.consumer.has == ["m1"]
    assert [n.id for n in p.consumer.told] == ["a"]


class Killed(BaseException):
    """Ends the process."""


@pytest.mark.parametrize("statement", range(12))
def test_a_kill_between_any_two_statements_loses_none(ledger: Engine, statement: int) -> None:
    """It may be told twice, by the same id, when the kill falls between the consumer and the ledger."""
    count = 0

    def kill(*_: object) -> None:
        nonlocal count
        count += 1
        if count == statement + 1:
            raise Killed

    consumer = Consumer()
    p = Played(ledger, consumer)
    for change in (A, over(A)):
        stand(ledger, change)
        event.listen(ledger, "before_cursor_execute", kill)
        with suppress(Killed):
            p.turn(3)
        event.remove(ledger, "before_cursor_execute", kill)
        p.start()
        p.turn()
    told = [n.id for n in consumer.told]
    assert list(dict.fromkeys(told)) == ["a", "a-over"]
    assert len(told) <= 3
    assert p.turn() == []


Wrong = Callable[[Engine, MaintenanceView], None]


def _reset(ledger: Engine, view: MaintenanceView) -> None:
    view.reset()


def _forgotten(ledger: Engine, view: MaintenanceView) -> None:
    """`headwater-cloud view rebuild maintenance`"""
    with ledger.begin() as db:
        forget(db)


def _unreadable(ledger: Engine, view: MaintenanceView) -> None:
    with ledger.begin() as db:
        db.execute(update(t.state).values(body=b"{}"))


@pytest.mark.parametrize("what", [_reset, _forgotten, _unreadable])
@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_a_view_that_reads_the_log_again_tells_nothing_again(ledger: Engine, what: Wrong, at_once: int) -> None:
    view = MaintenanceView(ledger, DISTRICT)
    old, new = Played(ledger, Consumer()), Played(ledger, Consumer())
    for start in range(0, len(LOG), 20):
        view.apply(LOG[start : start + 20])
        old.turn(4)
    told = [n.id for n in old.consumer.told]
    assert len(told) == len(set(told)) == 3  # what opened, and the end of the one that is over
    what(ledger, view)
    view = MaintenanceView(ledger, DISTRICT)
    new.dispatcher = Dispatcher(
        ledger, Consumer("new"), new.clock, wants=ASKS, spawn=lambda attempt: attempt(), spread=lambda: 1.0
    )
    for start in range(0, len(LOG), at_once):
        view.apply(LOG[start : start + at_once])
        assert old.turn(1) == []
        new.dispatcher.step()
    (opened,) = view.reader.notices(open_only=True)
    assert [n.id for n in new.dispatcher._sink.told] == [opened.notice.id]  # type: ignore[attr-defined]


def test_what_was_told_goes_with_the_notice_and_not_before(ledger: Engine) -> None:
    p = Played(ledger, Consumer())
    stand(ledger, A, B)
    p.turn()
    with ledger.begin() as db:
        db.execute(t.notices.delete().where(t.notices.c.id == "a"))
        assert forget_notices(db, START_MS) == 0
        assert forget_notices(db, START_MS + 10**6) == 1
        assert db.execute(select(kept.c.notice)).scalars().all() == ["b"]


def test_a_notice_of_a_newer_release_holds_up_no_other(ledger: Engine) -> None:
    p = Played(ledger, Consumer())
    with ledger.begin() as db:
        row = {"id": "x", "number": 1, "audience": "crews", "opened_ms": 1, "body": '{"kind": "unheard_of"}'}
        db.execute(insert(t.notices).values(**row))
        assert db.execute(select(func.count()).select_from(t.notices)).scalar() == 1
    stand(ledger, A)
    assert p.turn() == ["a"]
