"""Which maintenance notices a consumer is told of, and when: in tables, and by a dispatcher that is killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from cloud.delivery.maintenance_wants import MaintenanceSettings
from cloud.delivery.sinks.log import LogSinkSettings
from cloud.ledger.open import open_ledger
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import MaintenanceNotice
from tests.cloud.delivery.played import START_MS, Consumer
from tests.cloud.delivery.test_maintenance_queue import Played, notice, over, stand

Said = dict[str, Any]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("said", "kind", "opened_s", "due_s"),
    [
        ({}, Kind.TRIP, 0, 0),
        ({"after_s": 60}, Kind.TRIP, 0, 60),
        ({"after_s": 60, "delays": {"sensor_silent": 3600}}, Kind.SENSOR_SILENT, 0, 3600),
        ({"after_s": 60, "delays": {"pump_trip": 0}}, Kind.TRIP, 0, 0),
        ({"kinds": ["gateway_silent"]}, Kind.TRIP, 0, None),
        ({"audiences": ["engineers"]}, Kind.TRIP, 0, None),
        ({"audiences": ["engineers"]}, Kind.SENSOR_SILENT, 0, 0),
        ({"after_s": 60}, Kind.TRIP, 50, 110),  # a little ahead is nobody's mistake
        ({"after_s": 60}, Kind.TRIP, 7200, 0),  # a clock was put back by two hours
    ],
)
def test_when_a_notice_is_told(said: Said, kind: Kind, opened_s: int, due_s: int | None) -> None:
    """At START."""
    n = replace(notice("a"), kind=kind, opened_ms=START_MS + 1000 * opened_s)
    due_ms = MaintenanceSettings.model_validate(said).due_ms(n, START_MS)
    assert due_ms == (None if due_s is None else START_MS + 1000 * due_s)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"kinds": ["pump_trp"]}, "Input should be 'pump_not_running', 'pump_trip'"),
        ({"delays": {"pump_trp": 1}}, "Input should be 'pump_not_running', 'pump_trip'"),
        ({"audiences": ["public"]}, "Input should be 'operators' or 'engineers'"),
        ({"audiences": ["engineers"], "kinds": ["pump_trip"]}, "pump_trip is for operators"),
        ({"kinds": ["pump_trip"], "delays": {"sensor_silent": 60}}, "its notices are not asked for"),
        ({"after_s": -1}, "greater than or equal to 0"),
        ({"after_s": 8 * 86_400}, "less than or equal to 604800"),
    ],
)
def test_what_would_never_be_told_is_refused(said: Said, refused: str) -> None:
    with pytest.raises(ValidationError, match=refused):
        MaintenanceSettings.model_validate(said)


def test_who_is_told_of_no_maintenance_says_nothing_of_it() -> None:
    said = {"kind": "log", "name": "a", "path": Path("x"), "maintenance": {"after_s": 60}}
    with pytest.raises(ValidationError, match="write `maintenance` into its `kinds`"):
        LogSinkSettings.model_validate(said)
    assert LogSinkSettings.model_validate({**said, "kinds": ["maintenance"]}).maintenance is not None


def opened(name: str, kind: Kind, at_s: int = 0) -> MaintenanceNotice:
    return replace(notice(name), kind=kind, opened_ms=START_MS + 1000 * at_s)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_delay_is_kept_whatever_is_killed_and_what_is_over_before_is_not_told(ledger: Engine, restarts: bool) -> None:
    """Told at once, after five minutes, after an hour, and never."""
    which = {"after_s": 300, "delays": {"pump_trip": 0, "sensor_silent": 3600}}
    p = Played(ledger, Consumer(), which=MaintenanceSettings.model_validate(which))
    short = opened("short", Kind.MAINS_LOST)
    found = [short, opened("long", Kind.SENSOR_SILENT), opened("next", Kind.MAINS_LOST), opened("now", Kind.TRIP)]
    stand(ledger, *found)
    told: dict[str, int] = {}
    for minute in range(64):
        if minute == 3:
            stand(ledger, over(short))
        if minute == 10:
            stand(ledger, over(found[2]))
        if restarts and minute % 10 == 4:
            p.start()
        told |= dict.fromkeys(p.turn(3), minute)
        p.clock.move(60)
    assert told == {"now": 0, "next": 5, "next-over": 10, "long": 60}
