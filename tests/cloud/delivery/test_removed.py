"""A consumer that was removed from the configuration, or renamed, while it holds warnings in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.record import Record, Result, switch
from cloud.delivery.removed import AlreadyBegun, Removed, removed, rename
from cloud.ledger.open import open_ledger
from cloud.warnings import tables as t
from cloud.warnings.model import Message
from tests.cloud.delivery.played import START_MS, Consumer, PlayedClock, message, put

HOUR_MS = 3_600_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


def tell(ledger: Engine, *told: Message, ends_ms: int = START_MS + HOUR_MS) -> None:
    """Into the ledger, as the view does, with when they expire."""
    with ledger.begin() as db:
        for m in told:
            row = {"number": int(m.id[1:]), "id": m.id, "incident": m.incident, "sent_ms": m.sent_ms, "refs": "[]"}
            said = {"msg_type": m.msg_type.value, "level": m.level.value if m.level else "", "cap_xml": m.cap_xml}
            db.execute(insert(t.messages).values(**row, **said, expires_ms=ends_ms))


def took(ledger: Engine, sink: str, *names: str, perhaps: bool = False) -> None:
    at_ms = None if perhaps else START_MS
    Record(ledger, sink).begin(
        [Result(n, "", delivered_ms=at_ms, perhaps=perhaps) for n in names], [], [], [], START_MS
    )


@pytest.mark.parametrize(
    ("has", "perhaps", "passed_ms", "names", "found"),
    [
        (["m1", "m2"], False, 0, ["b"], ["a", "b"]),
        (["m1"], True, 0, ["b"], ["a"]),  # it may have it
        (["m1", "m3"], False, 0, ["b"], []),  # it heard of the end
        ([], False, 0, ["b"], []),
        (["m1"], False, HOUR_MS, ["b"], []),  # what it has has expired by itself
        (["m1"], False, 0, ["old", "b"], []),  # it is still there
    ],
)
def test_who_holds_what_is_in_force(
    ledger: Engine, has: list[str], perhaps: bool, passed_ms: int, names: list[str], found: list[str]
) -> None:
    tell(ledger, message(1, "a"), message(2, "b"), message(3, "a", "Cancel"))
    took(ledger, "old", *has, perhaps=perhaps)
    incidents = [sorted(r.until_ms) for r in removed(ledger, names, START_MS + passed_ms)]
    assert incidents == ([found] if found else [])


def test_it_is_said_until_that_expires() -> None:
    one = Removed("old", {"a": START_MS + 1000, "b": START_MS + 2000})
    assert "told of 2 incidents in force" in one.trouble(START_MS)
    assert "`headwater-cloud sink rename old NEW`" in one.trouble(START_MS + 1000)
    assert one.trouble(START_MS + 2000) == ""


def test_who_was_renamed_goes_on_where_it_was(ledger: Engine) -> None:
    """It is told nothing again, hears of the end of what it knew, and stays off when a person had switched it off."""
    put(ledger, message(1, "a", lasts_s=7200), message(2, "b", lasts_s=7200))
    took(ledger, "old", "m1")
    assert rename(ledger, "old", "new") == 1
    put(ledger, message(3, "a", "Cancel"))
    consumer = Consumer("new")
    d = Dispatcher(ledger, consumer, PlayedClock(), least_s=0.0, spawn=lambda attempt: attempt())
    for _ in range(5):
        d.step()
    assert consumer.has == ["m2", "m3"]
    switch(ledger, "off", "bob", START_MS)
    took(ledger, "off", "m1")
    rename(ledger, "off", "still-off")
    assert Record(ledger, "still-off").switches().off == "switched off by bob"


def test_two_pasts_are_not_made_one(ledger: Engine) -> None:
    tell(ledger, message(1, "a"), replace(message(2, "b")))
    took(ledger, "old", "m1")
    took(ledger, "new", "m2")
    with pytest.raises(AlreadyBegun):
        rename(ledger, "old", "new")
    assert rename(ledger, "nobody", "other") == 0
