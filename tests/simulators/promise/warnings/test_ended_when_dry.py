"""What is held against a lost level: readings that stand, and not what a sensor itself has taken back."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from cloud.log.base import Cursor
from cloud.warnings.model import MsgType, Why
from contract.catalogue.rules import Level
from contract.readings import Flag
from simulators.promise.warnings.district import first_edition
from simulators.promise.warnings.properties import _Checks
from simulators.promise.warnings.witness import Era, Heard, Told, Witness
from simulators.promise.world import Broken, World

EDITION = next(e for seed in range(50) if 101 in (e := first_edition(random.Random(seed))).catalogue.channels)
MINUTE_MS = 60_000
SILENT_MIN = 24  # longer than `stale_after_s`
Row = tuple[int, int, float, Flag]  # minute at which it came, minute of the reading, metres


def ended(heard: Sequence[Row], minute: int, why: Why) -> None:
    """Raises Broken when red of the underpass 101 was rightly told at minute 4 and wrongly ended at another one."""
    out = Witness(World(1, 0, False))
    out.eras.append(Era(0, Cursor(0), EDITION, Cursor(0)))
    out.heard[101] = [Heard(a * MINUTE_MS, b * MINUTE_MS, v, flag, n) for n, (a, b, v, flag) in enumerate(heard)]
    out.told[:] = [
        Told(f"{ms}", "a", "shakou", kind, Level.RED, ms, ms, b"", EDITION.catalogue, reason)
        for ms, kind, reason in (
            (4 * MINUTE_MS, MsgType.ALERT, Why.OPENED),
            (minute * MINUTE_MS, MsgType.CANCEL, why),
        )
    ]
    _Checks(out, {}).ended_when_dry("shakou", out.told)


SPIKE: Row = (1, 1, 1.40, Flag.PASS)


@pytest.mark.parametrize("came", [5, SILENT_MIN])
def test_an_echo_that_its_sensor_has_taken_back_stands_for_nothing_however_late(came: int) -> None:
    rows = [(0, 0, 0.0, Flag.PASS), SPIKE, (came, 1, 1.40, Flag.FAIL), (came, came, 0.0, Flag.PASS)]
    ended(rows, came, Why.CORRECTED)


@pytest.mark.parametrize(
    "heard",
    [
        [],  # nothing was taken back
        [(SILENT_MIN, 2, 0.70, Flag.FAIL)],  # one of several was
        [(SILENT_MIN + 1, 1, 1.40, Flag.FAIL)],  # too late
        [(SILENT_MIN, 1, 1.40, Flag.PASS)],  # it came again as it was
    ],
)
def test_what_still_speaks_for_a_level_must_be_dry_first(heard: list[Row]) -> None:
    wet: list[Row] = [(k, k, 0.70, Flag.PASS) for k in range(2, 6)] if heard[:1] and heard[0][1] == 2 else []
    rows = [(0, 0, 0.0, Flag.PASS), SPIKE, *wet, (SILENT_MIN, SILENT_MIN, 0.0, Flag.PASS), *heard]
    with pytest.raises(Broken, match=r"^ended-only-when-dry"):
        ended(sorted(rows, key=lambda r: r[0]), SILENT_MIN, Why.CORRECTED)
