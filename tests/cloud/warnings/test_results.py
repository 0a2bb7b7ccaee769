"""Rows of the ledger, each named by its entry of the log."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from cloud.ledger.open import open_ledger
from cloud.log.base import Cursor
from cloud.warnings import results
from cloud.warnings import tables as t
from cloud.warnings.engine import Outcome
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.state import Late
from contract.conditions.targets import ConditionKey, Target
from tests.cloud.warnings.city import city, history
from tests.cloud.warnings.test_view import SETTINGS


def test_each_row_is_named_by_its_entry_and_its_place_there(small_district: Catalogue, tmp_path: Path) -> None:
    view = open_view(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), city(small_district), SETTINGS)
    log = history(3)
    for a in range(0, len(log), 7):
        view.apply(log[a : a + 7])
    sent = {e.offset: e.now_ms for e in log}
    with view.ledger.connect() as db:
        late = db.execute(select(t.late.c.entry, t.late.c.ordinal)).all()
        assert late
        assert len(late) == len(set(late))  # in no order: the worst of an hour may be of a later entry
        for table in (t.messages, t.changes):
            rows = db.execute(select(table.c.entry, table.c.ordinal).order_by(*table.primary_key)).all()
            assert rows == sorted(set(rows))
            for entry in {r.entry for r in rows}:
                mine = [r.ordinal for r in rows if r.entry == entry]
                assert mine == list(range(len(mine)))
        told = db.execute(select(t.messages.c.entry, t.messages.c.sent_ms)).all()
    assert told
    assert all(sent[entry] == sent_ms for entry, sent_ms in told)
    with view.ledger.connect() as db:
        rows = db.execute(select(t.messages).order_by(t.messages.c.number.desc())).all()
    assert [results.message_of(row) for row in rows] == list(view.reader.messages())
    view.ledger.dispose()


def test_of_late_readings_an_entry_writes_the_worst_of_each_condition_and_hour() -> None:
    key, other = (ConditionKey(Target.of_station(name), "r") for name in ("a", "b"))
    outcome = Outcome()
    for place in (key, other):
        for n in range(8192):
            outcome.late.append(Late(place, 7, n * 1000, 9 * 3_600_000, 1.0 + n % 100, Level.RED))
    found = results.results([outcome], [Cursor(5)], 0).late
    assert [(r["target"], r["reading_ms"], r["value"], r["ordinal"]) for r in found] == [
        ("station/a", 99_000, 100.0, 0),
        ("station/a", 3_699_000, 100.0, 1),
        ("station/a", 7_299_000, 100.0, 2),
        ("station/b", 99_000, 100.0, 3),
        ("station/b", 3_699_000, 100.0, 4),
        ("station/b", 7_299_000, 100.0, 5),
    ]


def test_of_a_flood_of_late_readings_the_ledger_holds_one_a_condition_and_hour(tmp_path: Path) -> None:
    """However many batches it comes in; the worst of them, under the number that its hour got first."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    key = ConditionKey(Target.of_channel(7), "r")
    came_ms = 9 * 3_600_000
    for cursor in range(1, 101, 2):
        outcomes = [Outcome(), Outcome()]
        for k, outcome in enumerate(outcomes):
            value = 5.0 if cursor + k == 50 else 1.0 + (cursor + k) % 4
            outcome.late += [Late(key, 7, hour * 3_600_000 + cursor + k, came_ms, value, Level.RED) for hour in (2, 3)]
        with ledger.begin() as db:
            results.write(db, results.results(outcomes, [Cursor(cursor), Cursor(cursor + 1)], 0))
    with ledger.connect() as db:
        rows = db.execute(select(t.late).order_by(t.late.c.id)).all()
    assert [(r.id, r.hour, r.reading_ms, r.value, r.entry) for r in rows] == [
        (1, 2, 7_200_050, 5.0, 50),
        (2, 3, 10_800_050, 5.0, 50),
    ]
    ledger.dispose()
