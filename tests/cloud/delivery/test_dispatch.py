"""Delivery: what is in force, newest and worst first, insistently, under one id, never again once it is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, update
from sqlalchemy.exc import OperationalError

from cloud.delivery.base import GivenUp, NotDelivered, Refused
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.notice import NoticeType, about
from cloud.delivery.record import ask_again, set_aside, switch
from cloud.delivery.state import SinkMode
from cloud.delivery.tables import deliveries
from cloud.delivery.values import Policy
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from tests.cloud.delivery.played import (
    START_MS,
    Blocking,
    Consumer,
    Plain,
    PlayedClock,
    delivered,
    delivering,
    message,
    noted,
    played,
    put,
    rows,
)
from tests.waiting import until


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


def metric(d: Dispatcher) -> tuple[int | None, int | None, dict[str, int]]:
    """Delivered, waiting, and what was noted."""
    state = d.state()
    return state.delivered, state.waiting, {k: n for k, n in (state.noted or {}).items() if n}


def test_an_incident_is_told_in_order_over_failures_and_a_restart_tells_nothing_twice(ledger: Engine) -> None:
    consumer, clock = Consumer(script=[NotDelivered("HTTP 503"), NotDelivered("refused")]), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, consumer, clock) as d:
        played(clock, lambda: delivered(ledger) == {"m1"})
        assert consumer.tried == ["m1", "m1", "m1"]
        put(ledger, message(2, "i", "Update"))
        until(lambda: delivered(ledger) == {"m1", "m2"})
        put(ledger, message(3, "i", "Cancel"))
        until(lambda: delivered(ledger) == {"m1", "m2", "m3"})
        assert metric(d) == (3, 0, {})
        assert d.state().trouble == ""
    assert consumer.has == ["m1", "m2", "m3"]
    assert (rows(ledger)["m1"].attempts, rows(ledger)["m2"].attempts) == (3, 1)
    assert rows(ledger)["m1"].receipt == "thanks"
    again = Consumer()
    put(ledger, message(4, "j"))
    with delivering(ledger, again):
        until(lambda: "m4" in delivered(ledger))
    assert again.has == ["m4"]


def test_a_new_sink_gets_the_latest_of_each_open_incident_worst_first(ledger: Engine) -> None:
    old = [message(n, f"old{n % 100}", "Update" if n > 100 else "Alert", lasts_s=None) for n in range(1, 401)]
    put(ledger, *old, *(message(401 + n, f"old{n}", "Cancel") for n in range(100)))
    put(ledger, message(501, "a", level="blue"), message(502, "b", level="orange"), message(503, "a", "Update", "blue"))
    put(ledger, message(504, "c", level="red", lasts_s=-60), message(505, "d", level="red"))
    consumer = Consumer()
    with delivering(ledger, consumer) as d:
        until(lambda: len(rows(ledger)) == 505)
        until(lambda: len(delivered(ledger)) == 3)
        assert metric(d) == (3, 0, {"superseded": 401, "untold": 100, "expired": 1})
    assert consumer.has == ["m505", "m502", "m503"]


def test_who_was_down_gets_no_expired_alert_and_the_end_of_what_it_was_told(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    put(ledger, message(1, "known", lasts_s=60))
    with delivering(ledger, consumer, clock):
        until(lambda: delivered(ledger) == {"m1"})
        consumer.script = [NotDelivered("connection refused")] * 3
        put(ledger, message(2, "short", lasts_s=60))
        until(lambda: len(consumer.tried) == 2)
        clock.move(600)
        played(clock, lambda: noted(ledger) == {"m2": "expired"})
        put(ledger, message(3, "short", "Cancel", lasts_s=120), message(4, "known", "Cancel", lasts_s=120))
        played(clock, lambda: delivered(ledger) == {"m1", "m4"})
    assert consumer.has == ["m1", "m4"]
    assert noted(ledger) == {"m2": "expired", "m3": "untold"}


def test_a_red_one_overtakes_twenty_that_wait_and_each_incident_keeps_its_order(ledger: Engine) -> None:
    consumer = Blocking()
    put(ledger, *(message(n, f"i{n}", level="blue") for n in range(1, 21)))
    with delivering(ledger, consumer, policy=Policy(parallel=2)) as d:
        until(lambda: len(consumer.tried) == 2)
        put(ledger, message(21, "red"), message(22, "i1", "Update", "yellow"))
        until(lambda: d.state().waiting == 21)  # one of i1, with its Update behind the one that is under way
        consumer.free.release()
        until(lambda: len(consumer.tried) == 3)
        assert consumer.tried[2] == "m21"
        consumer.free.release(30)
        until(lambda: len(delivered(ledger)) == 22)
    assert consumer.has.index("m1") < consumer.has.index("m22")


def test_who_is_woken_does_not_wait_for_the_next_look(ledger: Engine) -> None:
    consumer = Consumer()
    put(ledger, message(1, "i"))
    d = Dispatcher(ledger, consumer, PlayedClock(), idle_s=3600.0)
    d.start()
    until(lambda: delivered(ledger) == {"m1"})
    put(ledger, message(2, "i", "Update"))
    d.wake()
    until(lambda: delivered(ledger) == {"m1", "m2"})
    d.stop()  # at once, too


def test_a_look_for_news_costs_what_is_new_however_much_was_delivered(ledger: Engine) -> None:
    put(ledger, *(message(n, f"i{n % 7}", "Update") for n in range(1, 3000)))
    with ledger.begin() as db:
        done = {"sink": "c", "attempts": 1, "first_ms": 0, "delivered_ms": 1, "receipt": ""}
        db.execute(insert(deliveries), [{**done, "message": f"m{n}"} for n in range(1, 3000)])
    steps, told = [0], Consumer()

    @event.listens_for(ledger, "connect")
    def count(connection: Any, _record: object) -> None:
        connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 10)

    ledger.dispose()  # those that are open do not count
    with delivering(ledger, told):
        put(ledger, message(3000, "new"))
        until(lambda: told.has == ["m3000"])
        until(lambda: "m3000" in delivered(ledger))
        steps[0] = 0
        put(ledger, message(3001, "new", "Update"))
        until(lambda: told.has == ["m3000", "m3001"])
    assert steps[0] < 5000  # with hundreds of looks: a walk over all is 30,000


# --- what consumers answer --------------------------------------------------------------------------------------------


def test_a_poisoned_message_is_set_aside_by_name_and_the_rest_goes_on(ledger: Engine) -> None:
    consumer, clock = Consumer(of={"m1": [Refused("HTTP 422")] * 99}), PlayedClock()
    put(ledger, message(1, "bad"), message(2, "good"))
    with delivering(ledger, consumer, clock) as d:
        until(lambda: delivered(ledger) == {"m2"})
        played(clock, lambda: "m1" in noted(ledger))
        assert clock.now_ms() - START_MS < 120_000
        assert consumer.tried.count("m1") == 5
        assert metric(d) == (1, 0, {"set_aside": 1})
        assert d.state().aside == ["m1"]
        assert d.trouble().startswith("m1 was refused and is set aside (HTTP 422): mend it, then `headwater-cloud sink")
        (aside,) = set_aside(ledger, "c")
        assert (aside.message, aside.attempts, aside.why) == ("m1", 5, "HTTP 422")
        consumer.of.clear()
        ask_again(ledger, "c")
        until(lambda: delivered(ledger) == {"m1", "m2"})
        assert metric(d) == (2, 0, {})
        assert d.trouble() == ""


def test_what_was_set_aside_is_not_told_after_a_newer_one_when_it_is_asked_for(ledger: Engine) -> None:
    consumer, clock = Consumer(of={"m1": [Refused("HTTP 422")]}), PlayedClock()
    put(ledger, message(1, "bad"))
    with delivering(ledger, consumer, clock, Policy(refusals=1)):
        until(lambda: "m1" in noted(ledger))
        put(ledger, message(2, "bad", "Update"))
        until(lambda: delivered(ledger) == {"m2"})
        ask_again(ledger, "c")
        until(lambda: noted(ledger) == {"m1": "superseded"})
    assert consumer.tried == ["m1", "m2"]


def test_410_is_loud_to_all_and_a_test_brings_it_back(ledger: Engine) -> None:
    consumer, other, clock = Consumer(script=[GivenUp("410")], tests=[GivenUp("410")]), Consumer("other"), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, other, clock) as b, delivering(ledger, consumer, clock, tell=b.notify) as a:
        until(lambda: [n.type for n in other.told] == [NoticeType.GONE])
        assert (other.told[0].sink, other.told[0].why) == ("c", "410")
        assert a.state().mode is SinkMode.GONE
        assert a.alive()
        assert a.trouble().startswith("410: it gets a test message every ten minutes")
        put(ledger, message(2, "i", "Update"), message(3, "j", lasts_s=60))
        clock.move(599)
        until(lambda: noted(ledger).get("m3") == "expired")
        assert (consumer.tried, consumer.told) == (["m1"], [])
        clock.move(1)
        until(lambda: len(consumer.told) == 1)
        assert (consumer.told[0].type, consumer.tried) == (NoticeType.TEST, ["m1"])
        played(clock, lambda: consumer.has == ["m2"], 60)
        until(lambda: [n.type for n in other.told] == [NoticeType.GONE, NoticeType.BACK])
        assert clock.now_ms() - START_MS >= 1_200_000
        assert len(consumer.told) == 2
        assert (a.state().mode, a.trouble()) == (SinkMode.WORKING, "")
    assert noted(ledger) == {"m1": "superseded", "m3": "expired"}


def test_one_that_is_gone_is_so_after_a_restart_and_asked_at_once(ledger: Engine) -> None:
    put(ledger, message(1, "i"))
    with delivering(ledger, Consumer(script=[GivenUp("410")])) as d:
        until(lambda: d.state().mode is SinkMode.GONE)
    consumer = Consumer(tests=[NotDelivered("HTTP 503")])
    with delivering(ledger, consumer) as d:
        until(lambda: len(consumer.told) == 1)
        assert d.state().mode is SinkMode.GONE
    with delivering(ledger, consumer):
        until(lambda: consumer.has == ["m1"])


def test_a_sink_that_takes_warnings_alone_is_asked_by_the_newest(ledger: Engine) -> None:
    consumer, clock = Consumer(script=[GivenUp("410")]), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, Plain(consumer), clock) as d:
        d.notify(about(NoticeType.GONE, "x", "410", 1))  # it cannot be told
        until(lambda: d.state().mode is SinkMode.GONE)
        put(ledger, message(2, "i", "Update"))
        until(lambda: d.state().waiting == 1)
        assert consumer.tried == ["m1"]
        clock.move(600)
        until(lambda: consumer.has == ["m2"])
        until(lambda: d.state().mode is SinkMode.WORKING)


def test_a_notice_is_given_up_after_some_tries_and_waits_for_warnings(ledger: Engine) -> None:
    consumer, clock = Consumer(tests=[NotDelivered("HTTP 500")] * 5), PlayedClock()
    with delivering(ledger, consumer, clock) as d:
        d.notify(about(NoticeType.GONE, "x", "410", 1))
        d.notify(about(NoticeType.BACK, "x", "", 2))
        played(clock, lambda: len(consumer.told) == 6)
    assert [n.type for n in consumer.told] == [NoticeType.GONE] * 5 + [NoticeType.BACK]


def test_retry_after_is_heeded(ledger: Engine) -> None:
    consumer, clock = Consumer(script=[NotDelivered("HTTP 429", wait_s=30.0)]), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, consumer, clock) as d:
        until(lambda: d.trouble() == "m1: HTTP 429")
        clock.move(29)
        put(ledger, message(2, "j", level="blue"))
        until(lambda: d.state().waiting == 2)
        assert consumer.tried == ["m1"]
        clock.move(1)
        until(lambda: delivered(ledger) == {"m1", "m2"})


def test_who_may_have_it_gets_the_end_and_who_cannot_does_not(ledger: Engine) -> None:
    unsure, clock = Consumer(script=[NotDelivered("no answer", perhaps=True)]), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, unsure, clock):
        until(lambda: "m1" in rows(ledger) and rows(ledger)["m1"].attempts == 1)
    put(ledger, message(2, "i", "Cancel"))
    after = Consumer()
    with delivering(ledger, after):
        until(lambda: after.has == ["m2"])
    refused = Consumer("d", script=[NotDelivered("refused")])
    with delivering(ledger, refused):
        until(lambda: noted(ledger, "d") == {"m1": "superseded", "m2": "untold"})


def test_a_crash_while_a_message_is_under_way_does_not_keep_the_end_from_who_has_it(ledger: Engine) -> None:
    consumer = Blocking()
    put(ledger, message(1, "i"))
    with delivering(ledger, consumer):
        until(lambda: consumer.tried == ["m1"])
        assert rows(ledger)["m1"].perhaps  # all that is left after a crash here
        put(ledger, message(2, "i", "Cancel"))
        after = Consumer()
        with delivering(ledger, after):
            until(lambda: after.has == ["m2"])
        consumer.free.release(2)


# --- people, and troubles of our own ----------------------------------------------------------------------------------


def test_off_and_on_by_a_person(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    switch(ledger, "c", "shell:ann", START_MS)
    put(ledger, message(1, "i"), message(2, "j", lasts_s=60))
    with delivering(ledger, consumer, clock) as d:
        until(lambda: d.state().mode is SinkMode.OFF)
        assert d.trouble() == "switched off by shell:ann"
        put(ledger, message(3, "i", "Update"))
        clock.move(120)
        until(lambda: noted(ledger) == {"m1": "superseded", "m2": "expired"})
        assert consumer.tried == []
        switch(ledger, "c", None, START_MS)
        until(lambda: delivered(ledger) == {"m3"})
    with delivering(ledger, consumer, enabled=False) as d:
        until(lambda: d.trouble() == "switched off in the configuration")


def test_a_rebuilt_view_tells_nothing_again(ledger: Engine) -> None:
    """The same messages come again, by and by, and an end of what is over."""
    told = [message(1, "i"), message(2, "i", "Update"), message(3, "i", "Cancel"), message(4, "j")]
    consumer = Consumer()
    with delivering(ledger, consumer):
        for m in told:
            put(ledger, m)
            until(lambda m=m: m.id in delivered(ledger))
        with ledger.begin() as db:
            db.execute(delete(t.messages))
        for m in told:
            put(ledger, m)
        put(ledger, message(5, "new"))
        until(lambda: "m5" in delivered(ledger))
    assert consumer.has == ["m1", "m2", "m3", "m4", "m5"]


def test_a_sink_can_be_asked_how_it_is_while_the_ledger_is_away(ledger: Engine) -> None:
    put(ledger, message(1, "i"))
    d = Dispatcher(ledger, Consumer(), PlayedClock())
    assert metric(d) == (0, 1, {})
    with ledger.begin() as db:
        db.exec_driver_sql("drop table deliveries")
    gone = d.state()
    assert (gone.delivered, gone.waiting) == (None, None)
    assert gone.trouble.startswith("the ledger is out of reach: ")


def test_a_defect_in_a_sink_does_not_end_delivery(ledger: Engine) -> None:
    consumer, clock = Consumer(script=[ValueError("a url that no check foresaw")]), PlayedClock()
    put(ledger, message(1, "i"))
    with delivering(ledger, consumer, clock):
        played(clock, lambda: delivered(ledger) == {"m1"})


@pytest.mark.parametrize("statement", ["INSERT INTO deliveries", "SELECT messages", "SELECT sinks"])
def test_a_ledger_that_is_away_now_and_then_loses_and_doubles_nothing(ledger: Engine, statement: str) -> None:
    away = [True] * 5

    @event.listens_for(ledger, "before_cursor_execute")
    def refuse(_db: Any, _cursor: Any, said: str, *_: Any) -> None:
        if away and said.startswith(statement):
            away.pop()
            raise OperationalError("update", {}, Exception("gone"))

    consumer = Consumer()
    put(ledger, *(message(n, f"i{n}") for n in range(1, 5)), message(5, "i1", "Update"))
    with delivering(ledger, consumer, policy=Policy(parallel=2)):
        until(lambda: len(delivered(ledger)) == 4)
    assert not away
    assert sorted(consumer.has) == ["m2", "m3", "m4", "m5"]
    assert noted(ledger) == {"m1": "superseded"}


@pytest.mark.parametrize("damage", [{"level": "purple"}, {"msg_type": "Error"}, {"refs": "no JSON"}])
def test_a_row_that_cannot_be_read_blocks_no_other_and_is_set_aside_by_name(
    ledger: Engine, damage: dict[str, str]
) -> None:
    put(ledger, message(1, "bad"), message(2, "good", level="blue"))
    with ledger.begin() as db:
        db.execute(update(t.messages).where(t.messages.c.id == "m1").values(**damage))
    consumer, clock = Consumer(), PlayedClock()
    with delivering(ledger, consumer, clock) as d:
        until(lambda: delivered(ledger) == {"m2"})
        played(clock, lambda: noted(ledger) == {"m1": "set_aside"})
        assert "m1 was refused and is set aside (its row in the ledger cannot be read)" in d.trouble()


def test_what_an_older_release_gave_up_goes_out_if_it_is_in_force(ledger: Engine) -> None:
    put(ledger, message(1, "i"), message(2, "j"))
    with ledger.begin() as db:
        row = {"sink": "c", "attempts": 1, "first_ms": 0, "receipt": "410"}
        db.execute(insert(deliveries).values(**row, message="m1", given_up_ms=5))
        db.execute(insert(deliveries).values(**row, message="m2", delivered_ms=5))
        db.execute(update(deliveries).values(perhaps=False))
    consumer = Consumer()
    with delivering(ledger, consumer):
        until(lambda: delivered(ledger) == {"m1", "m2"})
    assert consumer.has == ["m1"]
