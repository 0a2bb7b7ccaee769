"""Entries that are neither readings nor decisions: where readings come from, and the log's time put right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
import sqlalchemy

from cloud.ledger.open import open_ledger
from cloud.log.base import Cursor, Entry, EntryKind
from cloud.log.correction import Correction, encode_correction
from cloud.log.origin import Origin, encode_origin
from cloud.warnings.gateways import Played, Said
from cloud.warnings.model import Message, MsgType, Why
from cloud.warnings.view import WarningsView, open_view
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from contract.wire.envelope import Lane
from tests.cloud.warnings.city import START_MS, city, entry, tick

HOUR_MS = 3_600_000


def origin(offset: int, now_ms: int, gateway: str, simulated: bool) -> Entry:
    payload = encode_origin(Origin(gateway, simulated))
    return Entry(Cursor(offset), now_ms, EntryKind.ORIGIN, "", 0, 0, Lane.ALARM, now_ms, now_ms, payload)


def correction(offset: int, was_ms: int, now_ms: int) -> Entry:
    payload = encode_correction(Correction(was_ms, now_ms, "ahead", "headwater"))
    ahead_ms = was_ms - now_ms
    return Entry(Cursor(offset), was_ms, EntryKind.CLOCK, "", 0, 0, Lane.LIVE, now_ms, now_ms, payload, ahead_ms)


def reading(offset: int, now_ms: int, channel: int, value: float, ahead_ms: int = 0) -> Entry:
    found = entry(offset, now_ms, ReadingBatch.of([now_ms], [channel], [value]))
    return found._replace(append_ms=now_ms + ahead_ms, ahead_ms=ahead_ms)


def flood(offset: int, now_ms: int, channel: int, value: float, ahead_ms: int = 0) -> list[Entry]:
    """Five minutes of it, every half minute."""
    return [reading(offset + n, now_ms + 30_000 * n, channel, value, ahead_ms) for n in range(10)]


def applied(
    catalogue: Catalogue, entries: Sequence[Entry], cut: int, restart: bool = False
) -> tuple[WarningsView, sqlalchemy.Engine]:
    ledger = open_ledger("sqlite://")
    view = open_view(ledger, catalogue)
    for first in range(0, len(entries), cut):
        view.apply(entries[first : first + cut])
        if restart:
            view = open_view(ledger, catalogue)
    return view, ledger


def messages(view: WarningsView) -> list[Message]:
    return list(reversed(view.reader.messages(limit=999)))


def gist(found: Iterable[Message]) -> list[tuple[object, ...]]:
    return [(m.id, m.incident, m.sent_ms, m.msg_type, m.level, [e.simulated for e in m.evidence]) for m in found]


@pytest.fixture
def catalogue(small_district: Catalogue) -> Catalogue:
    """A simulated gateway in the first zone, a real one in the others."""
    found = city(small_district)
    channels = {
        n: replace(c, gateway="gw-sim" if c.station.zone == "z0" else "gw-1") for n, c in found.channels.items()
    }
    return replace(found, channels=channels)


def test_evidence_says_whether_it_is_simulated(catalogue: Catalogue) -> None:
    entries = [
        origin(1, START_MS, "gw-sim", True),
        origin(2, START_MS, "gw-1", False),
        *flood(10, START_MS + 1000, 1, 0.6),
        *flood(30, START_MS + 400_000, 5, 0.6),
        tick(99, START_MS + 900_000),
    ]
    for cut, restart in ((1, False), (7, True), (99, False)):
        view, ledger = applied(catalogue, entries, cut, restart)
        by_zone = {i.zone: [e.simulated for e in i.evidence] for i in view.reader.incidents()}
        assert by_zone == {"z0": [True], "z1": [False]}
        ledger.dispose()


def test_an_exercise_ends_where_a_real_gateway_that_shares_its_incidents_is_heard(catalogue: Catalogue) -> None:
    """Else one who has the key of one gateway calls it simulated, and the warnings of all others are exercises."""
    zones = {z: v.model_copy(update={"incident_group": "all"}) for z, v in catalogue.zones.items()}
    entries = [
        origin(1, START_MS, "gw-sim", True),
        *flood(10, START_MS + 1000, 1, 0.6),
        origin(40, START_MS + 400_000, "gw-1", False),
        *flood(50, START_MS + 401_000, 5, 0.6),
        origin(70, START_MS + 700_000, "gw-sim", True),
        tick(99, START_MS + 900_000),
    ]
    for cut, restart in ((1, False), (7, True), (99, False)):
        view, ledger = applied(replace(catalogue, zones=zones), entries, cut, restart)
        told = [(m.msg_type, m.why, m.status) for m in messages(view)]
        assert told == [
            (MsgType.ALERT, Why.OPENED, "Exercise"),
            (MsgType.CANCEL, Why.NO_LONGER_WATCHED, "Exercise"),
            (MsgType.ALERT, Why.OPENED, "Actual"),
        ]
        ledger.dispose()


def test_who_calls_itself_simulated_beside_a_real_one_is_not_believed(catalogue: Catalogue) -> None:
    zones = {z: v.model_copy(update={"incident_group": "all"}) for z, v in catalogue.zones.items()}
    both = Said(frozenset({"gw-sim"}), frozenset({"gw-1"}))
    assert Played(replace(catalogue, zones=zones))(both) == frozenset()
    assert Played(catalogue)(both) == {"gw-sim"}
    assert Played(replace(catalogue, zones=zones))(Said(frozenset({"gw-sim", "gw-1"}))) == {"gw-sim", "gw-1"}


def test_what_a_simulation_said_raises_nothing_when_the_gateway_becomes_a_real_one(catalogue: Catalogue) -> None:
    entries = [
        origin(1, START_MS, "gw-sim", True),
        reading(2, START_MS + 1000, 1, 0.6),
        reading(3, START_MS + 31_000, 1, 0.6),
        origin(4, START_MS + 40_000, "gw-sim", False),
        *(tick(5 + n, START_MS + 70_000 + 30_000 * n) for n in range(5)),
        *flood(20, START_MS + 300_000, 1, 0.6),
    ]
    for cut, restart in ((1, False), (2, True), (99, False)):
        view, ledger = applied(catalogue, entries, cut, restart)
        (incident,) = view.reader.incidents()
        assert incident.opened_ms > START_MS + 300_000
        assert [e.simulated for e in incident.evidence] == [False]
        ledger.dispose()


@pytest.mark.parametrize("simulated", [True, False])
def test_what_was_raised_is_neither_held_nor_ended_by_readings_from_elsewhere(
    catalogue: Catalogue, simulated: bool
) -> None:
    """Red; then the gateway is a simulation, or a real one, and what it says then is dry; then it floods there, too."""
    before, after = ("Exercise", "Actual") if simulated else ("Actual", "Exercise")
    dry = [reading(30 + n, START_MS + 410_000 + 30_000 * n, 1, 0.0) for n in range(40)]
    entries = [
        origin(1, START_MS, "gw-sim", simulated),
        *flood(2, START_MS + 1000, 1, 0.6),
        origin(20, START_MS + 400_000, "gw-sim", not simulated),
        *dry,
        *flood(80, START_MS + 2_000_000, 1, 0.6),
    ]
    told = []
    for cut, restart in ((1, False), (1, True), (7, False), (999, False)):
        view, ledger = applied(catalogue, entries, cut, restart)
        told.append(gist(messages(view)))
        said = [(m.status, m.msg_type, m.why) for m in messages(view) if m.why is not Why.WORSE]
        assert said == [
            (before, MsgType.ALERT, Why.OPENED),
            (before, MsgType.CANCEL, Why.NO_LONGER_WATCHED),
            (after, MsgType.ALERT, Why.OPENED),
        ]
        ledger.dispose()
    assert all(found == told[0] for found in told)


def test_a_log_put_right_warns_at_once_however_its_entries_are_cut(catalogue: Catalogue) -> None:
    """Red; eight hours ahead for one tick, pinned for ten minutes, freed; another zone floods, the first dries."""
    freed_ms, pinned_ms = START_MS + 900_000, START_MS + 8 * HOUR_MS
    ahead_ms = pinned_ms - freed_ms
    pinned = [reading(30 + n, START_MS + 330_000 + 30_000 * n, 1, 0.6) for n in range(19)]
    dry = [reading(80 + n, freed_ms + 310_000 + 30_000 * n, 1, 0.0, ahead_ms) for n in range(40)]
    entries = [
        *flood(10, START_MS + 1000, 1, 0.6),
        tick(29, pinned_ms),
        *(e._replace(append_ms=pinned_ms) for e in pinned),
        correction(59, pinned_ms, freed_ms),
        *flood(60, freed_ms + 1000, 5, 0.6, ahead_ms),
        *dry,
    ]
    assert [e.append_ms for e in entries] == sorted(e.append_ms for e in entries)
    told = []
    for cut, restart in ((1, False), (1, True), (7, False), (999, False)):
        view, ledger = applied(catalogue, entries, cut, restart)
        told.append(gist(messages(view)))
        incidents = {i.zone: i for i in view.reader.incidents()}
        assert incidents["z1"].opened_ms <= freed_ms + 120_000
        closed_ms = incidents["z0"].closed_ms
        assert closed_ms is not None and freed_ms + 310_000 < closed_ms < freed_ms + HOUR_MS
        ledger.dispose()
    assert told[0] == told[1] == told[2] == told[3]
