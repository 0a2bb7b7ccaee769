"""A commit is done, and the database is gone before it says so: nothing is done twice, and nothing stays unsent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError

from cloud.ledger.open import open_ledger
from cloud.views.base import RetryLater
from cloud.warnings import tables as t
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from tests.cloud.warnings.city import city, history

SETTINGS = WarningSettings(gather_s=30, quiet_s=300, evidence_s=900)


def said(view: WarningsView) -> list[list[tuple[object, ...]]]:
    with view.ledger.connect() as db:
        tables = (t.messages, t.incidents, t.changes, t.late)
        return [[tuple(r) for r in db.execute(select(x).order_by(*x.primary_key))] for x in tables]


def test_a_commit_whose_answer_was_lost_is_not_done_again(small_district: Catalogue) -> None:
    catalogue, log = city(small_district), history(3)
    told: list[int] = []
    ledger = open_ledger("sqlite://")
    view = open_view(ledger, catalogue, SETTINGS, [lambda: told.append(view.cursor())])
    twin = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    twin.apply(log)

    @contextmanager
    def begin() -> Iterator[Connection]:
        with ledger.begin() as db:
            yield db
        raise OperationalError("commit", {}, Exception("the server closed the connection"))

    for at in range(0, len(log), 30):
        view._ledger = cast(Engine, SimpleNamespace(begin=begin, connect=ledger.connect, dialect=ledger.dialect))
        with pytest.raises(RetryLater, match="the server closed the connection"):
            view.apply(log[at : at + 30])
        view._ledger = ledger
        view.apply(log[at : at + 30])
        assert view.cursor() == told[-1] == log[min(at + 30, len(log)) - 1].offset
    assert said(view) == said(twin)
