"""Report by exception keeps its one promise, whatever the series, and counts what it holds back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.catalogue.channel_settings import Reporting
from contract.readings import Flag, ReadingBatch
from edge_agent.processing.reporting import Reporter

MINUTE = 60_000


def series(values: list[float], period_ms: int = MINUTE, channel: int = 1) -> ReadingBatch:
    flag = [Flag.MISSING if np.isnan(v) else Flag.PASS for v in values]
    return ReadingBatch.of(np.arange(len(values)) * period_ms, [channel] * len(values), values, flag)


def sent(reporting: Reporting, batch: ReadingBatch) -> list[float]:
    reporter = Reporter([1], [reporting])
    _, report = reporter.step(reporter.initial(), batch)
    return report.send.value.tolist()


def test_the_first_reading_and_what_leaves_the_deadband_are_sent() -> None:
    assert sent(Reporting(deadband=0.01), series([0.1, 0.105, 0.11, 0.111, 0.1])) == [0.1, 0.111, 0.1]


def test_a_slow_creep_is_measured_from_the_last_value_sent() -> None:
    values = [round(0.004 * i, 3) for i in range(8)]
    assert sent(Reporting(deadband=0.01), series(values)) == [0.0, 0.012, 0.024]


def test_a_heartbeat_shows_that_a_dry_gauge_lives() -> None:
    assert len(sent(Reporting(deadband=0.01, heartbeat_s=600), series([0.0] * 21))) == 3


def test_every_reading_is_sent_while_water_rises() -> None:
    values = [0.0, 0.0, 0.004, 0.008, 0.008]
    reporting = Reporting(deadband=0.05, burst_rise_per_s=0.004 / 60 - 1e-9)
    assert sent(reporting, series(values)) == [0.0, 0.004, 0.008]
    reporter = Reporter([1], [reporting])
    assert reporter.step(reporter.initial(), series(values))[1].urgent
    assert not reporter.step(reporter.initial(), series([0.0, 0.0]))[1].urgent


def test_a_value_that_reaches_a_level_is_sent_at_once_with_the_one_after_it() -> None:
    """Within the deadband of the last one sent. What then wanders around the level says so again, once it was below."""
    reporter = Reporter([1], [Reporting(deadband=0.012)], {1: [0.10, 0.15]})
    values = [0.092, 0.095, 0.099, 0.1, 0.099, 0.101, 0.098, 0.103]
    _, report = reporter.step(reporter.initial(), series(values))
    assert report.send.value.tolist() == [0.092, 0.1, 0.099, 0.101, 0.098, 0.103]
    assert report.urgent
    other = Reporter([1], [Reporting(deadband=0.012)])
    assert other.step(other.initial(), series(values))[1].send.value.tolist() == [0.092]


def test_every_tip_is_sent() -> None:
    assert sent(Reporting(deadband=0), series([0.0, 0.2, 0.2, 0.4])) == [0.0, 0.2, 0.4]


def test_silence_is_said_once_and_at_each_heartbeat() -> None:
    nan = float("nan")
    got = sent(Reporting(deadband=0.01, heartbeat_s=300), series([0.1, nan, nan, nan, nan, nan, nan, 0.1]))
    assert [np.isnan(v) for v in got] == [False, True, True, False]


def test_a_new_flag_is_sent() -> None:
    batch = series([0.1, 0.1, 0.1]).with_flags([Flag.PASS, Flag.SUSPECT, Flag.SUSPECT])
    reporter = Reporter([1], [Reporting(deadband=0.01)])
    _, report = reporter.step(reporter.initial(), batch)
    assert report.send.flag.tolist() == [Flag.PASS, Flag.SUSPECT]


def test_an_older_reading_is_sent_and_moves_nothing() -> None:
    reporter = Reporter([1], [Reporting(deadband=0.01)])
    state, _ = reporter.step(reporter.initial(), series([0.1, 0.1]))
    state, late = reporter.step(state, ReadingBatch.of([1], [1], [5.0], [Flag.PASS]))
    assert len(late.send) == 1
    _, now = reporter.step(state, ReadingBatch.of([2 * MINUTE], [1], [0.1], [Flag.PASS]))
    assert now.suppressed == {1: 1}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=80),
    st.sampled_from([0.0, 0.005, 0.02]),
    st.integers(1, 7),
    st.integers(0, 2**32 - 1),
)
def test_the_last_value_sent_stays_within_the_deadband(
    steps: list[int], deadband: float, chunk: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    value = np.cumsum(steps) / 1000
    value[rng.random(len(value)) < 0.1] = np.nan
    reporter = Reporter([1, 2], [Reporting(deadband=deadband, heartbeat_s=1200)] * 2)
    state = reporter.initial()
    batch = ReadingBatch.concat([series(value.tolist()), series((value * 2).tolist(), channel=2)])
    batch = batch.take(np.lexsort((batch.channel, batch.time_ms)))
    out, made, suppressed = [], 0, 0
    for i in range(0, len(batch), chunk):
        state, report = reporter.step(state, batch.take(slice(i, i + chunk)))
        out.append(report.send)
        made += sum(report.made.values())
        suppressed += sum(report.suppressed.values())
    stored = ReadingBatch.concat(out)
    assert (made, len(stored)) == (len(batch), len(batch) - suppressed)
    for channel in (1, 2):
        truth, kept = batch.take(batch.channel == channel), stored.take(stored.channel == channel)
        held = kept.value[np.searchsorted(kept.time_ms, truth.time_ms, side="right") - 1]
        assert (np.isnan(held) == np.isnan(truth.value)).all()
        good = ~np.isnan(held)
        assert held[good] == pytest.approx(truth.value[good], abs=deadband + 1e-9)
