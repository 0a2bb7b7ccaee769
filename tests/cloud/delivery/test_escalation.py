"""A dispatcher with filters and escalation, on a real ledger, killed and begun again in between."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import yaml
from pydantic import ValidationError
from sqlalchemy import Engine, delete, insert
from typer.testing import CliRunner

from cloud.cli.main import app
from cloud.delivery.base import NotDelivered
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.escalation import EscalationSettings, told_by_nobody
from cloud.delivery.heartbeat import heartbeat
from cloud.delivery.notice import Notice, NoticeType
from cloud.delivery.record import Record, switch
from cloud.delivery.values import Policy
from cloud.delivery.wants import Step, Wants
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.model import Message
from contract.catalogue.rules import Level
from simulators.cli.main import DISTRICT
from tests.cloud.delivery.played import START_MS, Consumer, PlayedClock, message, noted, put


@pytest.fixture
def ledger(tmp_path) -> Engine:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def incident(ledger: Engine, name: str, zones: list[str], acted_ms: int | None = None) -> None:
    act = None if acted_ms is None else {"who": "person:ann", "at_ms": acted_ms}
    body = json.dumps({"zone": zones[0], "zones": zones, "acknowledged": act, "owner": None, "ended": None})
    row = {"id": name, "zone": zones[0], "opened_ms": START_MS, "body": body}
    with ledger.begin() as db:
        db.execute(delete(t.incidents).where(t.incidents.c.id == name))
        db.execute(insert(t.incidents).values(**row))


def dispatcher(ledger: Engine, consumer: Consumer, clock: PlayedClock, wants: Wants, **more) -> Dispatcher:
    return Dispatcher(ledger, consumer, clock, wants=wants, least_s=0.0, spawn=lambda attempt: attempt(), **more)


def run(d: Dispatcher, rounds: int = 4) -> None:
    for _ in range(rounds):
        d.step()


LATER = Wants(steps=(Step("first", 300.0, levels=frozenset({Level.ORANGE, Level.RED})),))


def test_a_filter_says_where_telling_begins_and_not_where_it_ends(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    d = dispatcher(ledger, consumer, clock, Wants(levels=frozenset({Level.ORANGE, Level.RED})))
    put(ledger, message(1, "a", level="yellow"), message(2, "b", level="red"))
    run(d)
    put(ledger, message(3, "b", "Update", "yellow"), message(4, "a", "Cancel", "yellow"))
    run(d)
    put(ledger, message(5, "b", "Cancel", "red"))
    run(d)
    assert consumer.has == ["m2", "m3", "m5"]
    assert noted(ledger) == {"m1": "filtered", "m4": "untold"}


def test_other_settings_find_what_is_in_force(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    with ledger.begin() as db:
        row = {"number": 1, "id": "m1", "incident": "a", "sent_ms": START_MS, "refs": "[]", "msg_type": "Alert"}
        db.execute(insert(t.messages).values(**row, level="yellow", cap_xml=b"<a/>", expires_ms=START_MS + 60_000))
    run(dispatcher(ledger, consumer, clock, Wants(levels=frozenset({Level.RED}))))
    assert (consumer.has, noted(ledger)) == ([], {"m1": "filtered"})
    run(dispatcher(ledger, consumer, clock, Wants()))
    assert consumer.has == ["m1"]


def test_zones_are_those_of_the_incident(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    incident(ledger, "a", ["north"])
    incident(ledger, "b", ["south", "east"])
    put(ledger, message(1, "a"), message(2, "b"))
    run(dispatcher(ledger, consumer, clock, Wants(zones=frozenset({"east"}))))
    assert consumer.has == ["m2"]


def test_nobody_acts_so_the_next_one_is_told_though_the_cloud_was_killed(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    incident(ledger, "a", ["north"])
    put(ledger, message(1, "a", level="orange"))
    run(d := dispatcher(ledger, consumer, clock, LATER))
    assert (consumer.has, noted(ledger), d.state().waiting) == ([], {}, 0)
    clock.move(200)
    run(dispatcher(ledger, consumer, clock, LATER))  # another life of the cloud
    assert consumer.has == []
    clock.move(101)
    run(d := dispatcher(ledger, consumer, clock, LATER))
    assert consumer.has == ["m1"]
    put(ledger, message(2, "a", "Update", "blue"))  # who was told is told on
    run(d)
    assert consumer.has == ["m1", "m2"]


def test_an_acknowledgement_in_time_stops_it_and_a_rise_begins_it_anew(ledger: Engine) -> None:
    consumer, clock = Consumer(), PlayedClock()
    incident(ledger, "a", ["north"])
    put(ledger, message(1, "a", level="orange"))
    d = dispatcher(ledger, consumer, clock, LATER)
    run(d)
    clock.move(299)
    incident(ledger, "a", ["north"], acted_ms=START_MS + 298_000)
    run(d)
    clock.move(100)
    run(d)
    assert (consumer.has, noted(ledger)) == ([], {"m1": "acknowledged"})
    put(ledger, message(399_000, "a", "Update", "red"))
    run(d)
    clock.move(299)
    run(d)
    assert consumer.has == []
    clock.move(2)
    run(d)
    assert consumer.has == ["m399000"]


class Ailing(Consumer):
    """Takes nothing until it is well."""

    ails = True

    def deliver(self, message: Message) -> str:
        if self.ails:
            raise NotDelivered("refused")
        return super().deliver(message)

    def notify(self, notice: Notice) -> str:
        if self.ails:
            raise NotDelivered("HTTP 410")
        return super().notify(notice)


def _in_trouble(_: Engine) -> None: ...


def _gone(ledger: Engine) -> None:
    Record(ledger, "c").set_gone("HTTP 410", START_MS)


def _off(ledger: Engine) -> None:
    switch(ledger, "c", "bob", START_MS)


@pytest.mark.parametrize("state", [_in_trouble, _gone, _off])
@pytest.mark.parametrize("acted_s", [280, 600])
@pytest.mark.parametrize("restarts", [False, True])
def test_who_acts_before_the_next_one_is_reached_stops_it(ledger: Engine, state, acted_s: int, restarts: bool) -> None:
    """Also after it fell due, while the next one takes nothing; and the next rise begins it anew."""
    consumer, clock = Ailing(), PlayedClock()

    def played(*seconds: int) -> None:
        for _ in range(*seconds, 20):
            d.step()
            clock.move(20)

    d = dispatcher(ledger, consumer, clock, LATER, spread=lambda: 1.0)
    state(ledger)
    incident(ledger, "a", ["north"])
    put(ledger, message(1, "a", level="orange"))
    played(0, acted_s)
    incident(ledger, "a", ["north"], acted_ms=START_MS + acted_s * 1000)
    if restarts:
        d = dispatcher(ledger, consumer, clock, LATER, spread=lambda: 1.0)
    played(acted_s, 700)
    consumer.ails = False
    switch(ledger, "c", None, START_MS)
    played(700, 1400)
    assert (consumer.has, noted(ledger)) == ([], {"m1": "acknowledged"})
    put(ledger, message(1_400_000, "a", "Update", "red"))
    played(1400, 1760)
    assert consumer.has == ["m1400000"]


@dataclass
class WrongClock(PlayedClock):
    """A wall clock that steps beside one that only rises."""

    off_ms: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def now_ms(self) -> int:
        return super().now_ms() + self.off_ms

    def monotonic_ms(self) -> int:
        return super().now_ms() - START_MS + 5000


HOUR_MS = 3_600_000


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("step_ms", "sent_ms", "acted_ms", "told_s"),
    [
        (0, 1, None, 300),
        # Put back: what was sent an hour ahead of time is due at once, not in an hour.
        (-HOUR_MS, 1, None, 100),
        (-HOUR_MS, 1, -HOUR_MS + 101_000, None),  # who acts by the clock that is right stops it
        (-HOUR_MS, 1, 50_000, 100),  # what was said by the wrong clock stops nothing: once too often
        (-30_000, 1, None, 330),  # a little ahead is nobody's mistake
        # Put forward: the time is over.
        (HOUR_MS, 1, None, 100),
        (HOUR_MS, 1, 50_000, None),
    ],
)
def test_a_clock_that_steps_while_the_time_runs(
    ledger: Engine, step_ms: int, sent_ms: int, acted_ms: int | None, told_s: int | None, restarts: bool
) -> None:
    """After 100 s. Nobody is told hours too late for it, and nobody is told what a person acts on by a clock that is
    right."""
    consumer, clock = Consumer(), WrongClock()
    incident(ledger, "a", ["north"])
    put(ledger, message(sent_ms, "a", level="red", lasts_s=100_000))
    d = dispatcher(ledger, consumer, clock, LATER)
    told = None
    for second in range(0, 400, 10):
        if second == 100:
            clock.off_ms = step_ms
            if acted_ms is not None:
                incident(ledger, "a", ["north"], acted_ms=START_MS + acted_ms)
            if restarts:
                d = dispatcher(ledger, consumer, clock, LATER)
        d.step()
        told = second if told is None and consumer.has else told
        clock.move(10)
    assert told == (None if told_s is None else pytest.approx(told_s, abs=10))


def test_a_consumer_in_trouble_raises_the_alarm_once_and_says_when_it_is_back(ledger: Engine) -> None:
    told, clock = [], PlayedClock()
    consumer = Consumer(script=[NotDelivered("refused")] * 105)
    d = dispatcher(ledger, consumer, clock, Wants(), tell=told.append, spread=lambda: 1.0)
    put(ledger, message(1, "a", lasts_s=None))
    while consumer.has == []:
        clock.move(1)
        d.step()
    d.step()
    assert [n.type for n in told] == [NoticeType.SILENT, NoticeType.BACK]
    assert 300_000 <= told[0].sent_ms - START_MS <= 305_000
    assert told[0].why == "it takes nothing: m1: refused"


def test_heartbeats_are_numbered_by_the_minute_and_their_absence_is_an_alarm(ledger: Engine) -> None:
    told, clock, consumer = [], PlayedClock(), Consumer()
    d = dispatcher(ledger, consumer, clock, Wants(), heartbeat_s=60.0, as_of=lambda: START_MS, tell=told.append)
    for _ in range(180):
        d.step()
        clock.move(1)
    beats = [n.body() for n in consumer.told]
    assert [b["number"] for b in beats] == [START_MS // 60_000 + n for n in range(3)]
    assert beats[0]["type"] == "heartbeat"
    assert beats[0]["warnings_as_of"] == "2021-07-20T08:00:00Z"
    again = dispatcher(ledger, consumer, clock, Wants(), heartbeat_s=60.0)  # killed, and begun again at once
    again.step()
    assert consumer.told[-1].more["number"] == heartbeat(clock.now_ms(), None).number
    consumer.tests = [NotDelivered("nobody there")] * 6
    for _ in range(600):
        again.step()
        clock.move(1)
    assert "no heartbeat" not in again.trouble()
    assert told == []


def test_a_consumer_that_takes_no_heartbeat_is_silent(ledger: Engine) -> None:
    told, clock, consumer = [], PlayedClock(), Consumer(tests=[NotDelivered("x")] * 7)
    d = dispatcher(ledger, consumer, clock, Wants(), heartbeat_s=60.0, tell=told.append)
    for _ in range(380):
        d.step()
        clock.move(1)
    assert ([n.type for n in told], d.trouble(), d.state().mode.value) == (
        [NoticeType.SILENT],
        "it takes no heartbeat",
        "failing",
    )


@pytest.mark.parametrize(("written", "read"), [("20:00", "20:00"), (1200, "20:00"), ("08:30", "08:30")])
def test_hours_as_yaml_reads_them(written: object, read: str) -> None:
    assert EscalationSettings.model_validate({"to": "x", "after_s": 60, "from": written}).begins == read


@pytest.mark.parametrize("written", ["24:00", "8", "8:00", 1440, -1, True, "noon"])
def test_hours_that_are_none(written: object) -> None:
    with pytest.raises(ValidationError):
        EscalationSettings.model_validate({"to": "x", "after_s": 60, "until": written})


@pytest.mark.parametrize(
    ("to", "found"),
    [
        ({}, set()),
        ({"a": ["b"], "b": ["c"], "c": []}, set()),
        ({"a": ["b"], "b": ["a"]}, {"a", "b"}),
        ({"a": ["a"]}, {"a"}),
        ({"a": ["b"], "b": ["c"], "c": ["a"], "d": []}, {"a", "b", "c"}),
        ({"a": ["b"], "b": ["a", "c"], "c": []}, {"a", "b"}),  # c only follows
        ({"first": ["a"], "a": ["b"], "b": ["a"]}, set()),  # the first is told at once
        ({"a": ["gone"]}, set()),
    ],
)
def test_who_waits_for_one_another(to: dict[str, list[str]], found: set[str]) -> None:
    assert told_by_nobody(to) == found


def test_a_cloud_whose_consumers_wait_for_one_another_does_not_start(tmp_path) -> None:
    sinks = [
        {"kind": "log", "name": name, "path": "told.jsonl", "escalate": [{"to": to, "after_s": 60}]}
        for name, to in (("a", "b"), ("b", "a"))
    ]
    said = {"catalogue": str(DISTRICT), "data_dir": "data", "broker": {"embedded": True, "port": 0}, "delivery": sinks}
    (tmp_path / "cloud.yaml").write_text(yaml.safe_dump(said))
    found = CliRunner().invoke(app, ["check", "--config", str(tmp_path / "cloud.yaml")])
    assert found.exit_code == 2
    assert "nobody is told at once of those who escalate to one another ('a', 'b')" in " ".join(found.output.split())


def test_silent_time_is_a_policy() -> None:
    assert Policy().silent_s == 300.0
