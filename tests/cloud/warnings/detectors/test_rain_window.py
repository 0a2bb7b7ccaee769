"""`rain_window` as tables of what a gauge says and what fell within how long, and against pandas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cloud.warnings.detectors.rain_window import RainWindow
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.channel_settings import Quality, RainGauge, Reporting
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.conditions.targets import Target
from contract.readings import Flag, ReadingBatch

HOURS = (0.25, 1.0, 3.0)
MINUTE = 60_000
# Minute, value (None: failed), what fell within a quarter of an hour, an hour and three, and is it only the least?
Row = tuple[int, float | None, tuple[float, float, float] | None, bool]


def detector_of(small: Catalogue, quantity: Quantity = Quantity.RAIN_TOTAL, **settings: float) -> RainWindow:
    rules = tuple(
        Rule(
            id=f"rain-{n}",
            detector="rain_window",
            channels=(301,),
            levels={Level.RED: 500.0},
            settings={"window_s": hours * 3600, **settings},
        )
        for n, hours in enumerate(HOURS)
    )
    own = small.channels[101]
    register = own.register.model_copy(update={"quantity": quantity})
    gauge = replace(
        own,
        id=301,
        register=register,
        device=own.device.model_copy(update={"period_s": 60.0}),
        quality=Quality(rain_gauge=RainGauge(tip_mm=0.2, wraps_at_mm=1000.0)),
        reporting=Reporting(heartbeat_s=1800.0),
    )
    catalogue = replace(small, rules=rules, channels={301: gauge})
    return RainWindow(catalogue.watches, catalogue)


def found(detector: RainWindow, rows: Sequence[tuple[int, float | None]], cut: int = 1) -> list[tuple[float, bool]]:
    """The sums of every window and whether they are suspect, by reading, then by window; restarts between steps."""
    memory, out = detector.initial(), []
    for k in range(0, len(rows), cut):
        minutes, values = zip(*rows[k : k + cut], strict=True)
        flags = [Flag.FAIL if v is None else Flag.PASS for v in values]
        total = [0.0 if v is None else v for v in values]
        batch = ReadingBatch.of([MINUTE * m for m in minutes], [301] * len(minutes), total, flags)
        memory, f = detector.step(memory, batch, 0)
        memory = detector.restore(json.loads(json.dumps(detector.dump(memory))))
        out += [(round(v, 3), g == Flag.SUSPECT) for v, g in zip(f.value.tolist(), f.flag.tolist(), strict=True)]
    return out


DRY = [(m, 100.0) for m in range(-240, 1, 30)]  # heard for four hours
TABLES: dict[str, tuple[Sequence[tuple[int, float | None]], tuple[float, float, float], tuple[bool, bool, bool]]] = {
    "a cloudburst: 12 mm in six minutes, half an hour ago": (
        [*[(m, 100.0 + 2 * m) for m in range(1, 7)], (36, 112.0)],
        (0.0, 12.0, 12.0),
        (False, False, False),
    ),
    "the counter wraps after 1000 mm": (
        [(-300, 998.0), (-120, 998.0), *[(m, 998.0) for m in range(-90, 1, 30)], (1, 999.0), (2, 0.5), (3, 2.0)],
        (4.0, 4.0, 4.0),
        (False, False, False),
    ),
    "the gauge starts anew: what it shows since counts, once the next reading bears it out": (
        [*DRY, (1, 101.0), (2, 0.6), (3, 1.2)],
        (2.2, 2.2, 2.2),
        (False, False, False),
    ),
    "it is reset to another number: what fell meanwhile nobody knows": (
        [*DRY, (1, 101.0), (2, 40.0), (3, 40.6)],
        (1.6, 1.6, 1.6),
        (True, True, True),
    ),
    "one wrong number counts for nothing": (
        [*DRY, (1, 101.0), (2, 3.0), (3, 101.4)],
        (1.4, 1.4, 1.4),
        (False, False, False),
    ),
    "a failed reading is passed over": ([*DRY, (1, 101.0), (2, 104.0)], (4.0, 4.0, 4.0), (False, False, False)),
    "a reading twice, and one that comes late, count once": (
        [*DRY, (1, 101.0), (3, 103.0), (3, 103.0), (2, 102.0)],
        (3.0, 3.0, 3.0),
        (False, False, False),
    ),
    "a new gauge knows the least that fell": ([(0, 100.0), (10, 104.0)], (4.0, 4.0, 4.0), (True, True, True)),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_fell_within_how_long(small_district: Catalogue, name: str) -> None:
    rows, mm, least = TABLES[name]
    rows = rows if min(m for m, _ in rows) < 0 or name.startswith("a new") else [*DRY, *rows]
    last = found(detector_of(small_district), rows)[-3:]
    assert [v for v, _ in last] == pytest.approx(list(mm), abs=1e-6)
    assert tuple(s for _, s in last) == least


def test_the_last_rain_leaves_each_window_in_its_turn(small_district: Catalogue) -> None:
    rows = [*DRY, *[(m, 100.0 + m) for m in range(1, 11)], *[(m, 110.0) for m in range(11, 200)]]
    got = found(detector_of(small_district), rows)
    by_minute = {m: got[3 * k : 3 * k + 3] for k, (m, _) in enumerate(rows)}
    assert [v for v, _ in by_minute[10]] == [10, 10, 10]
    assert [v for v, _ in by_minute[20]] == [5, 10, 10]
    assert [v for v, _ in by_minute[26]] == [0, 10, 10]
    assert [v for v, _ in by_minute[71]] == [0, 0, 10]
    assert [v for v, _ in by_minute[191]] == [0, 0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_a_minute_against_pandas_however_it_is_cut(small_district: Catalogue, seed: int) -> None:
    """Rain of more than two tips a minute lies in its minute, so that pandas' rolling sums are the same."""
    rng = np.random.default_rng(seed)
    mm = np.where(rng.random(600) < 0.7, 0.0, np.round(rng.integers(3, 12, 600) * 0.2, 1))
    mm[0] = 0
    total = np.round(100 + np.cumsum(mm), 1)
    rows = [(k, float(v)) for k, v in enumerate(total)]
    detector = detector_of(small_district)
    got = found(detector, rows)
    assert found(detector, rows, cut=13) == found(detector, rows, cut=600) == got
    fell = pd.Series(mm, pd.to_timedelta(np.arange(600), unit="min"))
    for n, hours in enumerate(HOURS):
        wanted = fell.rolling(f"{round(hours * 60)}min").sum()
        assert [v for v, _ in got[n::3]] == pytest.approx(wanted.tolist(), abs=1e-3)


