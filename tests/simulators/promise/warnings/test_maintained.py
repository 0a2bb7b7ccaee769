"""What the checks of maintenance notices let pass and what not, without an engine."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from cloud.delivery.maintenance_queue import notice_of
from cloud.maintenance import tables as t
from cloud.maintenance.kinds import Kind
from cloud.maintenance.model import MaintenanceNotice
from cloud.maintenance.view import _rows
from contract.readings import Flag
from simulators.promise.warnings.consumers import MAINTENANCE, Consumer, NoticeReceipt
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.ledgers import ledger_at
from simulators.promise.warnings.maintained import check_maintenance
from simulators.promise.warnings.sensors import Row
from simulators.promise.warnings.witness import Witness
from simulators.promise.world import Broken, World

MINUTE_MS = 60_000
UP = range(0, 121, 10)
EDITION = first_edition(random.Random(1))
CHANNEL, INFO = next(iter(EDITION.catalogue.channels.items()))
Told = tuple[str, int]  # part ("opening" or "over"), minute


def notice(name: str, kind: Kind, place: str, opened: int, closed: int | None = None) -> MaintenanceNotice:
    until_ms = None if closed is None else closed * MINUTE_MS
    return MaintenanceNotice(name, kind, place, None, INFO.gateway, 0, opened * MINUTE_MS, until_ms, None, "")


def gateway(opened: int, closed: int | None = None, name: str = "n") -> MaintenanceNotice:
    return notice(name, Kind.GATEWAY_SILENT, f"gateway/{INFO.gateway}", opened, closed)


def sensor(opened: int) -> MaintenanceNotice:
    return notice("s", Kind.SENSOR_SILENT, f"channel/{CHANNEL}", opened)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    engine = ledger_at(tmp_path / "ledger.sqlite", "tests of checks")
    yield engine
    engine.dispose()  # the next one is another file


def judged(ledger: Engine, heard: Sequence[int], found: Sequence[MaintenanceNotice], got: Sequence[Told]) -> str:
    """The property that breaks; empty when none does. heard: every channel of one gateway, at these minutes.

    The run ends at minute 120; a sound channel says something every 18 minutes."""
    world = World(1, 0, False)
    witness, engineer = Witness(world), Consumer(world, "engineer", "", (), MAINTENANCE)
    witness.began(EDITION, 0, 0)  # type: ignore[arg-type]
    for c, info in EDITION.catalogue.channels.items():
        for minute in heard if info.gateway == INFO.gateway else UP:
            witness.logged([Row(c, minute * MINUTE_MS, 0.0, Flag.PASS)], minute * MINUTE_MS)
    with ledger.begin() as db:
        for row in _rows(db, found):
            db.execute(insert(t.notices).values(**row))
    ends = {part: n for n in found for part in ("opening", "over")}
    for part, minute in got:
        n = ends[part]
        told = notice_of(
            n if part == "over" else MaintenanceNotice(**{**n.as_json(), "kind": n.kind, "closed_ms": None})
        )
        engineer.notices.append(NoticeReceipt(minute * MINUTE_MS, told, True))
    world.true_ms = 120 * MINUTE_MS
    try:
        check_maintenance(witness, ledger, [engineer])
    except Broken as error:
        return str(error).split(":")[0]
    return ""


OUT = [*range(0, 21, 10), *range(80, 121, 10)]  # nothing from minute 20 to 80
ONCE = [("opening", 40), ("over", 84)]


@pytest.mark.parametrize(
    ("heard", "found", "got", "broken"),
    [
        (UP, [], [], ""),
        (OUT, [gateway(39, 82)], ONCE, ""),
        (OUT, [], [], "a-dead-gateway-is-told"),
        (OUT, [gateway(70, 82)], [("opening", 71), ("over", 84)], "a-dead-gateway-is-told"),
        (UP, [gateway(39, 60)], ONCE, "who-speaks-is-not-silent"),
        (UP, [sensor(39)], [], "who-speaks-is-not-silent"),
        (OUT, [gateway(39, 60)], [("opening", 40), ("over", 61)], "a-notice-ends-when-heard"),
        (OUT, [gateway(39)], [("opening", 40)], "a-notice-ends-when-heard"),
        (OUT, [gateway(39, 82), sensor(50)], ONCE, "one-notice-for-a-gateway"),
        (OUT, [gateway(39, 82), gateway(45, 82, "again")], ONCE, "a-notice-stands-once"),
        (OUT, [gateway(39, 82)], [*ONCE, ("opening", 90)], "each-notice-once"),
        (OUT, [gateway(39, 82)], [("over", 84)], "no-end-without-beginning"),
        (OUT, [gateway(39, 82)], [], "a-notice-arrives"),
        (OUT, [gateway(39, 82)], [("opening", 40)], "a-notice-arrives"),
    ],
)
def test_notices_are_judged_by_what_was_heard_and_who_was_told(
    ledger: Engine, heard: Sequence[int], found: Sequence[MaintenanceNotice], got: Sequence[Told], broken: str
) -> None:
    assert judged(ledger, heard, found, got) == broken
