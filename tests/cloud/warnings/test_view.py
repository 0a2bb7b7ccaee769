"""The warnings as a view: one step at a time, many at once, restarted, or with every zone looked at: all the same."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.exc import OperationalError

from cloud.api.ports import Services
from cloud.api.warnings import SharedIncidents
from cloud.ledger.open import open_ledger
from cloud.log.base import Entry
from cloud.views.base import RetryLater
from cloud.views.decode import readings
from cloud.warnings import store
from cloud.warnings import tables as t
from cloud.warnings.engine import Engine
from cloud.warnings.incidents import Incidents, IncidentState
from cloud.warnings.model import Announcement, Certainty, Message, MessageHead, MsgType, Why
from cloud.warnings.reader import Which
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import Change, Condition
from contract.conditions.stored import dump
from contract.conditions.targets import ConditionKey
from contract.readings import Flag, ReadingBatch
from tests.cloud.warnings.city import RULE, START_MS, city, entry, history, tick

SETTINGS = WarningSettings(gather_s=30, quiet_s=300, evidence_s=900)
MIN = 60_000


class LooksAtEveryZone(Incidents):
    """The oracle."""

    def step(
        self,
        state: IncidentState,
        conditions: Mapping[ConditionKey, Condition],
        moved: Iterable[ConditionKey],
        now_ms: int,
        changes: Sequence[Change] = (),
    ) -> tuple[IncidentState, list[Announcement]]:
        return super().step(state, conditions, list(conditions), now_ms, changes)


def everything(view: WarningsView) -> list[object]:
    """All that a view has said, and what the next messages follow from."""
    with view.ledger.connect() as db:
        tables = (t.messages, t.incidents, t.changes, t.late)
        said: list[object] = [[tuple(r) for r in db.execute(select(x).order_by(*x.primary_key))] for x in tables]
    state = view._state
    opened = {zone: (store.mark(o), state.earlier[o.incident.id]) for zone, o in state.incidents.open.items()}
    return [
        *said,
        opened,
        dump(state.conditions, view._engine._conditions.limits),
        store.head_json(state),
        state.now_ms,
    ]


def as_older_releases_did(view: WarningsView, one_row: bool = False) -> None:
    """What a ledger of 0004 held of conditions, or of 0.1."""
    view.close()
    state = view._state
    conditions = dump(state.conditions, view._engine._conditions.limits)
    head = {k: v for k, v in store.head_json(state).items() if k != "snapshots"} | {"now_ms": state.now_ms}
    with view.ledger.begin() as db:
        db.execute(delete(t.snapshots))
        if one_row:
            opened = [json.loads(b) for (b,) in db.execute(select(t.open_incidents.c.body))]
            assert opened
            earlier = {o["incident"]["id"]: o.pop("earlier") for o in opened}
            head = {"conditions": conditions, "incidents": opened, "earlier": earlier, "number": state.number}
            db.execute(delete(t.open_incidents))
        else:
            rows = [{"target": c["target"], "rule": c["rule"], "body": json.dumps(c)} for c in conditions]
            db.execute(t.condition_state.insert(), rows)
        db.execute(update(t.view_state).values(state=json.dumps(head)))


@pytest.mark.parametrize("seed", range(12))
def test_live_restart_and_replay_say_the_same(seed: int, small_district: Catalogue, tmp_path: Path) -> None:
    catalogue, log = city(small_district), history(seed)
    replayed = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    replayed.apply(log)
    url, snapshot_s = f"sqlite:///{tmp_path}/ledger.sqlite", (0, 60, 600, 10**6)[seed % 4]
    live, stops = open_view(open_ledger(url, whole=True), catalogue, SETTINGS, snapshot_s=snapshot_s), seed % 3 == 0
    for n, e in enumerate(log):
        live.apply([e])
        if n % 9 == seed % 9:
            if stops:
                live.close()
            live.ledger.dispose()
            live = open_view(open_ledger(url, whole=True), catalogue, SETTINGS, snapshot_s=snapshot_s)
            assert live.cursor() <= e.offset
            assert live.cursor() == e.offset or not stops
            live.apply(log[live.cursor() : n + 1])
            assert live.cursor() == live.told() == e.offset
    assert everything(live) == everything(replayed)
    assert {m.msg_type for m in live.reader.messages()} >= {MsgType.ALERT, MsgType.UPDATE}
    live.ledger.dispose()


@pytest.mark.parametrize("seed", range(12))
def test_zones_that_are_not_looked_at_had_nothing_to_say(seed: int, small_district: Catalogue) -> None:
    catalogue = city(small_district)
    fast, plain = Engine(catalogue, SETTINGS), Engine(catalogue, SETTINGS)
    a, b = fast.initial(), plain.initial()
    plain._incidents = LooksAtEveryZone(catalogue, dict.fromkeys(a.conditions, Quantity.DEPTH), SETTINGS)
    skipped = 0
    for e in history(seed):
        a, said = fast.step(a, readings([e]), e.append_ms)
        b, expected = plain.step(b, readings([e]), e.append_ms)
        assert said.messages == expected.messages
        assert {z: o.incident for z, o in a.incidents.open.items()} == {
            z: o.incident for z, o in b.incidents.open.items()
        }
        skipped += len(catalogue.zones) - len(said.zones)
    assert skipped > 100


class Storm:
    """A view fed by hand. The clock is in minutes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.view = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
        self.offset = 0

    def read(self, at_min: float, flag: Flag = Flag.PASS, **depth: float) -> list[Message]:
        now_ms = START_MS + int(at_min * MIN)
        numbers = [int(k[1:]) for k in depth]
        batch = ReadingBatch.of([now_ms] * len(depth), numbers, list(depth.values()), [flag] * len(depth))
        return self._apply(entry(self.offset + 1, now_ms, batch))

    def wait(self, at_min: float) -> list[Message]:
        return self._apply(tick(self.offset + 1, START_MS + int(at_min * MIN)))

    def _apply(self, e: Entry) -> list[Message]:
        self.offset += 1
        before = len(self.view.reader.messages(limit=10**6))
        self.view.apply([e])
        return list(reversed(self.view.reader.messages(limit=10**6)))[before:]


