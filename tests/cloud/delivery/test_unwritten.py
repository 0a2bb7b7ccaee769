"""What is not in the ledger yet is kept until it is, and no defect on the way holds up an incident or the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from cloud.delivery.base import GivenUp
from cloud.delivery.dispatch import Dispatcher
from cloud.delivery.notice import Notice
from cloud.delivery.record import Record, Result
from cloud.delivery.unwritten import Unwritten
from cloud.delivery.values import Noted
from cloud.ledger.open import open_ledger
from tests.cloud.delivery.played import START_MS, Consumer, PlayedClock, delivered, message, noted, put, rows


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


def test_what_could_not_be_written_is_written_the_next_time_and_once(ledger: Engine) -> None:
    put(ledger, message(1, "i"), message(2, "i", "Update"))
    found = Unwritten(Record(ledger, "c"))
    found.results.append(Result("m2", "thanks", delivered_ms=START_MS))
    found.notes.append(("m1", Noted.SUPERSEDED))
    found.said_gone("410", START_MS)

    def away(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("away"))

    event.listen(ledger, "before_cursor_execute", away)
    with pytest.raises(OperationalError):
        found.write(START_MS)
    event.remove(ledger, "before_cursor_execute", away)
    for _ in range(2):
        found.write(START_MS)
    assert (delivered(ledger), noted(ledger), rows(ledger)["m2"].attempts) == ({"m2"}, {"m1": "superseded"}, 1)
    assert Record(ledger, "c").switches().gone == "410"
    found.is_back()
    found.write(START_MS)
    assert Record(ledger, "c").switches().gone == ""


def test_an_outcome_that_cannot_be_handled_stops_neither_its_incident_nor_the_end(ledger: Engine) -> None:
    """Here the others cannot be told that the consumer has gone, nor that it is back."""
    consumer, clock = Consumer(script=[GivenUp("410")]), PlayedClock()

    def tell(_: Notice) -> None:
        raise LookupError("a defect")

    put(ledger, message(1, "i"))
    d = Dispatcher(ledger, consumer, clock, least_s=0.0, spawn=lambda attempt: attempt(), tell=tell)
    d.step()
    with pytest.raises(LookupError):
        d.step()
    clock.move(600)
    d.step()
    with pytest.raises(LookupError):
        d.step()
    for _ in range(3):
        d.step()
    assert (consumer.has, delivered(ledger)) == (["m1"], {"m1"})
    consumer.script = [GivenUp("410")]
    put(ledger, message(2, "i", "Update"), message(3, "j"))
    d.step()
    d.start()
    d.stop()
    assert not d.alive()
    assert rows(ledger)["m2"].receipt == "410"