def test_amounts_and_intensities(small_district: Catalogue) -> None:
    """0.5 mm a minute for twenty minutes, of a gauge that forgets what it told, and of one that tells mm an hour."""
    amounts = [(m, 0.0) for m in range(-200, 1, 20)] + [(m, 0.5) for m in range(1, 21)] + [(21, 0.0)]
    late = [*amounts[:-5], *amounts[-4:], amounts[-5]]  # an amount that comes late counts where it fell
    for rows in (amounts, late):
        event = detector_of(small_district, Quantity.RAIN_EVENT)
        assert [v for v, _ in found(event, [*rows, (22, 0.0)])[-3:]] == pytest.approx([6.5, 10.0, 10.0])
    intensity = detector_of(small_district, Quantity.RAIN_INTENSITY)
    rows = [(m, 0.0) for m in range(-200, 1, 20)] + [(m, 30.0) for m in range(1, 21)] + [(21, 0.0), (22, 0.0)]
    assert [v for v, _ in found(intensity, rows)[-3:]] == pytest.approx([7.0, 10.0, 10.0])


STORM = [*DRY, *[(m, 100.0 + m) for m in range(1, 11)]]  # 10 mm from minute 0 to 10
ENDS_WHEN_DRY: dict[str, tuple[list[tuple[int, float | None]], float, bool]] = {
    "it rains": ([], 10.0, False),
    "dry for nine minutes": ([(m, 110.0) for m in range(11, 20)], 10.0, False),
    "dry for ten minutes": ([(m, 110.0) for m in range(11, 21)], 0.0, False),
    "silent for half an hour, and the counter says that nothing fell": ([(40, 110.0)], 0.0, False),
    "silent for half an hour, and it says that something did": ([(40, 111.0)], 11.0, False),
    "failed since": ([*[(m, None) for m in range(11, 30)]], float("nan"), False),
    "it rains again: all of it counts": ([(m, 110.0) for m in range(11, 25)] + [(25, 110.4)], 10.4, False),
    "reset in the dry: nobody knows": ([(11, 110.0), (21, 40.0), (22, 40.0)], 10.0, True),
    "reset, and dry since": ([(11, 110.0), (12, 40.0), *[(m, 40.0) for m in range(13, 24)]], 0.0, False),
}


