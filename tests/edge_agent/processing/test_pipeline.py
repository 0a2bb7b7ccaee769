"""What of a driver's readings is stored, in which lane, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.channel_settings import Quality, Reporting, Spike
from contract.readings import Flag, ReadingBatch
from contract.wire.envelope import Lane
from edge_agent.processing.pipeline import Pipeline, Processed
from host.district_folder import load
from tests.conftest import SMALL_DISTRICT

MINUTE_MS = 60_000
T0_MS = 1_626_796_800_000  # 2021-07-20T16:00Z
DEPTH = load(SMALL_DISTRICT).channels[101]
QUALITY = Quality(fail_range=(0.0, 3.0), spike=Spike(suspect=0.3))
REPORTING = Reporting(deadband=0.01, heartbeat_s=900, burst_rise_per_s=0.01)


def channels(*numbers: int) -> list[ChannelInfo]:
    return [replace(DEPTH, id=n, quality=QUALITY, reporting=REPORTING) for n in numbers]


def minutes(values: Sequence[float], channel: int = 1, start: int = 0) -> ReadingBatch:
    """One reading a minute from `start` minutes after T0."""
    return ReadingBatch.of(
        [T0_MS + (start + i) * MINUTE_MS for i in range(len(values))], [channel] * len(values), values
    )


def rows(batch: ReadingBatch) -> list[tuple[int, int, float, int]]:
    """(whole minutes after T0, channel, value, flag)"""
    minute = ((batch.time_ms - T0_MS) // MINUTE_MS).tolist()
    return list(zip(minute, batch.channel.tolist(), batch.value.tolist(), batch.flag.tolist(), strict=True))


def processed(*batches: ReadingBatch) -> list[Processed]:
    pipeline = Pipeline(channels(1, 2))
    state = pipeline.initial()
    out = []
    for batch in batches:
        state, found = pipeline.step(state, batch)
        out.append(found)
    return out


def test_what_stays_within_the_deadband_is_counted_and_not_stored() -> None:
    (found,) = processed(minutes([0.10, 0.10, 0.105, 0.12]))
    assert rows(found.readings) == [(0, 1, 0.10, Flag.PASS), (3, 1, 0.12, Flag.PASS)]
    assert found.counts == {"made": {1: 4}, "suppressed": {1: 2}, "reported": {1: 2}, "corrected": {}}
    assert found.lane is Lane.LIVE


def test_a_bad_value_is_stored_as_it_came_with_its_flag() -> None:
    (found,) = processed(minutes([0.1, 7.0]))
    assert rows(found.readings) == [(0, 1, 0.1, Flag.PASS), (1, 1, 7.0, Flag.FAIL)]


def test_a_spike_is_stored_as_good_and_corrected_when_the_next_reading_shows_it() -> None:
    first, second = processed(minutes([0.1, 0.5]), minutes([0.1], start=2))
    assert rows(first.readings) == [(0, 1, 0.1, Flag.PASS), (1, 1, 0.5, Flag.PASS)]
    assert rows(second.readings) == [(2, 1, 0.1, Flag.PASS), (1, 1, 0.5, Flag.SUSPECT)]
    assert second.counts == {"made": {1: 1}, "suppressed": {}, "reported": {1: 1}, "corrected": {1: 1}}


def test_water_that_rises_fast_in_one_channel_puts_all_into_the_alarm_lane() -> None:
    calm, flood = processed(minutes([0.0, 0.1]), minutes([0.9], start=2))  # 0.1 m and 0.8 m in 60 s; 0.6 m is fast
    assert calm.lane is Lane.LIVE
    assert flood.lane is Lane.ALARM


def test_channels_are_judged_apart_and_counted_apart() -> None:
    (found,) = processed(ReadingBatch.concat([minutes([0.1, 0.1]), minutes([0.2, 0.3], channel=2)]))
    assert rows(found.readings) == [(0, 1, 0.1, 1), (0, 2, 0.2, 1), (1, 2, 0.3, 1)]
    assert found.counts == {"made": {1: 2, 2: 2}, "suppressed": {1: 1}, "reported": {1: 1, 2: 2}, "corrected": {}}


def test_a_channel_that_the_catalogue_does_not_know_is_stored_untested() -> None:
    (found,) = processed(minutes([0.1, 0.1], channel=9))
    assert rows(found.readings) == [(0, 9, 0.1, Flag.NOT_EVALUATED), (1, 9, 0.1, Flag.NOT_EVALUATED)]


def test_a_device_that_did_not_answer_is_stored_as_missing() -> None:
    (found,) = processed(minutes([float("nan")]))
    assert found.readings.flag.tolist() == [Flag.MISSING]


def test_nothing_gives_nothing() -> None:
    (found,) = processed(ReadingBatch.empty())
    assert len(found.readings) == 0
    assert found.counts == {"made": {}, "suppressed": {}, "reported": {}, "corrected": {}}


@pytest.mark.parametrize(("jumped_ms", "stored"), [(0, 0), (1000, 1), (-86_400_000, 1)])
def test_after_a_jump_of_time_all_that_was_remembered_is_forgotten(jumped_ms: int, stored: int) -> None:
    pipeline = Pipeline(channels(1))
    state, _ = pipeline.step(pipeline.initial(), minutes([0.1]))
    after, found = pipeline.step(state, minutes([0.1], start=1), jumped_ms)
    assert len(found.readings) == stored
    assert after.jumped_ms == jumped_ms
    _, later = pipeline.step(after, minutes([0.1], start=2), jumped_ms)  # and remembered again from there
    assert len(later.readings) == 0


def test_the_same_channel_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        Pipeline(channels(1, 1))


@given(
    readings=st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([0.0, 0.005, 0.2, 0.6, 5.0, float("nan")]))),
    cuts=st.sets(st.integers(1, 30)),
)
def test_how_readings_are_grouped_alters_nothing_of_what_is_stored(
    readings: list[tuple[int, float]], cuts: set[int]
) -> None:
    """One flush or many: the same readings with the same flags, the same counts, fast water noticed alike."""
    count = len(readings)
    whole = ReadingBatch.of(
        [T0_MS + i * MINUTE_MS for i in range(count)], [c for c, _ in readings], [v for _, v in readings]
    )
    edges = [0, *sorted(c for c in cuts if c < count), count]
    parts = processed(*(whole.take(slice(a, b)) for a, b in pairwise(edges)))
    (together,) = processed(whole)
    assert stored(parts) == stored([together])
    for name, by_channel in together.counts.items():
        summed = sum((Counter(p.counts[name]) for p in parts), Counter[int]())
        assert summed == by_channel
    assert any(p.lane is Lane.ALARM for p in parts) == (together.lane is Lane.ALARM)


def stored(parts: Sequence[Processed]) -> Counter[str]:
    """As a multiset; repr, for NaN equals nothing."""
    return Counter(repr(row) for part in parts for row in rows(part.readings))
