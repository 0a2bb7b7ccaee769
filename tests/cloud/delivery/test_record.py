"""What the ledger knows of a sink: what waits, what is known of incidents, counts, and a person's switches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.delivery.record import Record, Result, Switches, ask_again, expires_of, set_aside, switch
from cloud.delivery.values import Noted, Past
from cloud.ledger.open import open_ledger
from tests.cloud.delivery.played import START_MS, cap, message, put


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    put(engine, message(1, "a"), message(2, "a", "Update"), message(3, "b", "Alert", "blue", lasts_s=None))
    yield engine
    engine.dispose()


def test_what_waits_and_what_is_known(ledger: Engine) -> None:
    record = Record(ledger, "c")
    look = record.look(0)
    waits, past = look.waits, look.past
    assert [(m.number, m.id, m.incident, m.msg_type.value, m.level.value) for m in waits] == [
        (1, "m1", "a", "Alert", "red"),
        (2, "m2", "a", "Update", "red"),
        (3, "m3", "b", "Alert", "blue"),
    ]
    assert [m.expires_ms for m in waits[1:]] == [START_MS + 3_600_000, None]  # of the newest, from its text
    assert past == {}
    texts = record.begin([], [("m1", Noted.SUPERSEDED)], waits[1:], ["m2", "m3"], 9)
    assert [texts[m].cap_xml for m in ("m2", "m3")] == [cap(START_MS + 3_600_000), cap(None)]
    assert record.look(0).past == {"a": Past(1, True), "b": Past(0, True)}  # may have them, if it ends here
    record.begin([Result("m2", "thanks", delivered_ms=10), Result("m3", "HTTP 500")], [], [], [], 11)
    look = record.look(0)
    waits, past = look.waits, look.past
    assert [m.id for m in waits] == ["m3"]
    put(ledger, message(4, "a", "Update"))
    assert record.look(3).past == {"a": Past(2, True, newest=True)}
    record.begin([], [("m4", Noted.EXPIRED)], [], [], 11)
    put(ledger, message(5, "a", "Update"))
    assert record.look(4).past == {"a": Past(4, True)}
    record.begin([], [("m5", Noted.SUPERSEDED)], [], [], 11)
    assert past == {"b": Past(0, False)}
    assert (record.look(5).waits, record.look(5).past) == ((), {})
    assert Record(ledger, "other").look(2).past == {}
    counts = record.counts()
    assert (counts.delivered, counts.last_ms) == (1, 10)
    assert counts.noted == {
        "superseded": 2,
        "expired": 1,
        "untold": 0,
        "set_aside": 0,
        "filtered": 0,
        "acknowledged": 0,
    }
    assert record.waiting() == (1, "HTTP 500")


def test_what_is_set_aside_has_a_name_and_waits_for_who_looks_from_the_beginning(ledger: Engine) -> None:
    record = Record(ledger, "c")
    record.begin([Result("m3", "HTTP 422", noted=Noted.SET_ASIDE, perhaps=True)], [], [], [], 20)
    (aside,) = set_aside(ledger, "c")
    assert (aside.message, aside.attempts, aside.at_ms, aside.why) == ("m3", 1, 20, "HTTP 422")
    look = record.look(2)
    waits, past = look.waits, look.past
    assert [(m.id, m.perhaps) for m in waits] == [("m3", True)]
    assert past == {"b": Past(3, True)}
    record.begin([Result("m3", "thanks", delivered_ms=30)], [], [], [], 31)
    assert set_aside(ledger, "c") == []


def test_switches(ledger: Engine) -> None:
    record = Record(ledger, "c")
    assert record.switches() == Switches("", 0, "", 3)
    switch(ledger, "c", "shell:ann", 5)
    record.set_gone("410", 7)
    ask_again(ledger, "c")
    ask_again(ledger, "c")
    assert record.switches() == Switches("switched off by shell:ann", 2, "410", 3)
    switch(ledger, "c", None, 6)
    record.set_gone("", None)
    assert record.switches() == Switches("", 2, "", 3)
    assert Record(ledger, "d").switches() == Switches("", 0, "", 3)


def test_thousands_of_incidents_are_asked_for_in_pieces(ledger: Engine) -> None:
    put(ledger, *(message(n, f"i{n}", "Cancel") for n in range(4, 1300)))
    record = Record(ledger, "c")
    waits = record.look(0).waits
    assert len(waits) == 1299
    record.begin([], [(m.id, Noted.UNTOLD) for m in waits], [], [], 1)
    assert len(record.begin([], [], waits, [], 1)) == 1299
    assert not record.look(0).waits


@pytest.mark.parametrize(
    ("text", "expires_ms"),
    [
        (b"", None),
        (b"<alert/>", None),
        (cap(None), None),
        (cap(5000), 5000),
        (cap(5000).replace(b"</info>", b"<expires>1970-01-01T08:00:09+08:00</expires></info>"), 9000),
        (cap(5000).replace(b"1970-", b"x"), None),
        (cap(5000).replace(b"+00:00", b""), None),  # no zone: nobody knows when that is
    ],
)
def test_the_end_of_a_text(text: bytes, expires_ms: int | None) -> None:
    assert expires_of(text) == expires_ms
