"""Pump stations as tables: what the well and the controller said, and what is wrong then."""

from __future__ import annotations

import pytest

from cloud.maintenance.kinds import Kind
from cloud.maintenance.pumps import Heard, Part, Site, initial, step

# Two pumps of 0.14 m3/s over 30 m2: one moves 28 cm of the well a minute.
SITE = Site("u1", 2, (2.0, 2.8), (0.9, 0.9), (0.14, 0.14), 30.0, 4.5, most_a=(40.0, 40.0))
MIN = 60_000


def well(minute: float, level_m: float | None) -> Heard:
    return Heard(round(minute * MIN), Part.WELL, 0, level_m)


def run(minute: float, pump: int, on: int | None) -> Heard:
    return Heard(round(minute * MIN), Part.RUNNING, pump - 1, on)


def said(minute: float, part: Part, value: float, pump: int = 1) -> Heard:
    return Heard(round(minute * MIN), part, pump - 1, value)


def filled(minute: float, of: float, to: float, minutes: float, every: float = 0.5) -> list[Heard]:
    """The well goes from one level to another, evenly."""
    n = int(minutes / every)
    return [well(minute + k * every, of + (to - of) * k / n) for k in range(n + 1)]


AT_REST = [well(1, 1.5), run(1, 1, 0), run(1, 2, 0)]
CYCLE = [run(2, 1, 1), run(4, 1, 0)]  # pump 1 again and again
TABLE = {
    "at rest": (AT_REST, 3, {}),
    "one pump should run": ([*AT_REST, well(3, 2.1)], 5, {Kind.NOT_RUNNING: "station/u1"}),
    "one should and does": ([*AT_REST, well(3, 2.1), run(3, 1, 1)], 5, {}),
    "the second should run, too": ([*AT_REST, run(2, 1, 1), well(3, 2.9)], 5, {Kind.NOT_RUNNING: "station/u1"}),
    "below the start nobody should": ([*AT_REST, well(3, 2.1), well(4, 1.9)], 6, {}),
    "without a running bit it is unknown, not fine": (
        [well(3, 2.1), run(2, 1, None), run(2, 2, 0)],
        5,
        {Kind.PUMPS_UNKNOWN: "station/u1"},
    ),
    "the well is silent for hours": ([*AT_REST], 130, {Kind.PUMPS_UNKNOWN: "station/u1"}),
    "trip": ([*AT_REST, said(2, Part.FAULT, 1, 2)], 3, {Kind.TRIP: "pump/u1/2"}),
    "overload": ([*AT_REST, run(2, 1, 1), said(2, Part.CURRENT, 55)], 4, {Kind.OVERLOAD: "pump/u1/1"}),
    "as much current as it may": ([*AT_REST, run(2, 1, 1), said(2, Part.CURRENT, 40)], 4, {}),
    "mains lost": ([*AT_REST, said(2, Part.MAINS, 0)], 3, {Kind.MAINS_LOST: "station/u1"}),
    "generator": ([*AT_REST, said(2, Part.GENERATOR, 1)], 3, {Kind.GENERATOR_ON: "station/u1"}),
    "runs, and the well stays": (
        [*AT_REST, *filled(2, 1.5, 2.0, 10), run(12, 1, 1), *filled(12, 2.0, 2.1, 11)],
        23,
        {Kind.NO_DRAWDOWN: "pump/u1/1"},
    ),
    "runs, and the well falls": (
        [*AT_REST, *filled(2, 1.5, 2.0, 10), run(12, 1, 1), *filled(12, 2.0, 1.3, 11)],
        23,
        {},
    ),
    "runs against as much as it moves: no fault of its own": (
        [run(1, 1, 0), run(1, 2, 0), *filled(1, 0.9, 2.0, 4), run(5, 1, 1), *filled(5, 2.0, 2.1, 11)],
        16,
        {},
    ),
    "all run, and it rises": (
        [*AT_REST, run(2, 1, 1), run(2, 2, 1), *filled(2, 2.0, 3.5, 6)],
        8,
        {Kind.INFLOW: "station/u1"},
    ),
    "all run, and it falls": ([*AT_REST, run(2, 1, 1), run(2, 2, 1), *filled(2, 3.5, 2.9, 6)], 8, {}),
    "for two hours": (
        [*AT_REST, run(2, 1, 1), run(60, 1, 1), run(60, 2, 0), *filled(2, 1.9, 1.2, 121)],
        123,
        {Kind.LONG_RUN: "pump/u1/1"},
    ),
    "eleven starts in an hour": (
        [*AT_REST, *(run(2 + k, 1 + (k // 2) % 2, (k + 1) % 2) for k in range(44))],
        46,
        {Kind.SHORT_CYCLING: "pump/u1/1"},
    ),
    "the same pump first, three times": (
        [
            *AT_REST,
            said(1, Part.FAULT, 0, 2),
            *(h._replace(time_ms=h.time_ms + k * 10 * MIN) for k in range(3) for h in CYCLE),
        ],
        30,
        {Kind.ALTERNATION: "pump/u1/1"},
    ),
    "the other one cannot": (
        [
            *AT_REST,
            said(1, Part.FAULT, 1, 2),
            *(h._replace(time_ms=h.time_ms + k * 10 * MIN) for k in range(3) for h in CYCLE),
        ],
        30,
        {Kind.TRIP: "pump/u1/2"},
    ),
    "drains back to the road": (
        [*AT_REST, well(3, 4.6)],
        5,
        {Kind.DRAINS_BACK: "station/u1", Kind.NOT_RUNNING: "station/u1"},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_wrong(name: str) -> None:
    heard, minute, wanted = TABLE[name]
    _, judged = step(SITE, initial(SITE), heard, minute * MIN)
    found = {f.kind: f.place for f in judged.found if not (f.kind is Kind.SHORT_CYCLING and f.place.endswith("2"))}
    assert found == wanted


def test_since_when() -> None:
    heard = [*AT_REST, well(3, 2.1), well(4, 2.3)]
    _, judged = step(SITE, initial(SITE), heard, 6 * MIN)
    (found,) = judged.found
    assert (found.since_ms, found.value, found.more) == (3 * MIN, 2.3, "0 of 2 run, 1 should")


def test_a_counter_of_starts_sees_what_no_poll_did() -> None:
    site = Site("u1", 1, (2.0,), (0.9,), counts_starts=True)
    heard = [well(0, 1.0), run(0, 1, 0), *(said(k, Part.STARTS, 5000 + 2 * k) for k in range(7))]
    _, judged = step(site, initial(site), heard, 8 * MIN)
    assert [(f.kind, f.value) for f in judged.found] == [(Kind.SHORT_CYCLING, 12.0)]


def test_a_counter_that_begins_anew_is_no_start() -> None:
    site = Site("u1", 1, counts_starts=True)
    heard = [well(0, 1.0), run(0, 1, 0), *(said(k, Part.STARTS, v) for k, v in enumerate([5000, 0, 0, 1]))]
    _, judged = step(site, initial(site), heard, 5 * MIN)
    assert judged.found == []


def test_history_says_nothing_of_now() -> None:
    heard = [*AT_REST, well(3, 2.1), well(2, 1.0), run(3, 1, 1), run(2, 1, 0)]
    _, judged = step(SITE, initial(SITE), heard, 5 * MIN)
    assert judged.found == []


def test_how_readings_are_grouped_alters_nothing() -> None:
    heard = sorted((h for given, _, _ in TABLE.values() for h in given), key=lambda h: h.time_ms)
    once, _ = step(SITE, initial(SITE), heard, 0)
    singly = initial(SITE)
    for h in heard:
        singly, _ = step(SITE, singly, [h], 0)
    assert singly == once
