"""`threshold`: of each reading one finding for every rule that watches its channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cloud.warnings.detectors.threshold import Threshold
from contract.catalogue.catalogue import Catalogue, Watch
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.conditions.targets import ConditionKey, Target
from contract.readings import ReadingBatch

LOW = Rule(id="low", channels=(101, 201), levels={Level.BLUE: 0.1}, stale_after_s=60)
HIGH = Rule(id="high", channels=(101,), levels={Level.RED: 0.4}, stale_after_s=600)


@pytest.fixture
def detector(small_district: Catalogue) -> Threshold:
    catalogue = replace(small_district, rules=(LOW, HIGH))
    return Threshold(catalogue.watches, catalogue)


def test_a_reading_is_found_for_each_rule(detector: Threshold) -> None:
    assert detector.conditions == [
        ConditionKey(Target.of_channel(101), "high"),
        ConditionKey(Target.of_channel(101), "low"),
        ConditionKey(Target.of_channel(201), "low"),
    ]
    assert detector.quantities == [Quantity.DEPTH] * 3
    batch = ReadingBatch.of([3000, 1000, 2000], [201, 102, 101], [0.3, 9.0, np.nan], [1, 1, 9])
    _, found = detector.step(None, batch, 3000)
    assert found.condition.tolist() == [2, 0, 1]
    assert found.time_ms.tolist() == [3000, 2000, 2000]
    assert found.channel.tolist() == [201, 101, 101]
    assert found.flag.tolist() == [1, 9, 9]
    np.testing.assert_array_equal(found.value, [0.3, np.nan, np.nan])


def test_time_alone_finds_nothing(detector: Threshold) -> None:
    assert len(detector.step(None, ReadingBatch.empty(), 10**12)[1]) == 0


def test_calm_history_is_heeded_by_the_rule_that_waits_longest_and_the_level_that_is_lowest(
    detector: Threshold,
) -> None:
    """What all rules on a channel would leave out: below 0.1 m, and older than 600 s on channel 101, 60 s on 201."""
    now_ms = 1_000_000
    rows = [
        (now_ms - 600_000, 101, 0.0, True),
        (now_ms - 600_001, 101, 0.09, False),
        (now_ms - 600_001, 101, 0.1, True),
        (now_ms - 60_001, 201, 0.09, False),
        (now_ms - 60_000, 201, 0.0, True),
        (now_ms - 60_001, 201, np.nan, False),
        (now_ms, 102, 1.0, False),
        (now_ms, 4_000_000_000, 1.0, False),
    ]
    time_ms, channel, value, heeded = (list(column) for column in zip(*rows, strict=True))
    batch = ReadingBatch.of(time_ms, channel, value, [1] * len(rows))
    assert detector.heeded(batch, np.full(len(rows), now_ms)).tolist() == heeded


def test_no_rule_no_finding(small_district: Catalogue) -> None:
    """A rule may watch nothing: no station of its kind is there."""
    detector = Threshold([Watch(HIGH, ())], small_district)
    batch = ReadingBatch.of([0], [101], [1.0], [1])
    assert not detector.heeded(batch, np.zeros(1, np.int64)).any()
    assert len(detector.step(None, batch, 0)[1]) == 0
