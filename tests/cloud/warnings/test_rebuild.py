"""A rebuild finds the conditions again from the log; what was told is a record that no rebuild alters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.warnings import store
from cloud.warnings import tables as t
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.state import Reason
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import RULE, START_MS, city, entry, history, tick
from tests.cloud.warnings.test_view import SETTINGS, everything


def opened(folder: Path, catalogue: Catalogue) -> WarningsView:
    return open_view(open_ledger(f"sqlite:///{folder}/ledger.sqlite"), catalogue, SETTINGS)


def rebuild(view: WarningsView) -> None:
    """As the command does, with the cloud stopped."""
    with view.ledger.begin() as db:
        store.forget(db)
    view.ledger.dispose()


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_under_the_same_rules_everything_is_as_it_was_and_goes_on_alike(
    small_district: Catalogue, tmp_path: Path, at_once: int
) -> None:
    catalogue, log = city(small_district), history(6, 120)
    view, twin = opened(tmp_path, catalogue), open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    view.apply(log[:80])
    twin.apply(log[:80])
    rebuild(view)
    view = opened(tmp_path, catalogue)
    assert view.cursor() == 0
    for a in range(0, len(log), at_once):
        view.apply(log[a : a + at_once])
    twin.apply(log[80:])
    assert everything(view) == everything(twin)
    assert view.reader.messages()
    view.ledger.dispose()


def flood(until_min: int) -> list[Entry]:
    """One street at 30 cm for half an hour, read every half minute."""
    out = []
    for k in range(2 * until_min):
        now_ms = START_MS + k * 30_000
        out.append(entry(k + 1, now_ms, ReadingBatch.of([now_ms], [1], [0.3 if k > 3 else 0.0], [1])))
    return out


def test_under_other_rules_nothing_told_is_altered_and_what_differs_is_told_with_the_next_entry(
    small_district: Catalogue, tmp_path: Path
) -> None:
    whole, log = city(small_district), flood(30)
    view = opened(tmp_path, whole)
    view.apply(log)
    told = view.reader.messages()
    assert [m.level for m in told][-1] is Level.YELLOW
    rebuild(view)
    strict = RULE.model_copy(update={"levels": {Level.BLUE: 1.0, Level.RED: 2.0}})
    view = opened(tmp_path, replace(whole, rules=(strict,)))
    view.apply(log)
    assert view.reader.messages() == told
    view.apply([tick(len(log) + 1, log[-1].now_ms + 5000)])
    said = view.reader.messages()
    assert said[-len(told) :] == told
    assert len({m.id for m in said}) == len(said)
    with view.ledger.connect() as db:
        last = db.execute(select(t.changes).order_by(t.changes.c.id.desc())).first()
    assert last is not None
    assert (last.level, last.reason) == (None, Reason.THRESHOLDS_CHANGED.value)
    view.ledger.dispose()


def test_a_log_that_was_trimmed_clears_nothing(small_district: Catalogue, tmp_path: Path) -> None:
    catalogue, log = city(small_district), flood(30)
    view = opened(tmp_path, catalogue)
    view.apply(log)
    told = view.reader.messages()
    rebuild(view)
    view = opened(tmp_path, catalogue)
    view.apply([tick(len(log) + 1, log[-1].now_ms + 5000)])
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    assert view.reader.messages() == told
    view.ledger.dispose()


def test_state_that_cannot_be_read_is_found_again_from_the_log(small_district: Catalogue, tmp_path: Path) -> None:
    catalogue, log = city(small_district), flood(30)
    view = opened(tmp_path, catalogue)
    view.apply(log)
    told = view.reader.messages()
    with view.ledger.begin() as db:
        db.execute(update(t.snapshots).values(body=b"torn"))
        db.execute(update(t.view_state).values(state="torn"))
    rebuild(view)
    view = opened(tmp_path, catalogue)
    view.apply([*log, tick(len(log) + 1, log[-1].now_ms + 5000)])
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    assert view.reader.messages() == told
    view.ledger.dispose()
