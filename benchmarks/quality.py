"""All quality tests together, in nanoseconds a reading: sweeps of 500 channels, as a gateway makes them.

Four fifths are level gauges with range, rate, spike and flat line tests; one fifth counts rain. Aim: 150 ns.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from contract.catalogue.channel_settings import FlatLine, Quality, RainGauge, Spike
from contract.quality.tests import QualityTests
from contract.readings import ReadingBatch

CHANNELS, SWEEPS, PERIOD_S = 500, 600, 30
LEVEL = Quality(
    fail_range=(-0.1, 8.0),
    suspect_range=(-0.05, 5.0),
    rate_per_s=0.05,
    spike=Spike(suspect=0.1, fail=0.3),
    flat_line=FlatLine(suspect_s=3600, fail_s=7200, tolerance=0.002, only_above=0.05),
)
RAIN = Quality(fail_range=(0, 13107.2), rain_gauge=RainGauge(tip_mm=0.2, wraps_at_mm=13107.2))


def sweeps(rng: np.random.Generator) -> list[ReadingBatch]:
    number = np.arange(1, CHANNELS + 1)
    gauge = number % 5 == 0
    out = []
    for k in range(SWEEPS):
        level = np.round(0.3 + rng.normal(0, 0.004, CHANNELS), 3)
        rain = np.round(0.2 * (k // 3), 1)
        time_ms = np.full(CHANNELS, 1_626_768_000_000 + k * PERIOD_S * 1000)
        out.append(ReadingBatch.of(time_ms, number, np.where(gauge, rain, level)))
    return out


def run() -> dict[str, float | str]:
    settings = [RAIN if n % 5 == 0 else LEVEL for n in range(1, CHANNELS + 1)]
    tests = QualityTests(range(1, CHANNELS + 1), settings, [PERIOD_S] * CHANNELS)
    batches = sweeps(np.random.default_rng(1))
    one_add, figures = [], []
    a = np.random.default_rng(2).random(CHANNELS)
    for _ in range(7):
        state = tests.initial()
        began = time.process_time()
        for batch in batches:
            state, _ = tests.step(state, batch)
        figures.append((time.process_time() - began) / SWEEPS / CHANNELS * 1e9)
        began = time.process_time()
        for _ in range(20_000):
            a + a
        one_add.append((time.process_time() - began) / 20_000 / CHANNELS * 1e9)
    best = statistics.median(figures)
    return {
        "all tests, ns a reading (median of 7)": best,
        "one array addition, ns an element (the machine today)": statistics.median(one_add),
        "ratio": best / statistics.median(one_add),
    }
