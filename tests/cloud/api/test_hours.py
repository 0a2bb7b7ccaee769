"""Hourly figures weighted by time: the same before and after a day is merged, whatever stretch is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cloud.api.hours import weighted
from cloud.series.parquet import ParquetStore
from contract.catalogue.catalogue import Catalogue
from contract.readings import ReadingBatch
from edge_agent.processing.reporting import Reporter
from host.district_folder import load
from tests.cloud.series.support import HOUR_MS, START_MS, entry, feed, tick

NOW_MS = START_MS + 200 * HOUR_MS
JINSHUI = Path(__file__).parents[3] / "configs" / "districts" / "jinshui"


@pytest.fixture
def store(tmp_path: Path):
    found = ParquetStore(tmp_path / "series")
    yield found
    found.close()


def by_hour(store: ParquetStore, catalogue: Catalogue, start_ms: int, end_ms: int, channels=(101,)):
    h = weighted(store, catalogue, list(channels), start_ms, end_ms, NOW_MS).rows
    columns = (h.channel, h.hour_ms, h.count, h.mean, h.minimum, h.maximum, h.first, h.last)
    rows = zip(*(np.nan_to_num(c, nan=-9).tolist() for c in columns), strict=True)
    return {(r[0], (r[1] - START_MS) // HOUR_MS): tuple(r[2:]) for r in rows}


def test_the_mean_is_of_the_time_for_which_values_held(store: ParquetStore, small_district: Catalogue) -> None:
    """It rose in five minutes, reading after reading, then stood, and said so every ten: its heartbeat."""
    rising = [(m * 60_000, 0.5 * m) for m in range(6)]
    standing = [(m * 60_000, 2.5) for m in range(15, 70, 10)]
    times, values = zip(*rising, *standing, strict=True)
    feed(store, [entry(1, START_MS, ReadingBatch.of([START_MS + t for t in times], [101] * len(times), values))])
    found = by_hour(store, small_district, START_MS, START_MS + 2 * HOUR_MS)
    assert found[101, 0][1] == pytest.approx((0 + 0.5 + 1.0 + 1.5 + 2.0 + 55 * 2.5) / 60)
    assert np.mean(values[:-1]) < 2.0 < found[101, 0][1]  # what the mean of the readings would have been
    assert found[101, 1][1:4] == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(("start", "end"), [(30, 150), (0, 1440), (61, 719)])
def test_merged_or_not_the_figures_are_the_same(
    store: ParquetStore, small_district: Catalogue, start: int, end: int
) -> None:
    rng = np.random.default_rng(3)
    second = np.sort(rng.choice(24 * 3600, 400, replace=False))
    channel, flag = rng.choice([101, 102], 400), rng.choice([1, 1, 3, 4], 400)
    batch = ReadingBatch.of(START_MS + second * 1000, channel, np.round(rng.normal(1, 0.3, 400), 3), flag)
    feed(store, [entry(1, START_MS + 24 * HOUR_MS, batch)])
    a, b = START_MS + start * 60_000, START_MS + end * 60_000
    before = by_hour(store, small_district, a, b, (101, 102))
    whole = by_hour(store, small_district, START_MS, START_MS + 24 * HOUR_MS, (101, 102))
    feed(store, [tick(2, START_MS + 100 * HOUR_MS)])
    assert by_hour(store, small_district, a, b, (101, 102)) == before
    assert before == {k: v for k, v in whole.items() if a <= START_MS + k[1] * HOUR_MS < b}
    assert len(before) == 2 * len({k[1] for k in before}) > 0


@pytest.mark.parametrize(
    ("minutes", "mean"),
    [(range(0, 60, 10), 0.0), ((0, 50), float("nan"))],
    ids=["by its rollup", "with a gap, of which only the readings could tell"],
)
def test_of_hours_whose_readings_were_let_go(
    store: ParquetStore, small_district: Catalogue, monkeypatch: pytest.MonkeyPatch, minutes, mean
) -> None:
    times = [START_MS + m * 60_000 for m in minutes]
    feed(store, [entry(1, START_MS, ReadingBatch.of(times, [101] * len(times), [0.0] * (len(times) - 1) + [0.6]))])
    feed(store, [tick(2, START_MS + 100 * HOUR_MS)])
    monkeypatch.setattr(store, "raw", lambda *_: ReadingBatch.empty())
    found = weighted(store, small_district, [101], START_MS, START_MS + HOUR_MS, NOW_MS).rows
    assert found.mean.tolist() == pytest.approx([mean + 0.1], nan_ok=True)
    assert (found.count.tolist(), found.maximum.tolist(), found.last.tolist()) == ([len(times)], [0.6], [0.6])


def test_a_flood_as_a_gateway_reports_it(store: ParquetStore) -> None:
    """The underpass of the demo fills within minutes and stands: the readings crowd where it rises, and their mean is
    half a metre off; weighted by time it is that of the water, to the deadband. The same before and after the merge."""
    demo = load(JINSHUI)
    channel = demo.channels[301]
    minute = np.arange(6 * 60)
    depth_m = np.round(2.8 / (1 + np.exp(-(minute - 130) / 4)), 3)
    made = ReadingBatch.of(START_MS + minute * 60_000, np.full(len(minute), 301), depth_m)
    reporter = Reporter.of([channel])
    _, report = reporter.step(reporter.initial(), made)
    feed(store, [entry(1, START_MS, report.send)])
    found = weighted(store, demo, [301], START_MS, START_MS + 6 * HOUR_MS, NOW_MS)
    truth = depth_m.reshape(6, 60).mean(axis=1)
    assert found.rows.mean == pytest.approx(truth, abs=channel.reporting.deadband)
    unweighted = store.hourly([301], START_MS, START_MS + 6 * HOUR_MS).mean
    assert np.abs(unweighted - truth).max() > 0.3
    feed(store, [tick(2, START_MS + 100 * HOUR_MS)])
    merged = weighted(store, demo, [301], START_MS, START_MS + 6 * HOUR_MS, NOW_MS)
    assert merged.rows.mean.tolist() == found.rows.mean.tolist()
    assert merged.covered_s.tolist() == found.covered_s.tolist()
