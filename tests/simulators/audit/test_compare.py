"""The audit must see each kind of harm: a reading gone, doubled, bent, or thinned beyond its deadband."""

from __future__ import annotations

import numpy as np

from contract.readings import ReadingBatch
from edge_agent.spool.file import GivenUp
from simulators.audit.compare import Audit, Gap, compare, count

TIMES = np.arange(0, 600_000, 10_000)


def batch(times, values, channel=1, flag=1):
    return ReadingBatch.of(times, [channel] * len(times), values, [flag] * len(times))


def run(truth, stored, band=0.05, gaps=None, tolerance_ms=2000) -> Audit:
    return compare(truth, stored, {1: band}, gaps or {}, tolerance_ms)


def test_every_reading_stored_as_it_was():
    truth = batch(TIMES, np.sin(TIMES / 1e5))
    assert run(truth, truth).good


def test_what_was_suppressed_within_the_deadband_is_no_loss():
    values = np.repeat([0.0, 1.0], 30)
    truth = batch(TIMES, values)
    found = run(truth, truth.take([0, 30]))
    assert found.good
    assert found.stored == 2


def test_a_reading_that_left_the_deadband_and_is_not_stored():
    values = np.repeat([0.0, 1.0], 30)
    truth = batch(TIMES, values)
    found = run(truth, truth.take([0]))
    assert found.outside_deadband == 30
    assert not found.good


def test_a_bent_value():
    truth = batch(TIMES, np.zeros(60))
    bent = batch(TIMES[:1], [0.001])
    assert run(truth, bent).altered == 1


def test_a_true_value_at_the_wrong_time():
    values = np.arange(60.0)
    truth = batch(TIMES, values)
    assert run(truth, batch(TIMES[:1] + 30_000, values[:1])).altered == 1


def test_one_reading_cannot_stand_for_two():
    truth = batch(TIMES[:1], [1.0])
    twice = batch([0, 1000], [1.0, 1.0])
    assert run(truth, twice).altered == 1


def test_a_reply_on_the_way_when_the_agent_died_is_excused():
    values = np.zeros(60)
    values[30] = 1.0
    truth = batch(TIMES, values)
    stored = truth.take([0])
    assert run(truth, stored).outside_deadband == 1
    assert run(truth, stored, gaps={1: [Gap(295_000, 305_000)]}).good


def test_a_missing_reading_is_counted_and_not_called_altered():
    truth = batch(TIMES, np.zeros(60))
    stored = ReadingBatch.of([0, 10_000], [1, 1], [0.0, np.nan], [1, 9])
    found = run(truth, stored)
    assert found.altered == 0
    assert found.missing == 1


def test_what_a_spool_thinned_must_lie_between_the_extremes_it_kept():
    values = np.sin(TIMES / 5e4)
    truth = batch(TIMES, values)
    first = slice(0, 30)
    kept = sorted({0, 29, int(values[first].argmin()), int(values[first].argmax()), *range(30, 60)})
    stored = truth.take(kept)
    span = {1: [GivenUp(0, 290_000, 300_000)]}
    tight = 0.001
    assert not run(truth, stored, tight).good
    assert compare(truth, stored, {1: tight}, {}, 0, span).good
    flattened = truth.take([i for i in kept if i != int(values[first].argmax())])
    assert not compare(truth, flattened, {1: tight}, {}, 0, span).good
    elsewhere = {1: [GivenUp(300_000, 590_000, 300_000)]}
    assert not compare(truth, stored, {1: tight}, {}, 0, elsewhere).good


def test_a_gap_ends_with_the_first_reading_after_the_start_and_no_later_than_it_says():
    truth = batch(TIMES, np.arange(60.0))
    stored = truth.take((TIMES < 290_000) | (TIMES >= 330_000))
    assert run(truth, stored, gaps={1: [Gap(290_000, 305_000, 400_000)]}).good
    assert run(truth, stored, gaps={1: [Gap(290_000, 305_000, 310_000)]}).outside_deadband == 1
    later = truth.take((TIMES < 290_000) | (TIMES == 330_000) | (TIMES >= 360_000))
    assert run(truth, later, gaps={1: [Gap(290_000, 305_000, 400_000)]}).outside_deadband == 2


def test_what_was_given_up_is_counted_and_no_more_is_excused():
    stored = batch(TIMES[:50], np.zeros(50))
    counts = {"made": 60, "reported": 60, "suppressed": 0, "corrected": 0, "thinned": 6, "dropped": 3}
    found = Audit()
    count(found, {1: counts}, stored, {}, {})
    assert (found.thinned, found.dropped, found.lost) == (6, 3, 1)