@pytest.mark.parametrize("name", ENDS_WHEN_DRY)
def test_a_sum_that_ends_when_it_is_dry_for_ten_minutes(small_district: Catalogue, name: str) -> None:
    since, mm, suspect = ENDS_WHEN_DRY[name]
    last = found(detector_of(small_district, ends_when_dry_s=600), [*STORM, *since])[-1]
    assert last[0] == pytest.approx(mm, nan_ok=True)
    assert last[1] == suspect


def test_a_new_gauge_is_not_dry_before_it_was_heard_for_so_long(small_district: Catalogue) -> None:
    rows = [(0, 100.0), (1, 104.0), *[(m, 104.0) for m in range(2, 12)]]
    got = found(detector_of(small_district, ends_when_dry_s=600), rows)[2::3]
    assert got[-2:] == [(4.0, True), (0.0, False)]


def test_an_intensity_ends_when_it_is_dry(small_district: Catalogue) -> None:
    detector = detector_of(small_district, Quantity.RAIN_INTENSITY, ends_when_dry_s=600)
    rows = [(m, 0.0) for m in range(-240, 1, 20)] + [(m, 30.0) for m in range(1, 6)]
    rows += [(m, 0.0) for m in range(6, 18)]
    got = dict(zip([m for m, _ in rows], found(detector, rows)[2::3], strict=True))
    assert (got[6], got[15][0], got[16]) == ((2.5, False), 2.5, (0.0, False))
    assert found(detector, [*rows[:-12], (60, 0.0), (61, 0.0)])[-1][0] > 0  # it was silent: nobody knows


def test_it_finds_rain_sums_of_the_gauge(small_district: Catalogue) -> None:
    detector = detector_of(small_district)
    assert set(detector.quantities) == {Quantity.RAIN_SUM}
    assert {k.target for k in detector.conditions} == {Target.of_channel(301)}


@pytest.mark.parametrize(
    ("quantity", "values", "fell"),
    [
        pytest.param(Quantity.RAIN_EVENT, np.full(5000, 0.01), 50.0, id="amounts are all added up"),
        pytest.param(Quantity.RAIN_TOTAL, 100 + np.arange(1, 5001) * 0.01, 50.0, id="a counter's steps"),
    ],
)
def test_of_a_flood_of_readings_few_are_told_and_all_count(
    small_district: Catalogue, quantity: Quantity, values: Sequence[float], fell: float
) -> None:
    """5,000 readings within the last minute, in one entry: fewer sums than that, and nothing lost of the rain."""
    detector = detector_of(small_district, quantity)
    memory = detector.initial()
    first = 100.0 if quantity is Quantity.RAIN_TOTAL else 0.0
    for minute in range(-200, 1):
        memory, _ = detector.step(memory, ReadingBatch.of([minute * MINUTE], [301], [first], [Flag.PASS]), 0)
    times = np.arange(1, 5001) * 10
    memory, sums = detector.step(memory, ReadingBatch.of(times, np.full(5000, 301), values, np.ones(5000)), 0)
    assert sums.value[-3:].tolist() == pytest.approx([fell] * 3, abs=0.01)
    assert len(sums) <= 18 * len(HOURS)