@pytest.fixture
def storm(small_district: Catalogue) -> Storm:
    s = Storm(city(small_district))
    s.read(0, c1=0.15, c2=0.0, c3=0.0, c4=0.0)
    (alert,) = s.read(1, c1=0.15)
    assert (alert.msg_type, alert.level) == (MsgType.ALERT, Level.BLUE)
    return s


def test_getting_worse_does_not_wait(storm: Storm) -> None:
    storm.read(1.1, c1=0.3)
    (update_,) = storm.read(2.1, c1=0.3)
    assert (update_.msg_type, update_.why, update_.level) == (MsgType.UPDATE, Why.WORSE, Level.YELLOW)
    storm.read(2.2, c2=0.6)
    (update_,) = storm.read(3.2, c2=0.6)
    assert (update_.why, update_.level) == (Why.WORSE, Level.RED)


def test_stations_that_join_together_are_told_together(storm: Storm) -> None:
    said = storm.read(2, c2=0.15)
    said += storm.read(2.3, c3=0.15)
    said += storm.read(2.9, c4=0.15)
    said += storm.read(3.0, c2=0.15)
    said += storm.read(3.3, c3=0.15)
    assert said == []
    (update_,) = storm.wait(3.5)
    assert (update_.why, update_.level) == (Why.JOINED, Level.BLUE)
    assert {e.channel for e in update_.evidence} == {1, 2, 3}
    storm.read(3.9, c4=0.15)
    (update_,) = storm.wait(4.4)
    assert {e.channel for e in update_.evidence} == {1, 2, 3, 4}


def test_easing_waits_for_the_quiet_time_only(storm: Storm) -> None:
    storm.read(1.1, c1=0.3)
    assert len(storm.read(2.1, c1=0.3)) == 1
    storm.read(2.5, c1=0.15)
    storm.read(4.6, c1=0.15)
    assert storm.view.reader.incidents()[0].level is Level.BLUE
    assert storm.wait(7) == []
    (update_,) = storm.wait(7.1)
    assert update_.why is Why.EASED
    assert update_.level is Level.BLUE


def test_silence_changes_the_certainty_and_is_told(storm: Storm) -> None:
    assert storm.wait(11) == []
    (update_,) = storm.wait(11.1)  # silent for more than ten minutes
    assert storm.view.reader.incidents()[0].certainty is Certainty.POSSIBLE
    assert b"<certainty>Possible</certainty>" in update_.cap_xml


def test_a_message_is_renewed_before_it_expires_and_cancelled_once(storm: Storm) -> None:
    told: list[Message] = []
    for at in range(2, 120):
        told += storm.read(at, c1=0.15)
    assert [round((m.sent_ms - START_MS) / MIN) for m in told] == [51, 101]  # expires after 60, renewed 10 before
    storm.read(121, c1=0.0)
    (cancel,) = storm.read(123, c1=0.0)
    assert (cancel.msg_type, cancel.level) == (MsgType.CANCEL, Level.BLUE)
    assert storm.wait(300) == []
    with storm.view.ledger.connect() as db:
        assert db.execute(select(t.open_incidents)).all() == []


