"""The audit record: a row altered, removed, cut off or smuggled in is seen."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import delete, insert, select, update

from cloud.ledger import audit
from cloud.ledger.audit import audit_head
from cloud.ledger.audit import audit_rows as rows
from cloud.ledger.open import open_ledger


@pytest.fixture
def ledger():
    engine = open_ledger("sqlite://")
    for i in range(5):
        add(engine, i)
    return engine


def add(engine, i):
    return audit.record(engine, now_ms=i, who="key:1", what="key.create", target=str(i), source="::1", detail={"i": i})


def test_whole(ledger):
    chain = audit.verify(ledger)
    assert (chain.rows, chain.broken) == (5, "")
    assert audit.newest(ledger, 1)[0].hash == chain.head
    assert [r.number for r in audit.newest(ledger, 2, before=4)] == [3, 2]
    assert audit.verify(open_ledger("sqlite://")).broken == ""


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (delete(rows).where(rows.c.number == 3), "row 3 is missing"),
        (delete(rows).where(rows.c.number == 1), "row 1 is missing"),
        (delete(rows).where(rows.c.number >= 4), "rows 4 to 5 are missing"),
        (delete(rows), "rows 1 to 5 are missing"),
        (update(rows).where(rows.c.number == 2).values(who="key:2"), "row 2 was altered"),
        (update(rows).where(rows.c.number == 5).values(at_ms=0), "row 5 was altered"),
        (delete(audit_head), "the head is missing"),
    ],
)
def test_harm_is_seen(ledger, harm, said):
    with ledger.begin() as db:
        db.execute(harm)
    assert audit.verify(ledger).broken == said


def test_a_row_behind_the_head_is_seen(ledger):
    with ledger.begin() as db:
        last = dict(db.execute(select(rows).where(rows.c.number == 5)).mappings().one())
        db.execute(insert(rows).values(**{**last, "number": 6, "previous": last["hash"]}))
    assert audit.verify(ledger).broken == "row 6 stands behind the head"


def test_removed_and_renumbered_is_seen(ledger):
    with ledger.begin() as db:
        db.execute(delete(rows).where(rows.c.number == 3))
        db.execute(update(rows).where(rows.c.number == 4).values(number=3))
        db.execute(update(rows).where(rows.c.number == 5).values(number=4))
        db.execute(update(audit_head).values(number=4))
    assert audit.verify(ledger).broken == "row 3 does not follow on row 2"


def test_many_writers_make_one_chain(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    engines = [open_ledger(url) for _ in range(4)]
    threads = [threading.Thread(target=lambda e=e: [add(e, i) for i in range(10)]) for e in engines]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    chain = audit.verify(engines[0])
    assert (chain.rows, chain.broken) == (40, "")
