"""What every detector owes, whatever it looks for; run for each word that a rule may name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cloud.views.decode import readings
from cloud.warnings.detectors.base import Detector
from cloud.warnings.detectors.registry import MAKERS, make_detectors
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.detectors import DETECTORS
from contract.readings import ReadingBatch
from tests.cloud.warnings.city import RULE, city, history

WORDS = pytest.mark.parametrize("word", DETECTORS)
# Settings for the detectors that cannot do without.
SETTINGS: dict[str, dict[str, float | str]] = {"rain_window": {"window_s": 3600}}


def detector_of(word: str, small: Catalogue) -> Detector:
    rule = RULE.model_copy(update={"id": "one", "detector": word, "settings": SETTINGS.get(word, {})})
    other = rule.model_copy(update={"id": "two", "channels": RULE.channels[::2]})
    ((found, detector),) = make_detectors(replace(city(small), rules=(rule, other)))
    assert found == word
    return detector


def steps(seed: int) -> Iterator[tuple[ReadingBatch, int]]:
    return ((readings([e]), e.append_ms) for e in history(seed))


def run(detector: Detector, log: Iterator[tuple[ReadingBatch, int]], restarts: bool, sift: bool) -> list[Any]:
    """All findings as plain rows."""
    state, out = detector.initial(), []
    for batch, now_ms in log:
        needed = batch.take(detector.heeded(batch, np.full(len(batch), now_ms))) if sift else batch
        state, found = detector.step(state, needed, now_ms)
        value = [None if np.isnan(v) else v for v in found.value.tolist()]
        columns = (found.condition.tolist(), found.time_ms.tolist(), found.channel.tolist(), value, found.flag.tolist())
        out += [(now_ms, *row) for row in zip(*columns, strict=True)]
        if restarts:
            state = detector.restore(json.loads(json.dumps(detector.dump(state))))
    return out


def test_every_word_has_a_module_and_every_module_a_word() -> None:
    assert list(MAKERS) == list(DETECTORS)


@WORDS
def test_it_speaks_for_conditions_of_the_rules_that_name_it(word: str, small_district: Catalogue) -> None:
    detector = detector_of(word, small_district)
    keys = list(detector.conditions)
    assert {key.rule for key in keys} == {"one", "two"}
    assert len(set(keys)) == len(keys) == len(detector.quantities)


@WORDS
@pytest.mark.parametrize("seed", range(5))
def test_a_restart_between_any_two_steps_alters_nothing(word: str, seed: int, small_district: Catalogue) -> None:
    detector = detector_of(word, small_district)
    plain = run(detector, steps(seed), restarts=False, sift=False)
    assert plain
    assert run(detector, steps(seed), restarts=True, sift=False) == plain
    assert all(0 <= row[1] < len(detector.conditions) for row in plain)


@WORDS
@pytest.mark.parametrize("seed", range(5))
def test_what_it_does_not_heed_alters_no_finding_that_counts(word: str, seed: int, small_district: Catalogue) -> None:
    """Calm history may go missing among the findings: it moves no condition. Everything else stays."""
    detector = detector_of(word, small_district)
    whole = run(detector, steps(seed), restarts=False, sift=False)
    sifted = run(detector, steps(seed), restarts=False, sift=True)
    missing = [row for row in whole if row not in sifted]
    assert [row for row in whole if row not in missing] == sifted
    stale_ms, lowest = RULE.stale_after_s * 1000, min(RULE.levels.values())
    assert all(now_ms - time_ms > stale_ms and not value >= lowest for now_ms, _, time_ms, _, value, _ in missing)
