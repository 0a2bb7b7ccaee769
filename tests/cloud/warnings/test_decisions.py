"""What follows of a decision: as a table, twice, late, and of nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cloud.log.decision import Decision, DecisionKind
from cloud.warnings.decisions import (
    LONGEST_MUTE_MS,
    Effect,
    End,
    Mute,
    Muted,
    Noted,
    People,
    decide,
    lasting,
    muted_until,
    people_from_json,
    people_json,
    refusal,
    signal_at,
)
from cloud.warnings.model import Act, Certainty, Ended, Ending, Incident
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from contract.conditions.targets import Target
from tests.cloud.warnings.city import START_MS, city

HOUR_MS = 3_600_000
OPEN = Incident("i1", "z0", Level.RED, Level.RED, Certainty.OBSERVED, START_MS, START_MS, None, (), ("z0",))
CHANNEL, STATION = Target.of_channel(1), Target.of_station("s1")


def said(kind: DecisionKind, target: str, who: str = "person:ann", at_ms: int = START_MS, **detail: object) -> Decision:
    return Decision("d", kind, who, at_ms, target, detail)  # type: ignore[arg-type]


@pytest.fixture
def catalogue(small_district: Catalogue) -> Catalogue:
    return city(small_district)


def effect(
    catalogue: Catalogue, decision: Decision, incident: Incident = OPEN, people: People | None = None
) -> Effect | None:
    return decide(people or People(), decision, catalogue, [incident], START_MS)[1]


def test_the_first_who_acknowledges_is_kept(catalogue: Catalogue) -> None:
    found = effect(catalogue, said(DecisionKind.ACKNOWLEDGE, "i1"))
    assert isinstance(found, Noted)
    assert found.incident.acknowledged == Act("person:ann", START_MS)
    assert effect(catalogue, said(DecisionKind.ACKNOWLEDGE, "i1", "person:bob"), found.incident) is None


def test_the_last_who_takes_over_owns_it(catalogue: Catalogue) -> None:
    first = effect(catalogue, said(DecisionKind.TAKE_OVER, "i1"))
    assert isinstance(first, Noted)
    assert (first.incident.owner, first.incident.acknowledged) == (Act("person:ann", START_MS),) * 2
    then = effect(catalogue, said(DecisionKind.TAKE_OVER, "i1", "person:bob", START_MS + 5), first.incident)
    assert isinstance(then, Noted)
    assert then.incident.owner == Act("person:bob", START_MS + 5)
    assert then.incident.acknowledged == Act("person:ann", START_MS)
    assert effect(catalogue, said(DecisionKind.TAKE_OVER, "i1", "person:bob"), then.incident) is None  # twice


@pytest.mark.parametrize("kind", [DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER])
@pytest.mark.parametrize(
    ("told_ms", "acted_ms", "kept_ms"),
    [
        (0, 10, 0),  # nothing was told since: the first is kept
        (20, 30, 30),  # it was told of since, worse perhaps: who says so again has seen that
        (20, 20, 20),
        (20, 15, 0),  # decided before that, and late in the log
    ],
)
def test_what_was_told_since_may_be_acted_on_again(
    catalogue: Catalogue, kind: DecisionKind, told_ms: int, acted_ms: int, kept_ms: int
) -> None:
    ann, again = Act("person:ann", START_MS), said(kind, "i1", "person:ann", START_MS + acted_ms)
    seen = replace(OPEN, updated_ms=START_MS + told_ms, acknowledged=ann, owner=ann)
    found = effect(catalogue, again, seen)
    now = found.incident if isinstance(found, Noted) else seen
    kept = Act("person:ann", START_MS + kept_ms)
    assert (now.acknowledged, now.owner) == (kept, ann if kind is DecisionKind.ACKNOWLEDGE else kept)


@pytest.mark.parametrize("reason", list(Ending))
def test_an_end_says_who_and_why(catalogue: Catalogue, reason: Ending) -> None:
    found = effect(catalogue, said(DecisionKind.END, "i1", reason=reason.value, note="a parked car"))
    assert found == End("i1", Ended("person:ann", START_MS, reason, "a parked car"))


@pytest.mark.parametrize("kind", [DecisionKind.ACKNOWLEDGE, DecisionKind.TAKE_OVER, DecisionKind.END])
def test_of_an_incident_that_is_not_open_nothing_follows(catalogue: Catalogue, kind: DecisionKind) -> None:
    assert effect(catalogue, said(kind, "i0", reason="over")) is None


def test_a_mute_lasts_until_its_end_and_is_taken_back(catalogue: Catalogue) -> None:
    until_ms = START_MS + 8 * HOUR_MS
    people, found = decide(
        People(), said(DecisionKind.MUTE, "channel/1", until_ms=until_ms, reason="silted"), catalogue, [], START_MS
    )
    assert found == Muted(CHANNEL)
    assert lasting(people, START_MS) == [Mute(CHANNEL, until_ms, "silted", "person:ann", START_MS)]
    assert lasting(people, until_ms) == []
    assert muted_until(people, [CHANNEL, STATION]) == until_ms
    people, found = decide(people, said(DecisionKind.MUTE, "channel/1", until_ms=0), catalogue, [], START_MS + 1)
    assert found == Muted(CHANNEL)
    assert (lasting(people, START_MS + 1), muted_until(people, [CHANNEL])) == ([], 0)
    assert decide(people, said(DecisionKind.MUTE, "channel/1", until_ms=0), catalogue, [], START_MS + 2)[1] is None


def test_the_longer_of_two_mutes_holds(catalogue: Catalogue) -> None:
    people = People()
    for target, hours in (("channel/1", 2), ("station/s1", 5)):
        mute = said(DecisionKind.MUTE, target, until_ms=START_MS + hours * HOUR_MS, reason="works")
        people, _ = decide(people, mute, catalogue, [], START_MS)
    assert muted_until(people, [CHANNEL, STATION]) == START_MS + 5 * HOUR_MS
    people, _ = decide(people, said(DecisionKind.MUTE, "station/s1", until_ms=0), catalogue, [], START_MS)
    assert muted_until(people, [CHANNEL, STATION]) == START_MS + 2 * HOUR_MS


def test_a_mute_of_a_clock_that_was_ahead_lasts_a_day_of_the_log(catalogue: Catalogue) -> None:
    ahead_ms = START_MS + 8 * HOUR_MS
    mute = said(DecisionKind.MUTE, "channel/1", at_ms=ahead_ms, until_ms=ahead_ms + LONGEST_MUTE_MS, reason="works")
    people, _ = decide(People(), mute, catalogue, [], START_MS)
    assert muted_until(people, [CHANNEL]) == START_MS + LONGEST_MUTE_MS


def test_a_mute_that_comes_after_its_end_does_nothing(catalogue: Catalogue) -> None:
    mute = said(DecisionKind.MUTE, "channel/1", until_ms=START_MS + HOUR_MS, reason="works")
    people, found = decide(People(), mute, catalogue, [], START_MS + 2 * HOUR_MS)
    assert (people.mutes, found) == ({}, None)


def test_the_rain_signal_stands_until_it_is_over_or_taken_back(catalogue: Catalogue) -> None:
    until_ms = START_MS + HOUR_MS
    entered = said(DecisionKind.RAIN_SIGNAL, "district", level="orange", valid_until_ms=until_ms)
    people, found = decide(People(), entered, catalogue, [], START_MS)
    assert found is None
    signal = signal_at(people, START_MS)
    assert signal is not None
    assert (signal.level, signal.who, signal.valid_until_ms) == (Level.ORANGE, "person:ann", until_ms)
    assert signal_at(people, until_ms) is None
    people, _ = decide(people, said(DecisionKind.RAIN_SIGNAL, "district", level="none"), catalogue, [], START_MS + 1)
    assert signal_at(people, START_MS + 1) is None


REFUSED = [
    (DecisionKind.END, "i1", {}, "ended for a reason"),
    (DecisionKind.END, "i1", {"reason": "tired"}, "`false`"),
    (DecisionKind.END, "i1", {"reason": "over", "note": "x" * 501}, "at most 500"),
    (DecisionKind.MUTE, "channel/1", {"reason": "works"}, "needs its end"),
    (DecisionKind.MUTE, "channel/1", {"until_ms": True, "reason": "works"}, "needs its end"),
    (DecisionKind.MUTE, "channel/1", {"until_ms": START_MS + LONGEST_MUTE_MS + 1, "reason": "works"}, "24 hours"),
    (DecisionKind.MUTE, "channel/1", {"until_ms": START_MS + 1}, "say why"),
    (DecisionKind.MUTE, "channel/99", {"until_ms": START_MS + 1, "reason": "works"}, "no channel 99"),
    (DecisionKind.MUTE, "station/x", {"until_ms": START_MS + 1, "reason": "works"}, "no station x"),
    (DecisionKind.MUTE, "zone/z0", {"until_ms": START_MS + 1, "reason": "works"}, "one by one"),
    (DecisionKind.MUTE, "421", {"until_ms": START_MS + 1, "reason": "works"}, "channel/NUMBER or station/ID"),
    (DecisionKind.RAIN_SIGNAL, "z0", {"level": "red"}, "whole district"),
    (DecisionKind.RAIN_SIGNAL, "district", {"level": "purple"}, "none, blue, yellow, orange, red"),
    (DecisionKind.RAIN_SIGNAL, "district", {"level": "red", "valid_until_ms": START_MS}, "still to come"),
    (DecisionKind.RELEASE, "x", {}, "no decision about warnings"),
]


@pytest.mark.parametrize(("kind", "target", "detail", "why"), REFUSED)
def test_what_cannot_be_meant_is_refused_and_does_nothing(
    catalogue: Catalogue, kind: DecisionKind, target: str, detail: dict[str, object], why: str
) -> None:
    decision = said(kind, target, **detail)
    assert why in (refusal(decision, catalogue) or "")
    people, found = decide(People(), decision, catalogue, [OPEN], START_MS)
    assert (people, found) == (People(), None)


def test_a_mute_of_a_day_is_taken(catalogue: Catalogue) -> None:
    mute = said(DecisionKind.MUTE, "station/s1", until_ms=START_MS + LONGEST_MUTE_MS, reason="works")
    assert refusal(mute, catalogue) is None


def test_it_comes_back_as_it_was_stored(catalogue: Catalogue) -> None:
    people, _ = decide(
        People(),
        said(DecisionKind.MUTE, "station/s1", until_ms=START_MS + 1000, reason="works"),
        catalogue,
        [],
        START_MS,
    )
    people, _ = decide(people, said(DecisionKind.RAIN_SIGNAL, "district", level="blue"), catalogue, [], START_MS)
    assert people_from_json(json.loads(json.dumps(people_json(people)))) == people
    assert people_from_json({}) == People()
