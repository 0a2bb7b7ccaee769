"""One step of the engine: several rules on a channel, and what people decide."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from cloud.ledger.open import open_ledger
from cloud.log import decision
from cloud.log.base import Cursor, Entry, EntryKind
from cloud.log.decision import Decision, DecisionKind, encode_decision
from cloud.views.base import Poisoned
from cloud.warnings.engine import Engine
from cloud.warnings.settings import WarningSettings
from cloud.warnings.view import open_view
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from tests.cloud.warnings.city import RULE, START_MS, city, history


def decided(offset: int, kind: DecisionKind, monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setattr(decision, "IN_USE", frozenset(DecisionKind))  # as a release that carries all of them out
    payload = encode_decision(Decision(f"d{offset}", kind, "ada", START_MS, "incident-1"))
    return Entry(Cursor(offset), START_MS, EntryKind.DECISION, "", 0, 0, Lane.ALARM, START_MS, START_MS, payload)


def test_rules_on_one_channel_are_evidence_of_one_incident(small_district: Catalogue) -> None:
    """The incident has the worst level of any; what is told of a place is its worst, so a second rule tells nothing."""
    quick = Rule(id="quick", channels=(1,), levels={Level.YELLOW: 0.1}, on_delay_s=0)
    engine = Engine(replace(city(small_district), rules=(RULE, quick)), WarningSettings())
    state, out = engine.step(engine.initial(), ReadingBatch.of([START_MS], [1], [0.15], [1]), START_MS)
    assert out.messages == []
    state, out = engine.step(state, ReadingBatch.of([START_MS + 20_000], [1], [0.15], [1]), START_MS + 20_000)
    (alert,) = out.messages
    (incident,) = out.incidents
    assert [(e.key.rule, e.level) for e in incident.evidence] == [("quick", Level.YELLOW)]
    late_ms = START_MS + 16 * 60_000
    times = [START_MS + 60_000, START_MS + 500_000, late_ms]
    readings = ReadingBatch.of(times, [1] * 3, [0.15] * 3, [1] * 3)
    state, out = engine.step(state, readings, late_ms)
    assert out.messages == []
    (incident,) = out.incidents
    assert [(e.key.rule, e.level) for e in incident.evidence] == [("depth", Level.BLUE), ("quick", Level.YELLOW)]
    assert incident.level is alert.level is Level.YELLOW


def test_a_release_is_no_matter_of_warnings(small_district: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the log like any entry: nothing follows but that the view has read it."""
    catalogue, log = city(small_district), history(2, 40)
    plain, with_it = (open_view(open_ledger("sqlite://"), catalogue) for _ in range(2))
    plain.apply(log)
    with_it.apply(log)
    with_it.apply([decided(41, DecisionKind.RELEASE, monkeypatch)._replace(append_ms=log[-1].append_ms)])
    assert with_it.cursor() == 41
    assert with_it.reader.messages() == plain.reader.messages() != []
    assert with_it.reader.conditions() == plain.reader.conditions()


def test_what_a_newer_release_decided_is_passed_over_aloud(
    small_district: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    view = open_view(open_ledger("sqlite://"), city(small_district))
    with caplog.at_level(logging.WARNING):
        view.apply([decided(1, DecisionKind.APPROVE, monkeypatch)])
    assert "log offset 1: what ada decided (approve, incident-1) is of a newer Headwater" in caplog.text
    assert view.cursor() == 1


def test_a_decision_that_nobody_can_read_is_set_aside_by_name(
    small_district: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = open_view(open_ledger("sqlite://"), city(small_district))
    entry = decided(7, DecisionKind.RELEASE, monkeypatch)._replace(payload=b"{}")
    with pytest.raises(Poisoned, match="log offset 7: not a decision"):
        view.apply([entry])
