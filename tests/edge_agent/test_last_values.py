"""The last value of each channel, and how it is shown."""

from __future__ import annotations

import math

from contract.readings import ReadingBatch
from edge_agent.last_values import LastValues, named, shown
from tests.edge_agent.drivers.rtu import device


def test_the_last_value_with_its_flag_and_age() -> None:
    info = device(1, [0, 1], timeout_s=0.1)  # channels 1000 and 1001
    last = LastValues()
    last.take(ReadingBatch.of([1000, 2000, 5000], [1000, 1000, 1000], [1.5, 2.5, math.nan], [1, 3, 9]), 0)
    assert [named(v) for v in last.of(info, 12_000)] == [
        {"channel": 1000, "name": "r0", "value": 2.5, "unit": "1", "flag": 3, "age_s": 10.0},
        {"channel": 1001, "name": "r1", "value": None, "unit": "1", "flag": None, "age_s": None},
    ]


def test_a_clock_that_was_put_right_does_not_change_ages() -> None:
    last = LastValues()
    last.take(ReadingBatch.of([3_600_000], [1000], [1.0], [1]), 3_600_000)
    assert named(last.of(device(1, [0], timeout_s=0.1), 2000)[0])["age_s"] == 2.0


def test_a_value_with_its_unit() -> None:
    assert shown(1.23, "m") == "1.23 m"
    assert shown(3.0, "1") == "3"
    assert shown(None, "m") == "missing"
