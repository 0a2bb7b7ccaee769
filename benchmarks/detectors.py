"""What detectors find: 50,000 channels, one in twenty a rain gauge with eight windows, of the rest depth and its rise.

`one step` is one reading of each channel at once, when every channel has been heard for ten minutes. `by entries` is
2,000 entries of 50 readings, one after the other. Both without the conditions that judge what is found, dry, with a
tenth of the channels wet, and with all of them. `flood` is one entry of 8,192 readings of one channel, a millisecond
apart, for each detector.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.conditions import START_MS, small
from cloud.warnings.detectors.base import Detector
from cloud.warnings.detectors.registry import make_detectors
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.quantities import Quantity
from contract.catalogue.rules import Level, Rule
from contract.readings import ReadingBatch

CHANNELS, GAUGE_EVERY, HEARD, PER_ENTRY, ENTRIES = 50_000, 20, 10, 50, 2000
WINDOWS_S = (300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400)
MINUTE_MS = 60_000


def city() -> Catalogue:
    """A depth sensor and a rain gauge of the demonstration's district, many times."""
    of = small()
    depth = next(c for c in of.channels.values() if c.quantity is Quantity.DEPTH and c.id in of.rules_by_channel)
    gauge = next(c for c in of.channels.values() if c.quantity is Quantity.RAIN_TOTAL)
    numbers = range(1, CHANNELS + 1)
    channels = {n: replace(gauge if n % GAUGE_EVERY == 0 else depth, id=n) for n in numbers}
    gauges = tuple(n for n in numbers if n % GAUGE_EVERY == 0)
    depths = tuple(n for n in numbers if n % GAUGE_EVERY)
    levels = {Level.BLUE: 20.0}
    rules = [
        Rule(id="depth", channels=depths, levels={Level.BLUE: 0.1}),
        Rule(id="rise", channels=depths, detector="rate_of_rise", levels={Level.BLUE: 1.0}),
        *(
            Rule(id=f"rain-{s}", channels=gauges, detector="rain_window", levels=levels, settings={"window_s": s})
            for s in WINDOWS_S
        ),
    ]
    return replace(of, channels=channels, rules=tuple(rules))


def run() -> dict[str, float | str]:
    detectors = make_detectors(city())
    figures: dict[str, float | str] = {"channels": float(CHANNELS)}
    for name, share in (("dry", 0.0), ("a tenth wet", 0.1), ("all wet", 1.0)):
        minutes = _minutes(share)
        for word, detector in detectors:
            state = detector.initial()
            for k in range(HEARD):
                state, _ = detector.step(state, minutes[k], START_MS + k * MINUTE_MS)
            began = time.process_time()
            state, _ = detector.step(state, minutes[HEARD], START_MS + HEARD * MINUTE_MS)
            figures[f"one step, {name}: {word}, CPU ms"] = (time.process_time() - began) * 1000
            began = time.process_time()
            for entry in _entries(minutes[HEARD + 1 :]):
                state, _ = detector.step(state, entry, int(entry.time_ms[0]))
            took_s = time.process_time() - began
            figures[f"by entries, {name}: {word}, readings per CPU second"] = ENTRIES * PER_ENTRY / took_s
    for word, detector in detectors:
        figures[f"flood of one channel: {word}, CPU ms"] = _flood(detector)
    return figures


def _minutes(share: float) -> list[ReadingBatch]:
    """A reading of every channel a minute. share: of them, wet and moving."""
    chance = np.random.default_rng(1)
    numbers = np.arange(1, CHANNELS + 1)
    wet = chance.random(CHANNELS) < share
    gauge = numbers % GAUGE_EVERY == 0
    fallen, out = np.zeros(CHANNELS), []
    for k in range(HEARD + 1 + ENTRIES * PER_ENTRY // CHANNELS):
        depth = np.where(wet, np.round(0.2 + 0.01 * k + chance.normal(0, 0.005, CHANNELS), 3), 0.0)
        fallen += np.where(wet, np.round(chance.exponential(0.5, CHANNELS), 1), 0.0)
        time_ms = np.full(CHANNELS, START_MS + k * MINUTE_MS)
        out.append(ReadingBatch.of(time_ms, numbers, np.where(gauge, fallen, depth), np.ones(CHANNELS)))
    return out


def _entries(minutes: list[ReadingBatch]) -> Iterator[ReadingBatch]:
    for batch in minutes:
        for at in range(0, len(batch), PER_ENTRY):
            yield batch.take(slice(at, at + PER_ENTRY))


def _flood(detector: Detector) -> float:
    channel = int(detector.conditions[0].target.id)
    count = 8192
    batch = ReadingBatch.of(
        START_MS + np.arange(count), np.full(count, channel), 0.3 + np.arange(count) % 7 / 100, np.ones(count)
    )
    state = detector.initial()
    began = time.process_time()
    detector.step(state, batch, START_MS + count)
    return (time.process_time() - began) * 1000
