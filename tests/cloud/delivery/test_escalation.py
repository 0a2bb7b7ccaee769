"""A dispatcher with filters and escalation, on a real ledger, killed and begun again in between."""

from __future__ import annotations

import json

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
from cloud.delivery.notice import NoticeType
from cloud.delivery.values import Policy
from cloud.delivery.wants import Step, Wants
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
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


def test_a_consumer_in_trouble_raises_the_alarm_once_and_says_when_it_is_back(ledger: Engine) -> None:
    told, clock = [], PlayedClock()
    consumer = Consumer(script=[NotDelivered("refused")] * 105)
    d = dispatcher(ledger, consumer, clock, Wants(), tell=told.append, spread=lambda: 1.0)
    put(ledger, message(1, "a", lasts_s=None))
    for _ in range(3000):
        clock.move(1)
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
