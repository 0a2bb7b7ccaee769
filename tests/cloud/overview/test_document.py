"""What the overview says of a station: its level is held through silence and nonsense, and neither is all clear."""

from __future__ import annotations

import pytest

from cloud.overview.document import Shown, overview
from contract.catalogue.catalogue import Catalogue
from contract.readings import Flag, ReadingBatch
from tests.cloud.warnings.city import START_MS, city, entry, tick
from tests.cloud.web.test_state import Said

MIN = 60_000
CHANNEL = 1  # the depth of station s1


def of_s1(catalogue: Catalogue, readings: list[tuple[int, float, Flag]], now_ms: int = START_MS) -> tuple[str, str]:
    """(state, level) of station s1 after these (time, depth in m, flag)."""
    times, values, flags = zip(*readings, strict=True)
    heard = ReadingBatch.of(times, [CHANNEL] * len(times), values, flags)
    said = Said(city(catalogue), heard.take(slice(len(heard) - 1, None)), now_ms)
    for n, t in enumerate(times, 1):
        said.view.apply([entry(n, t, heard.take([n - 1]))])
    said.view.apply([tick(len(times) + 1, now_ms)])
    (row,) = [s for s in overview(said.services, Shown(said.catalogue))["stations"] if s["id"] == "s1"]
    return row["state"], row["level"]


def wet(until_ms: int) -> list[tuple[int, float, Flag]]:
    return [(t, 0.6, Flag.PASS) for t in range(until_ms - 10 * MIN, until_ms + 1, MIN)]


def test_a_level_is_shown_as_it_stands(small_district: Catalogue) -> None:
    assert of_s1(small_district, wet(START_MS)) == ("red", "red")
    assert of_s1(small_district, [(START_MS, 0.0, Flag.PASS)]) == ("normal", "normal")


@pytest.mark.parametrize("value", [-8.88, 0.0, 99.0])
def test_what_failed_is_unknown_whatever_it_says(small_district: Catalogue, value: float) -> None:
    """A value of -8.88 m was shown as all clear for 25 minutes."""
    assert of_s1(small_district, [(START_MS - MIN, 0.0, Flag.PASS), (START_MS, value, Flag.FAIL)])[0] == "unknown"
    assert of_s1(small_district, [*wet(START_MS - MIN), (START_MS, value, Flag.FAIL)]) == ("unknown", "red")


def test_silence_is_unknown_and_keeps_the_level(small_district: Catalogue) -> None:
    later_ms = START_MS + 3 * 60 * MIN
    assert of_s1(small_district, wet(START_MS), later_ms) == ("unknown", "red")
    assert of_s1(small_district, [(START_MS, 0.0, Flag.PASS)], later_ms) == ("unknown", "normal")
