"""Greatest sums and events, against pandas on random rain by the minute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cloud.hydrology.rainfall import Hyetograph
from cloud.hydrology.storms import MINUTE_MS, events, greatest, minutes_of

DURATIONS = (5, 15, 30, 60, 180, 360, 720, 1440)


def fallen(mm, at_least=(), uncertain=()) -> Hyetograph:
    mm = np.array(mm, np.float64)
    n = np.arange(len(mm))
    return Hyetograph(n * MINUTE_MS, mm, np.isin(n, uncertain), np.isin(n, at_least))


def random_rain(seed: int, minutes: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wet = np.repeat(rng.random(minutes // 20) < 0.2, 20)
    return np.where(wet & (rng.random(minutes) < 0.7), np.round(rng.gamma(0.5, 1.0, minutes), 1), 0.0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("minutes", DURATIONS)
def test_the_greatest_sum_is_that_of_pandas(seed: int, minutes: int) -> None:
    mm = random_rain(seed)
    sums = pd.Series(mm).rolling(minutes).sum()
    found = greatest(fallen(mm), minutes)
    assert found.mm == pytest.approx(sums.max())
    assert found.begin_ms is not None
    first = found.begin_ms // MINUTE_MS
    assert mm[first : first + minutes].sum() == pytest.approx(sums.max())
    assert (sums[: first + minutes - 1].dropna() < sums.max() - 1e-9).all()  # none before had as much


def test_a_time_that_is_shorter_than_the_duration_has_no_such_sum() -> None:
    assert greatest(fallen([1.0, 2.0]), 3).mm is None
    assert greatest(fallen([1.0, 2.0]), 2).mm == 3.0


def test_the_greatest_sum_says_what_of_it_is_in_doubt() -> None:
    rain = fallen([0, 0, 3, 3, 0, 0, 1], at_least=[6], uncertain=[3])
    assert (greatest(rain, 2).at_least, greatest(rain, 2).uncertain) == (False, True)
    assert greatest(rain, 7).at_least


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dry", [1, 10, 60, 120])
def test_events_are_those_that_a_look_at_every_wet_minute_finds(seed: int, dry: int) -> None:
    mm = random_rain(seed)
    wet = pd.Series(mm)[mm > 0]
    number = (wet.index.to_series().diff() > dry).cumsum()
    wanted = [(int(e.index[0]), int(e.index[-1]) + 1, e.sum()) for _, e in wet.groupby(number)]
    found = events(fallen(mm), dry, (5, 60))
    assert [(e.begin_ms // MINUTE_MS, e.end_ms // MINUTE_MS) for e in found] == [w[:2] for w in wanted]
    assert [e.mm for e in found] == pytest.approx([w[2] for w in wanted])
    for e, (a, b, total) in zip(found, wanted, strict=True):
        five = pd.Series(mm[a:b]).rolling(5).sum().max()
        assert e.greatest[0].mm == pytest.approx(total if b - a < 5 else five)
        assert e.may_go_on == (len(mm) - b < dry)


def test_no_rain_has_no_events() -> None:
    assert events(fallen([0.0] * 50), 10) == []


def test_minutes_end_where_the_time_ends() -> None:
    assert minutes_of(0, 150_000).tolist() == [0, 60_000, 120_000, 150_000]
