"""Hours weighted by time from rollups alone, on every engine: the same as from their readings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cloud.series.columns import HOUR_MS
from cloud.series.figures import Figures, Holding
from cloud.series.held import NEVER, held
from cloud.series.hourly import NOT_KNOWN, hourly_from, hourly_of, hourly_table, hourly_take
from contract.readings import ReadingBatch
from tests.cloud.series.support import START_MS, Open, feed, random_log, tick

HOURS = 60
ALL = (START_MS - 3 * 24 * HOUR_MS, START_MS + HOURS * HOUR_MS)
UNTIL_MS = START_MS + (HOURS + 100) * HOUR_MS
MINUTE_MS = 60_000


@pytest.mark.parametrize("hold_min", [20, 90, 300])
def test_of_hours_that_it_can_tell_the_figures_are_those_of_the_readings(opened: Open, hold_min: int) -> None:
    store, log = opened(), random_log(5, 400, HOURS)
    feed(store, [*log, tick(10_000, START_MS + (HOURS + 90) * HOUR_MS)])
    hold_ms = hold_min * MINUTE_MS
    compared = unsure = 0
    for channel in (101, 102, 201):
        h = store.hourly([channel], *ALL)
        found = held(h, np.full(len(h.channel), hold_ms), UNTIL_MS)
        edges_ms = np.arange(ALL[0], ALL[1] + 1, HOUR_MS)
        truth = Figures(store.raw([channel], *ALL), edges_ms, Holding(hold_ms, UNTIL_MS))
        place = (h.hour_ms - ALL[0]) // HOUR_MS
        sure = ~found.unsure
        compared, unsure = compared + int(sure.sum()), unsure + int(found.unsure.sum())
        for name in ("mean", "minimum", "maximum", "covered_s"):
            wanted = getattr(truth, name)()[place]
            np.testing.assert_allclose(getattr(found, name)[sure], wanted[sure], rtol=1e-9, err_msg=name)
        assert h.usable.tolist() == truth.count()[place].tolist()
        assert h.worst_flag.tolist() == truth.worst_flag()[place].tolist()
    assert compared > 20
    assert (unsure > 0) == (hold_min < 60)  # within an hour nothing stands longer than that


@pytest.mark.parametrize(
    ("minutes", "values", "flags", "hold_min", "mean", "covered_s"),
    [
        ([0, 30], [1.0, 3.0], [1, 1], 30, 2.0, 3600),
        ([0, 30], [1.0, 3.0], [1, 1], 40, 2.0, 3600),
        ([0, 45], [1.0, 3.0], [1, 3], 60, 1.5, 3600),  # suspect counts
        ([0, 45], [1.0, 9.0], [1, 4], 60, 1.0, 2700),  # failed: it ends what held, and is in nothing
        ([0, 30], [1.0, np.nan], [1, 9], 60, 1.0, 1800),  # missing, too
        ([-30, 15], [2.0, 6.0], [1, 1], 60, 5.0, 3600),  # from the hour before
        ([-30, 45], [2.0, 6.0], [1, 1], 60, (30 * 2.0 + 15 * 6.0) / 45, 2700),  # until its hold is over
        ([-90, 30], [2.0, 6.0], [1, 1], 100, (10 * 2.0 + 30 * 6.0) / 40, 2400),  # from two hours before
    ],
)
def test_hours_by_hand(minutes, values, flags, hold_min, mean, covered_s) -> None:
    h = hourly_of(ReadingBatch.of([START_MS + m * MINUTE_MS for m in minutes], [1, 1], values, flags))
    found = held(h, np.full(len(h.channel), hold_min * MINUTE_MS), UNTIL_MS)
    assert not found.unsure[-1]
    assert (found.mean[-1], found.covered_s[-1]) == (pytest.approx(mean), covered_s)


def test_an_hour_under_way_and_one_with_a_gap_are_left_to_the_readings() -> None:
    batch = ReadingBatch.of([START_MS, START_MS + 50 * MINUTE_MS], [1, 1], [1.0, 2.0])
    h = hourly_of(batch)
    for hold_min, until_min, unsure in ((60, 600, False), (49, 600, True), (60, 50, True), (60, 51, False)):
        found = held(h, np.array([hold_min * MINUTE_MS]), START_MS + until_min * MINUTE_MS)
        assert found.unsure.tolist() == [unsure], (hold_min, until_min)
    amounts = held(h, np.array([NEVER]), UNTIL_MS)
    assert (amounts.mean.tolist(), amounts.unsure.tolist()) == ([1.5], [False])


def test_of_a_rollup_that_an_earlier_version_wrote_nothing_is_made_up() -> None:
    """Nor of the hour that follows it."""
    minute = np.arange(180)
    h = hourly_of(ReadingBatch.of(START_MS + minute * MINUTE_MS, np.full(180, 1), np.full(180, 0.5)))
    table = hourly_table(hourly_take(h, slice(0, 1)))
    before = hourly_from(table.select(["hour_ms", "channel", "count", "minimum", "maximum", "mean", "first", "last"]))
    assert before.widest_ms.tolist() == [NOT_KNOWN]
    mixed = hourly_from(pa.concat_tables([hourly_table(before), hourly_table(hourly_take(h, slice(1, 3)))]))
    assert held(mixed, np.full(3, HOUR_MS), UNTIL_MS).unsure.tolist() == [True, True, False]