def test_a_ledger_out_of_reach_loses_and_doubles_nothing(
    small_district: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, log = city(small_district), history(3)
    view, twin = (open_view(open_ledger("sqlite://"), catalogue, SETTINGS) for _ in range(2))
    twin.apply(log)

    def gone(*_: object) -> None:
        raise OperationalError("select", {}, Exception("no route to host"))

    for at in range(0, len(log), 30):
        with monkeypatch.context() as m:
            m.setattr(store, "save", gone)
            for _ in range(2):
                with pytest.raises(RetryLater, match="no route to host"):
                    view.apply(log[at : at + 30])
        assert view.cursor() == (log[at - 1].offset if at else 0)
        view.apply(log[at : at + 30])
    assert everything(view) == everything(twin)


@pytest.mark.parametrize("one_row", [False, True])
def test_what_an_older_release_stored_is_taken_over(small_district: Catalogue, tmp_path: Path, one_row: bool) -> None:
    catalogue, log = city(small_district), history(5)
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    view = open_view(open_ledger(url, whole=True), catalogue, SETTINGS)
    twin = open_view(open_ledger("sqlite://"), catalogue, SETTINGS)
    view.apply(log[:100])
    twin.apply(log)
    as_older_releases_did(view, one_row)
    view.ledger.dispose()
    view = open_view(open_ledger(url, whole=True), catalogue, SETTINGS)
    view.apply(log[100:])
    ours, theirs = everything(view), everything(twin)
    if one_row:  # 0.1 knew of no blind zones
        assert [x.pop("blind")["notices"] for x in (ours[6], theirs[6])] == [[], []]
    assert ours == theirs
    view.ledger.dispose()


def test_a_changed_catalogue_takes_and_gives_conditions(small_district: Catalogue, tmp_path: Path) -> None:
    whole, url = city(small_district), f"sqlite:///{tmp_path}/ledger.sqlite"
    view = open_view(open_ledger(url, whole=True), whole, SETTINGS)
    view.apply(history(1)[:60])
    view.ledger.dispose()
    fewer = RULE.model_copy(update={"channels": (1, 2, 5)})
    view = open_view(open_ledger(url, whole=True), replace(whole, rules=(fewer,)), SETTINGS)
    view.apply(history(1)[60:])
    assert [c.channel for c in view.reader.conditions()] == [1, 2, 5]
    assert [c.channel for c in view.reader.conditions({5, 4, 1})] == [1, 5]
    evidence = {e.channel for i in view.reader.incidents(open_only=True) for e in i.evidence}
    assert evidence <= {1, 2, 5}
    view.ledger.dispose()


def test_lists_tell_of_messages_what_they_are_told_one_by_one(small_district: Catalogue) -> None:
    view = open_view(open_ledger("sqlite://"), city(small_district), SETTINGS)
    view.apply(history(1))
    ids = [i.id for i in view.reader.incidents()]
    assert ids
    for name, told in view.reader.messages_of(ids).items():
        whole = view.reader.messages(name)
        assert whole
        for short, long in zip(told, whole, strict=True):
            assert all(getattr(short, f) == getattr(long, f) for f in MessageHead.__slots__)
    view.ledger.dispose()


@pytest.mark.parametrize("seed", range(4))
def test_the_shared_list_is_what_a_fresh_look_would_give(seed: int, small_district: Catalogue) -> None:
    view = open_view(open_ledger("sqlite://"), city(small_district), SETTINGS)
    services = cast(Services, SimpleNamespace(warnings=view.reader))
    shared, spared = SharedIncidents(services), 0
    for e in history(seed):
        before = view.reader.version()
        view.apply([e])
        spared += view.reader.version() == before
        for open_only in (False, True):
            assert shared.body(Which(open_only), 50) == SharedIncidents(services).body(Which(open_only), 50)
    assert spared > 20
    assert view.reader.incidents()
    told = shared.body(Which(), 50)
    view.reset()
    assert shared.body(Which(), 50) == told  # a record, which no rebuild alters


def test_a_view_at_rest_keeps_where_it_is_and_that_once(small_district: Catalogue, tmp_path: Path) -> None:
    catalogue, log = city(small_district), history(6, 40)
    view = open_view(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), catalogue, SETTINGS, snapshot_s=1e9)
    view.apply(log[:30])
    view.apply([tick(31, log[29].now_ms + 5000)])
    view.keep()
    other = open_view(open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), catalogue, SETTINGS)
    assert other.cursor() == other.told() == view.cursor() == 31
    assert everything(other) == everything(view)
    said: list[str] = []
    event.listen(view.ledger, "before_cursor_execute", lambda *given: said.append(given[2]))
    view.keep()
    assert said == []
    other.ledger.dispose()
    view.ledger.dispose()


def test_garbage_is_collected_again_when_the_view_is_open_and_when_it_cannot_be(small_district: Catalogue) -> None:
    open_view(open_ledger("sqlite://"), small_district, SETTINGS)
    assert gc.isenabled()
    of_no_zone = replace(small_district, zones={})
    with pytest.raises(KeyError):
        open_view(open_ledger("sqlite://"), of_no_zone, SETTINGS)
    assert gc.isenabled()
