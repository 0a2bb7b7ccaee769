"""A rebuilt view tells nobody anything again: the whole way, from the log's entries to the consumer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.ledger.open import open_ledger
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.delivery.played import Consumer, PlayedClock, delivered, delivering, noted, rows
from tests.cloud.warnings.city import START_MS, city, history
from tests.waiting import until


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("later_s", [0, 30 * 86400])
def test_what_was_told_is_not_told_again(ledger: Engine, small_district: Catalogue, later_s: int) -> None:
    catalogue, entries = city(small_district), history(1)
    clock, consumer = PlayedClock(START_MS), Consumer()
    view = open_view(ledger, catalogue)
    with delivering(ledger, consumer, clock):
        for entry in entries:
            clock.move((entry.append_ms - clock.now_ms()) / 1000)
            view.apply([entry])
            until(lambda: len(rows(ledger)) == len(view.reader.messages(limit=10**6)))
    messages = view.reader.messages(limit=10**6)
    assert len(messages) > 10
    told = delivered(ledger)
    assert set(consumer.has) == told == {m.id for m in messages} - noted(ledger).keys()
    view.reset()
    clock.move(later_s)
    again, new = Consumer(), Consumer("new")
    with delivering(ledger, again, clock), delivering(ledger, new, clock):
        for start in range(0, len(entries), 7):
            view.apply(entries[start : start + 7])
        ids = {m.id for m in view.reader.messages(limit=10**6)}
        until(lambda: rows(ledger, "new").keys() == ids)
    assert ids == {m.id for m in messages}
    assert again.has == []
    of = {m.id: m for m in reversed(messages)}  # oldest first
    latest = {m.incident: m for m in of.values()}
    got = {of[m].incident: m for m in new.has}
    for i in view.reader.incidents(open_only=True):
        in_force = (latest[i.id].expires_ms or 0) > clock.now_ms()
        assert got.get(i.id) == (latest[i.id].id if in_force else None)
    assert bool(new.has) == (later_s == 0)
