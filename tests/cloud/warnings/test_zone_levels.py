"""When a zone stood at which level: tables, and second by second against what was told in wandering histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud.ledger.open import open_ledger
from cloud.warnings.model import Certainty, Evidence, Incident, MsgType
from cloud.warnings.reader import Which
from cloud.warnings.view import open_view
from cloud.warnings.zone_levels import Told, zone_levels
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level
from contract.conditions.state import ConditionState
from contract.conditions.targets import ConditionKey, Target
from tests.cloud.warnings.city import city, history

ALERT, UPDATE, CANCEL = MsgType
BLUE, YELLOW, ORANGE, RED = Level
STREETS = {"s1": "north", "s2": "north", "s3": "south"}


def incident(zones: tuple[str, ...], closed_ms: int | None) -> Incident:
    return Incident("i", zones[0], RED, RED, Certainty.OBSERVED, 0, 0, closed_ms, (), zones)


def at(station: str, level: Level) -> Evidence:
    key = ConditionKey(Target.of_channel(1), "rule")
    return Evidence(key, 1, station, Quantity.DEPTH, level, ConditionState.ACTIVE, 0.3, 0)


ONE = [
    Told(0, ALERT, BLUE),
    Told(10, UPDATE, RED),
    Told(20, UPDATE, RED),
    Told(50, UPDATE, BLUE),
    Told(90, CANCEL, RED),
]
BOTH = [
    Told(0, ALERT, BLUE, (at("s1", BLUE),)),
    Told(10, UPDATE, RED, (at("s1", BLUE), at("s3", RED))),
    Told(20, UPDATE, RED, (at("s1", BLUE), at("s2", ORANGE), at("s3", RED))),
    Told(30, UPDATE, ORANGE, (at("s2", ORANGE),)),
    Told(40, CANCEL, ORANGE),
]


@pytest.mark.parametrize(
    ("zones", "told", "closed_ms", "least", "expected"),
    [
        (("north",), ONE, 90, None, [("north", BLUE, 0, 10), ("north", RED, 10, 50), ("north", BLUE, 50, 90)]),
        (("north",), ONE, 90, RED, [("north", RED, 10, 50)]),
        (("north",), ONE, 90, BLUE, [("north", BLUE, 0, 90)]),
        (("north",), ONE[:2], None, YELLOW, [("north", YELLOW, 10, None)]),
        (("north",), ONE[:2], None, None, [("north", BLUE, 0, 10), ("north", RED, 10, None)]),
        # Of several zones each is as bad as what is found in it.
        (
            ("north", "south"),
            BOTH,
            40,
            None,
            [("north", BLUE, 0, 20), ("north", ORANGE, 20, 40), ("south", RED, 10, 30)],
        ),
        (("north", "south"), BOTH, 40, ORANGE, [("north", ORANGE, 20, 40), ("south", ORANGE, 10, 30)]),
        # A release that stored no evidence: all of its zones.
        (("north", "south"), ONE[:1], None, None, [("north", BLUE, 0, None), ("south", BLUE, 0, None)]),
        # Blind: nobody knows; and that is no level.
        (("north",), [Told(5, ALERT, None)], None, None, [("north", None, 5, None)]),
        (("north",), [Told(5, ALERT, None)], None, BLUE, []),
        # It ended, and the message of that could not be written.
        (("north",), ONE[:2], 70, None, [("north", BLUE, 0, 10), ("north", RED, 10, 70)]),
    ],
)
def test_spells(zones, told, closed_ms, least, expected) -> None:
    found = zone_levels(incident(zones, closed_ms), told, STREETS, least)
    assert [(s.zone, s.level, s.begin_ms, s.end_ms) for s in found] == expected


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("least", [None, YELLOW, RED])
def test_as_the_messages_said(small_district: Catalogue, grouped: bool, seed: int, least: Level | None) -> None:
    whole = city(small_district)
    if grouped:
        group = {z: v.model_copy(update={"incident_group": "north"}) for z, v in whole.zones.items()}
        whole = replace(whole, zones=group)
    view = open_view(open_ledger("sqlite://"), whole)
    view.apply(history(seed, 400))
    zone_of = {s.id: s.zone for s in whole.stations.values()}
    listed = view.reader.listed(Which(), limit=1000)
    told = view.reader.levels_told([i.id for i in listed])
    spells = [s for i in listed for s in zone_levels(*told[i.id], zone_of, least)]
    assert spells
    assert any(s.begin_ms % 1000 == 0 for s in spells)
    last_ms = max(m.sent_ms for m in view.reader.messages(limit=10**6)) + 1
    for i in listed:
        messages = sorted(view.reader.messages(i.id, 10**6), key=lambda m: (m.sent_ms, m.id))
        for m, after in zip(messages, [*messages[1:], None], strict=True):
            end_ms = last_ms if after is None else after.sent_ms
            if end_ms == m.sent_ms or m.msg_type is CANCEL:
                continue
            expected: dict[str, Level | None] = {}
            for e in m.evidence:
                zone = zone_of[e.station or ""]
                expected[zone] = max(expected.get(zone) or BLUE, e.level, key=lambda level: level.rank)
            if not m.evidence:
                expected = dict.fromkeys(told[i.id][0].zones, m.level)
            if least is not None:
                high = {z: v for z, v in expected.items() if v is not None and v.rank >= least.rank}
                expected = dict.fromkeys(high, least)
            middle_ms = (m.sent_ms + end_ms) // 2
            stand = {
                s.zone: s.level
                for s in spells
                if s.incident == i.id and s.begin_ms <= middle_ms and (s.end_ms is None or s.end_ms > middle_ms)
            }
            assert stand == expected, m
