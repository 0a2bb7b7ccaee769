"""Figures weighted by time: random series against pandas on a grid of seconds, and rows that a person can check."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cloud.series.figures import USABLE, Figures, Holding
from contract.quality.counting import Counter
from contract.readings import Flag, ReadingBatch

MINUTE_MS = 60_000
NEVER = 2**60


def figures(rows, edges_s, hold_s=None, until_s=NEVER // 1000, flags=USABLE) -> Figures:
    """rows: (second, value) or (second, value, flag)."""
    full = [(s, v, *(f or [Flag.PASS])) for s, v, *f in rows]
    batch = ReadingBatch.of(
        [s * 1000 for s, _, _ in full], [1] * len(full), [v for _, v, _ in full], [f for *_, f in full]
    )
    hold_ms = None if hold_s is None else hold_s * 1000
    return Figures(batch, np.array(edges_s, np.int64) * 1000, Holding(hold_ms, until_s * 1000), flags)


def by_seconds(rows, edges_s, hold_s, until_s, flags) -> pd.Series:
    """The value that holds in each second from the first edge to the last, NaN for none."""
    last_s = edges_s[-1]
    grid = pd.Series(np.nan, index=range(min(edges_s[0], *(s for s, *_ in rows)), last_s))
    for (s, v, f), after in zip(rows, [*(r[0] for r in rows[1:]), NEVER], strict=True):
        stop = min(s + hold_s, after, until_s, last_s)
        if f in flags and not math.isnan(v) and stop > s:
            grid.loc[s : stop - 1] = v
    return grid.loc[edges_s[0] :]


def by_share(x: pd.Series, share: float) -> float:
    return float(np.quantile(x, share, method="inverted_cdf")) if len(x) else math.nan


def random_rows(seed: int):
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.choice(np.arange(-1800, 7200), 60, replace=False)).tolist()
    value = np.round(np.cumsum(rng.normal(0, 0.05, 60)), 2)
    flag = rng.choice([1, 1, 1, 2, 3, 4, 9], 60).tolist()
    return [(s, math.nan if f == 9 else float(v), f) for s, v, f in zip(seconds, value, flag, strict=True)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("flags", [USABLE, (Flag.PASS,)], ids=["usable", "pass alone"])
def test_what_is_weighted_by_time_is_what_pandas_finds_second_by_second(seed, flags):
    rows, edges_s = random_rows(seed), [0, 300, 900, 1000, 3600, 5400, 7200]
    hold_s, until_s = (200, 600, 100_000)[seed % 3], (6000, NEVER // 1000)[seed % 2]
    found = figures(rows, edges_s, hold_s, until_s, flags)
    grid = by_seconds(rows, edges_s, hold_s, until_s, flags)
    groups = grid.groupby(pd.cut(grid.index, edges_s, right=False), observed=False)
    assert found.covered_s() == pytest.approx(groups.count().to_numpy())
    assert found.mean() == pytest.approx(groups.mean().to_numpy(), nan_ok=True)
    assert found.minimum() == pytest.approx(groups.min().to_numpy(), nan_ok=True)
    assert found.maximum() == pytest.approx(groups.max().to_numpy(), nan_ok=True)
    over = groups.agg(lambda x: (x > 0.05).sum() if x.notna().any() else math.nan)
    assert found.above_s(0.05) == pytest.approx(over.to_numpy(float), nan_ok=True)
    for percent in (1, 10, 50, 90, 99):
        wanted = groups.agg(lambda x, q=percent / 100: by_share(x.dropna(), q))
        assert found.percentile(percent) == pytest.approx(wanted.to_numpy(float), nan_ok=True)
    when = [math.nan if not len(x.dropna()) else 1000.0 * x.idxmax() for _, x in groups]
    assert found.maximum_ms() == pytest.approx(when, nan_ok=True)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_of_the_readings_is_what_pandas_finds(seed):
    rows, edges_s = random_rows(seed), [0, 300, 900, 1000, 3600, 5400, 7200]
    table = pd.DataFrame(rows, columns=["s", "value", "flag"])
    table = table[(table.s >= 0) & (table.s < 7200)]
    place = pd.cut(table.s, edges_s, right=False)
    found = figures(rows, edges_s, 600)
    every = table.groupby(place, observed=False)
    good = table[table.flag.isin(USABLE)].groupby(place, observed=False).value
    assert found.rows().tolist() == every.size().tolist()
    assert found.count().tolist() == good.count().tolist()
    assert found.not_missing().tolist() == table[table.flag != 9].groupby(place, observed=False).size().tolist()
    assert found.worst_flag().tolist() == every.flag.max().fillna(0).tolist()
    assert found.first() == pytest.approx(good.first().to_numpy(), nan_ok=True)
    assert found.last() == pytest.approx(good.last().to_numpy(), nan_ok=True)
    assert np.nan_to_num(found.amount()) == pytest.approx(good.sum().to_numpy())


def test_a_mean_of_readings_by_exception_is_of_the_time_for_which_they_held():
    """Ten readings while it rose, none while it stood: the mean of the readings would be 0.55."""
    rising = [(s, s / 100) for s in range(10, 110, 10)]
    found = figures([(0, 0.0), *rising], [0, 3600], 7200)
    assert found.mean()[0] == pytest.approx((sum(s / 10 for s in range(10, 100, 10)) + 3500 * 1.0) / 3600)
    assert found.covered_s().tolist() == [3600]


def test_what_held_before_is_of_the_interval_too():
    found = figures([(-600, 2.0), (1800, 3.0)], [0, 3600, 7200], 3600)
    assert found.mean() == pytest.approx([(1800 * 2 + 1800 * 3) / 3600, 3.0])
    assert found.minimum().tolist() == [2.0, 3.0]
    assert found.count().tolist() == [1, 0]
    assert found.first()[0] == 3.0  # of the readings


def test_a_gap_is_not_bridged():
    found = figures([(0, 1.0), (3000, 2.0)], [0, 1200, 2400, 3600], 600)
    assert found.covered_s().tolist() == [600, 0, 600]
    assert found.mean() == pytest.approx([1.0, math.nan, 2.0], nan_ok=True)


def test_a_failed_reading_ends_what_held_and_holds_nothing():
    found = figures([(0, 1.0), (600, 9.9, Flag.FAIL), (900, 2.0)], [0, 1200], 7200)
    assert found.covered_s().tolist() == [900]
    assert found.mean() == pytest.approx([(600 * 1.0 + 300 * 2.0) / 900])


def test_nothing_is_known_after_now():
    found = figures([(0, 1.0)], [0, 600, 1200], 7200, until_s=900)
    assert found.covered_s().tolist() == [600, 300]


def test_amounts_are_summed_and_do_not_hold():
    found = figures([(10, 0.2), (20, 0.4), (700, 9.0, Flag.FAIL)], [0, 600, 1200, 1800], None)
    assert found.amount() == pytest.approx([0.6, 0.0, math.nan], nan_ok=True)
    assert found.mean() == pytest.approx([0.3, math.nan, math.nan], nan_ok=True)
    assert np.isnan(found.covered_s()).all()


@pytest.mark.parametrize(
    ("rows", "sums", "part"),
    [
        ([(0, 1588.0), (60, 0.0, Flag.SUSPECT), (120, 1588.0)], [0.0], [False]),
        ([(0, 100.0), (60, 6553.5, Flag.FAIL), (120, 100.1)], [0.1], [False]),
        ([(0, 100.0), (60, 0.4), (120, 0.6)], [0.6], [False]),  # it began anew
        ([(0, 100.0), (60, 50.0), (120, 50.2)], [0.2], [True]),  # it was reset to who knows what
    ],
    ids=["a glitch to nought", "a failed reading", "a restart", "a reset"],
)
def test_counters_are_counted_by_the_contracts_rule(rows, sums, part):
    found, at_least = figures(rows, [0, 3600], 3600).counted(Counter(0.1, most_per_h=500.0, restart_below=1.0))
    assert found == pytest.approx(sums)
    assert at_least.tolist() == part


def test_no_readings_at_all():
    found = figures([], [0, 10, 20], 600)
    for values in (found.mean(), found.minimum(), found.percentile(50), found.first(), found.amount()):
        assert np.isnan(values).all()
    assert found.covered_s().tolist() == [0, 0]
    assert found.worst_flag().tolist() == [0, 0]
