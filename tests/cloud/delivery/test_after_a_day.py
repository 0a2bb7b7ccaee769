"""What a consumer gets that took nothing for a day: what is in force and the ends of what it knew, and not the day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cloud.delivery.base import NotDelivered
from cloud.delivery.notice import Notice, NoticeType, about
from cloud.delivery.wants import Kind, Wants
from cloud.ledger.open import open_ledger
from cloud.warnings.model import Message
from tests.cloud.delivery.played import START_MS, Consumer, message, noted, put
from tests.cloud.delivery.test_maintenance_queue import Played, notice, over, stand

DAY_S = 86_400
HOUR_MS = 3_600_000


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


class Away(Consumer):
    """Out of reach until it is back."""

    away = False

    def deliver(self, message: Message) -> str:
        if self.away:
            raise NotDelivered("refused")
        return super().deliver(message)

    def notify(self, notice: Notice) -> str:
        if self.away:
            raise NotDelivered("refused")
        return super().notify(notice)


def at(hour: float, n: int, incident: str, kind: str = "Alert", level: str = "orange", lasts_h: float = 48) -> Message:
    """Number n, in that hour."""
    return replace(
        message(n, incident, kind, level, lasts_s=lasts_h * 3600), sent_ms=START_MS + round(hour * HOUR_MS) + n
    )


@pytest.mark.parametrize("restarts", [False, True])
def test_it_is_not_flooded(ledger: Engine, restarts: bool) -> None:
    """It knew of `before`. Then: that one ended; twenty incidents came and went, of five messages each; one runs with
    thirty updates; one came an hour ago, worse; one has expired. And forty maintenance notices, of which one stands."""
    p = Played(ledger, Away(), Wants(frozenset({Kind.WARNING, Kind.MAINTENANCE, Kind.CONSUMER})))
    put(ledger, at(0, 1, "before"))
    stand(ledger, notice("known"))
    p.turn(4)
    p.consumer.away = True
    numbers = iter(range(2, 1000))
    for i in range(20):
        for kind in ("Alert", "Update", "Update", "Update", "Cancel"):
            put(ledger, at(i, next(numbers), f"came-and-went-{i}", kind))
    put(ledger, at(1, next(numbers), "runs"))
    for hour in range(30):
        put(ledger, at(1 + hour / 2, n := next(numbers), "runs", "Update"))
    put(ledger, at(2, next(numbers), "expired", lasts_h=3))
    put(ledger, at(3, gone := next(numbers), "before", "Cancel"))
    put(ledger, at(23, worse := next(numbers), "new", level="red"))
    for i in range(40):
        short = notice(f"short-{i}")
        stand(ledger, short)
        stand(ledger, over(short))
    stand(ledger, notice("stands"), over(notice("known")))
    for other in range(100):
        p.dispatcher.notify(about(NoticeType.SILENT, f"other-{other}", "x", START_MS))
    p.turn(60, apart_s=DAY_S / 60)
    if restarts:
        p.start()
    p.consumer.away, before = False, len(p.consumer.has)
    p.turn(80, apart_s=20)
    got, by_rank = p.consumer.has[before:], [f"m{worse}", f"m{n}", f"m{gone}"]
    if not restarts:  # in trouble it is asked by one after the other: any of them may be the first that it takes
        by_rank = [got[0], *(m for m in by_rank if m != got[0])]
    assert got == by_rank
    assert [x.id for x in p.consumer.told if x.type is NoticeType.MAINTENANCE] == ["known", "stands", "known-over"]
    others = [x.sink for x in p.consumer.told if x.type is NoticeType.SILENT]
    assert others == ([] if restarts else [f"other-{n}" for n in range(50, 100)])  # the newest
    why = list(noted(ledger).values())
    assert {w: why.count(w) for w in set(why)} == {"superseded": 80 + 30, "untold": 20, "expired": 1}
