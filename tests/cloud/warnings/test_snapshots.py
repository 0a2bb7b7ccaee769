"""After a crash: entries behind the snapshot are applied again, and nothing is told, counted or named again."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from cloud.ledger import schema
from cloud.ledger.open import open_ledger
from cloud.log.base import Entry, EntryKind
from cloud.log.decision import Decision, DecisionKind, encode_decision
from cloud.warnings import snapshots, store
from cloud.warnings import tables as t
from cloud.warnings.engine import Engine
from cloud.warnings.model import Why
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState, Reason
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from tests.cloud.warnings.city import RULE, START_MS, city, entry, history, tick
from tests.cloud.warnings.test_rebuild import flood
from tests.cloud.warnings.test_view import SETTINGS, everything


def opened(folder: Path, catalogue: Catalogue, snapshot_s: float = 1e9) -> WarningsView:
    """snapshot_s: by default one with the first entries and when it is closed, and no other."""
    ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    return open_view(ledger, catalogue, SETTINGS, snapshot_s=snapshot_s)


def crash(view: WarningsView) -> None:
    """What was committed is there; nothing else is."""
    view.ledger.dispose()


def follow(view: WarningsView, log: list[Entry], at_once: int = 1000) -> None:
    start = view.cursor()
    for a in range(start, len(log), at_once):
        view.apply(log[a : a + at_once])


@given(
    seed=st.integers(0, 30),
    at_once=st.sampled_from([1, 7, 1000]),
    snapshot_s=st.sampled_from([0.0, 90.0, 1e9]),
    crashes=st.lists(st.integers(1, 99), max_size=4),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_crash_at_any_entry_however_they_are_grouped_says_the_same(
    small_district: Catalogue,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    at_once: int,
    snapshot_s: float,
    crashes: list[int],
) -> None:
    catalogue, log = city(small_district), history(seed, 100)
    folder = tmp_path_factory.mktemp("ledger")
    whole = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    whole.apply(log)
    for until in [*sorted(crashes), len(log)]:
        view = opened(folder, catalogue, snapshot_s)
        follow(view, log[:until], at_once)
        crash(view)
    view = opened(folder, catalogue, snapshot_s)
    follow(view, log, at_once)
    assert everything(view) == everything(whole)
    crash(view)


def test_an_entry_that_brings_nothing_writes_nothing_for_ten_seconds(small_district: Catalogue, tmp_path: Path) -> None:
    view = opened(tmp_path, city(small_district))
    log = flood(20)
    follow(view, log)
    with view.ledger.connect() as db:
        before = db.execute(select(t.view_state)).all()
    log += [tick(len(log) + 1, log[-1].now_ms + 9_999)]
    follow(view, log)
    assert view.cursor() == len(log)
    with view.ledger.connect() as db:
        assert db.execute(select(t.view_state)).all() == before
    crash(view)
    view = opened(tmp_path, city(small_district))
    assert view.cursor() == view.told() == len(log) - 1
    log += [tick(len(log) + 1, log[-1].now_ms + 1)]
    follow(view, log)
    crash(view)
    view = opened(tmp_path, city(small_district))
    assert (view.cursor(), view.told()) == (len(log) - 2, len(log))
    crash(view)


def test_a_stop_leaves_nothing_to_apply_again(small_district: Catalogue, tmp_path: Path) -> None:
    view = opened(tmp_path, city(small_district))
    log = flood(20)
    follow(view, log, 3)
    view.close()
    crash(view)
    view = opened(tmp_path, city(small_district))
    assert view.cursor() == len(log)
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    crash(view)


@pytest.mark.parametrize("part", ["state", "judged"])
def test_a_snapshot_that_cannot_be_read_is_said_and_made_again_from_the_log(
    small_district: Catalogue, tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue, log = city(small_district), flood(20)
    view = opened(tmp_path, catalogue)
    follow(view, log)
    told = view.reader.messages()
    with view.ledger.begin() as db:
        db.execute(update(t.snapshots).where(t.snapshots.c.part == part).values(body=b"HWC\x01torn"))
    crash(view)
    with caplog.at_level(logging.WARNING):
        view = opened(tmp_path, catalogue)
    assert "the snapshot of the warnings' conditions cannot be read" in caplog.text
    assert view.cursor() == 0
    follow(view, log)
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    assert view.reader.messages() == told
    crash(view)


def test_without_a_snapshot_and_with_a_log_that_was_trimmed_nothing_is_cleared(
    small_district: Catalogue, tmp_path: Path
) -> None:
    catalogue, log = city(small_district), flood(20)
    view = opened(tmp_path, catalogue)
    follow(view, log)
    told = view.reader.messages()
    with view.ledger.begin() as db:
        db.execute(update(t.snapshots).values(body=b"torn"))
    crash(view)
    view = opened(tmp_path, catalogue)
    view.apply([tick(len(log) + 1, log[-1].now_ms + 1000)])
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    assert [i.closed_ms for i in view.reader.incidents()] == [None]
    assert [(m.why, m.level) for m in view.reader.messages()[: -len(told)]] == [(Why.CERTAINTY, Level.YELLOW)]
    assert view.reader.messages()[-len(told) :] == told
    crash(view)


@pytest.mark.parametrize("gone", [False, True])
def test_a_change_of_rules_after_a_crash_leaves_what_was_told_and_is_no_all_clear(
    small_district: Catalogue, tmp_path: Path, gone: bool
) -> None:
    """The level was set, and told, after the last snapshot; by the rules of now it would never have been."""
    catalogue, log = city(small_district), flood(20)
    view = opened(tmp_path, catalogue)
    follow(view, log[:30], 3)
    told = view.reader.messages()
    assert told
    crash(view)
    strict = RULE.model_copy(update={"levels": {Level.BLUE: 1.0, Level.RED: 2.0}})
    fewer = RULE.model_copy(update={"channels": (2, 5)})
    view = opened(tmp_path, replace(catalogue, rules=(fewer if gone else strict,)))
    until = view.told()
    assert view.cursor() < until < len(log)
    follow(view, log[:until])
    assert view.reader.messages() == told
    follow(view, log, 5)
    said = view.reader.messages()
    assert said[-len(told) :] == told
    assert len(said) > len(told)
    assert all(b"AllClear" not in m.cap_xml for m in said)
    with view.ledger.connect() as db:
        new = db.execute(select(t.changes).where(t.changes.c.entry > until).order_by(t.changes.c.id)).first()
    assert new is not None
    reason = Reason.NO_LONGER_WATCHED if gone else Reason.THRESHOLDS_CHANGED
    assert (new.entry, new.level, new.reason) == (until + 1, None, reason.value)
    crash(view)


def test_other_rules_after_a_crash_judge_nothing_that_was_looked_at_long_before(
    small_district: Catalogue, tmp_path: Path
) -> None:
    """The water stood at one depth for minutes, of which nothing came: that time is not judged a second time."""
    catalogue, log = city(small_district), flood(20)
    view = opened(tmp_path, catalogue)
    follow(view, log, 1)
    crash(view)
    strict = RULE.model_copy(update={"levels": {Level.BLUE: 1.0, Level.RED: 2.0}})
    view = opened(tmp_path, replace(catalogue, rules=(strict,)))
    assert view.told() == len(log)
    with view.ledger.connect() as db:
        before = db.execute(select(func.max(t.changes.c.entry))).scalar()
    assert log[-1].now_ms - log[before - 1].now_ms > 300_000
    now_ms = log[-1].now_ms + 20_000
    follow(view, [*log, tick(len(log) + 1, now_ms)])
    newest = view.reader.messages()[0]
    assert (newest.why, newest.sent_ms) == (Why.THRESHOLDS_CHANGED, now_ms)
    crash(view)


@pytest.mark.parametrize("at_once", [1, 1000])
def test_what_was_dry_before_a_crash_under_other_rules_is_not_taken_back_by_them(
    small_district: Catalogue, tmp_path: Path, at_once: int
) -> None:
    """Street 2 was told at blue and dry again, both behind the last snapshot; street 1 keeps the incident open."""
    catalogue, log = city(small_district), []
    for k in range(50):
        now_ms = START_MS + k * 30_000
        depths = [0.3 if k > 3 else 0.0, 0.15 if 3 < k < 20 else 0.0]
        log.append(entry(k + 1, now_ms, ReadingBatch.of([now_ms] * 2, [1, 2], depths, [1, 1])))
    view = opened(tmp_path, catalogue)
    view.apply(log[:1])
    follow(view, log[:28], at_once)
    assert len(view.reader.messages()[0].evidence) == 2
    ((level,),) = {(c.level,) for c in view.reader.conditions([2])}
    assert level is None
    crash(view)
    milder = RULE.model_copy(update={"levels": {Level.BLUE: 0.1, Level.YELLOW: 0.2}})
    view = opened(tmp_path, replace(catalogue, rules=(milder,)))
    assert view.cursor() < view.told()
    follow(view, log, at_once)
    assert Why.THRESHOLDS_CHANGED not in {m.why for m in view.reader.messages()}
    with view.ledger.connect() as db:
        new = db.execute(select(t.changes.c.target, t.changes.c.reason).where(t.changes.c.entry > 28)).all()
    assert new == []
    crash(view)


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_mute_behind_the_last_snapshot_outlasts_a_crash_under_other_rules(
    small_district: Catalogue, tmp_path: Path, at_once: int
) -> None:
    """What the muted sensor says after it is not dry, though the level that it was told at is in no rule any more."""
    catalogue, log = city(small_district), flood(20)
    muted_ms = log[-1].now_ms + 1000
    more = {"until_ms": muted_ms + 3_600_000, "reason": "a crew works at it"}
    mute = encode_decision(Decision("m", DecisionKind.MUTE, "ann", muted_ms, "channel/1", more))
    log.append(Entry(len(log) + 1, muted_ms, EntryKind.DECISION, "", 0, 0, Lane.ALARM, muted_ms, muted_ms, mute))
    view = opened(tmp_path, catalogue)
    view.apply(log[:1])
    follow(view, log, at_once)
    ((before,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert before is not None
    crash(view)
    levels = {level: at for level, at in RULE.levels.items() if level is not before}
    view = opened(tmp_path, replace(catalogue, rules=(RULE.model_copy(update={"levels": levels}),)))
    assert view.cursor() < view.told()
    for k in range(60):
        now_ms = muted_ms + 30_000 * (k + 1)
        log.append(entry(len(log) + 1, now_ms, ReadingBatch.of([now_ms], [1], [0.0], [1])))
    follow(view, log, at_once)
    (condition,) = view.reader.conditions([1])
    assert (condition.state, condition.level is None) == (ConditionState.UNKNOWN, False)
    assert not any(m.why is Why.ENDED_DRY for m in view.reader.messages())
    crash(view)


def test_a_commit_of_which_nobody_heard_is_not_written_twice(small_district: Catalogue, tmp_path: Path) -> None:
    view = opened(tmp_path, city(small_district))
    log = flood(20)
    written: list[store.Writing] = []
    follow(view, log[:10])
    save = store.save

    def once_more(db: object, name: str, writing: store.Writing) -> None:
        written.append(writing)
        save(db, name, writing)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as m:
        m.setattr(store, "save", once_more)
        follow(view, log)
    with view.ledger.begin() as db:
        before = db.execute(select(func.count()).select_from(t.changes)).scalar()
        for writing in written:
            store.save(db, store.NAME, writing)
        assert db.execute(select(func.count()).select_from(t.changes)).scalar() == before
    crash(view)


def test_a_step_down_to_0004_finds_conditions_again_and_holds_what_was_told(
    small_district: Catalogue, tmp_path: Path
) -> None:
    catalogue, log = city(small_district), flood(20)
    view = opened(tmp_path, catalogue)
    follow(view, log)
    view.close()
    told = view.reader.messages()
    crash(view)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    schema.move(ledger, "0004")
    schema.move(ledger, "head")
    ledger.dispose()
    view = opened(tmp_path, catalogue)
    assert view.cursor() == 0
    view.apply([tick(len(log) + 1, log[-1].now_ms + 1000)])  # the log knows of nothing any more
    ((level,),) = {(c.level,) for c in view.reader.conditions([1])}
    assert level is Level.YELLOW
    assert view.reader.messages()[-len(told) :] == told
    assert [i.closed_ms for i in view.reader.incidents()] == [None]
    crash(view)


def test_a_snapshot_is_read_again_with_its_place_and_time(small_district: Catalogue) -> None:
    engine = Engine(city(small_district), SETTINGS)
    state = engine.initial()
    state.now_ms = 17
    ledger = open_ledger("sqlite://")
    with ledger.begin() as db:
        assert snapshots.read(db, "warnings", engine) is None
        snapshots.write(db, "warnings", engine.judged(), snapshots.make(engine, state, 5))
        found = snapshots.read(db, "warnings", engine)
    assert found is not None
    assert (found.cursor, found.state.now_ms, found.stored) == (5, 17, None)
    ledger.dispose()
