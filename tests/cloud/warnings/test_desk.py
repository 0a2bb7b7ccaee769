"""A decision is looked at, then written once: tried with a log in memory's place and incidents by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from cloud.log.base import BatchLog
from cloud.log.decision import DecisionKind
from cloud.log.sqlite import SqliteLog
from cloud.warnings.desk import CannotBeMeant, Desk, IncidentIsClosed, NoSuchIncident, made
from cloud.warnings.model import Certainty, Ended, Ending, Incident
from cloud.warnings.reader import WarningsReader
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level

NOW_MS = 1_626_768_000_000
OPEN = Incident("i1", "south", Level.RED, Level.RED, Certainty.OBSERVED, NOW_MS, NOW_MS, None, ())


class Known:
    def __init__(self, incidents: Sequence[Incident]) -> None:
        self._incidents = {i.id: i for i in incidents}

    def incident(self, incident_id: str) -> Incident | None:
        return self._incidents.get(incident_id)


def desk(tmp_path: Path, catalogue: Catalogue, *incidents: Incident) -> tuple[Desk, BatchLog]:
    log = SqliteLog(tmp_path / "log.sqlite")
    return Desk(log, cast(WarningsReader, Known(incidents)), catalogue), log


def test_twice_is_once(small_district: Catalogue, tmp_path: Path) -> None:
    d, log = desk(tmp_path, small_district, OPEN)
    end = made(DecisionKind.END, "person:ann", NOW_MS, "i1", {"reason": "over", "note": None}, "mine")
    assert [d.hand_in(end, NOW_MS).repeated for _ in range(2)] == [False, True]
    assert len(log.read(log.end().__class__(0), 10)) == 1
    assert dict(end.detail) == {"reason": "over"}
    log.close()


def test_two_without_an_id_are_two(small_district: Catalogue, tmp_path: Path) -> None:
    d, log = desk(tmp_path, small_district, OPEN)
    for _ in range(2):
        assert not d.hand_in(made(DecisionKind.ACKNOWLEDGE, "person:ann", NOW_MS, "i1"), NOW_MS).repeated
    log.close()


def test_what_is_not_written_says_why(small_district: Catalogue, tmp_path: Path) -> None:
    ended = Ended("person:bob", NOW_MS, Ending.OVER)
    d, log = desk(tmp_path, small_district, replace(OPEN, closed_ms=NOW_MS, ended=ended))
    with pytest.raises(NoSuchIncident, match="there is no incident 'i0'"):
        d.hand_in(made(DecisionKind.TAKE_OVER, "person:ann", NOW_MS, "i0"), NOW_MS)
    with pytest.raises(IncidentIsClosed, match="person:bob ended it: nothing is done"):
        d.hand_in(made(DecisionKind.TAKE_OVER, "person:ann", NOW_MS, "i1"), NOW_MS)
    with pytest.raises(CannotBeMeant, match="24 hours"):
        d.hand_in(made(DecisionKind.MUTE, "person:ann", NOW_MS, "channel/101", {"until_ms": 10**13, "reason": "x"}), 1)
    with pytest.raises(CannotBeMeant, match="1 to 256 characters"):
        d.hand_in(made(DecisionKind.TAKE_OVER, "person:ann", NOW_MS, "x" * 300), NOW_MS)
    assert log.behind(log.end()) == 0
    log.close()
