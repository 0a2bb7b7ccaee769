"""Cars are named and floods are not, on cars made by seed and on every flood recorded in New York (FloodNet)."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloud.maintenance.engine import Entries, Maintenance
from cloud.maintenance.kinds import Kind
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level, Rule
from contract.conditions.columns import DOUBTS
from contract.conditions.findings import Findings
from contract.conditions.latches import Conditions
from contract.conditions.limits import Watched
from contract.conditions.state import Doubt
from contract.conditions.targets import ConditionKey, Target
from contract.readings import Bools, Float64s, ReadingBatch
from simulators.plant.cars import Car

FLOODS = Path(__file__).parents[4] / "shared" / "data" / "floodnet_events.csv"  # beside the repository
needs_floods = pytest.mark.skipif(not FLOODS.is_file(), reason="recorded floods: the folder shared/ is not there")
MIN = 60_000
START_MS = 1_626_768_000_000
CARS = 200


def streets(small: Catalogue, count: int) -> Catalogue:
    """So many streets, kilometres apart, each with one level sensor that is read every minute."""
    one = small.channels[201]
    device = one.device.model_copy(update={"period_s": 60.0})
    stations, channels = {}, {}
    for n in range(1, count + 1):
        own = one.station.channels[0].model_copy(update={"id": n})
        s = one.station.model_copy(update={"id": f"s{n}", "neighbours": (), "channels": (own,)})
        stations[s.id] = s
        channels[n] = replace(one, id=n, station=s, device=device.model_copy(update={"id": f"d{n}"}))
    return replace(small, stations=stations, channels=channels, rules=())


def minutes(depths: Float64s) -> Entries:
    """depths: (streets, minutes); every street is read every minute, an entry a minute."""
    count, length = depths.shape
    times = [START_MS + k * MIN for k in range(length)]
    time_ms = np.repeat(np.array(times, np.int64), count)
    batch = ReadingBatch.of(time_ms, np.tile(np.arange(1, count + 1), length), depths.T.ravel())
    entry = np.repeat(np.arange(length), count)
    return Entries(batch, entry, [ms + 500 for ms in times], ["gw-1"] * length, [()] * length)


def named(small: Catalogue, depths: Float64s) -> dict[int, float]:
    """The streets under whose sensor a car is found, and after how many minutes it is told."""
    engine = Maintenance(streets(small, len(depths)))
    _, found = engine.step(engine.initial(), minutes(depths))
    cars = (n for _, n in found if n.kind is Kind.PARKED_CAR and n.closed_ms is None)
    return {int(n.place.partition("/")[2]): (n.opened_ms - START_MS) / MIN for n in cars}


def floods() -> Float64s:
    """Every recorded flood by the minute, m, dry before and behind: (events, minutes). The last value holds."""
    events: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with FLOODS.open() as file:
        for row in csv.DictReader(file):
            events[row["event"]].append((float(row["time_s"]) / 60, float(row["depth_cm"]) / 100))
    length = 15 + min(600, max(int(seen[-1][0]) for seen in events.values()))
    out = np.zeros((len(events), length))
    for n, seen in enumerate(events.values()):
        at = np.array([minute for minute, _ in seen])
        last = np.searchsorted(at, np.arange(length - 10), side="right") - 1
        depth = np.array([d for _, d in seen])
        out[n, 10:] = np.where((last >= 0) & (np.arange(length - 10) <= at[-1]), depth[np.maximum(last, 0)], 0.0)
    return out


def warned(depths: Float64s) -> Bools:
    """Which streets reach the lowest level of the demonstration's streets, by the rules of conditions."""
    rule = Rule(id="street", channels=(1,), levels={Level.BLUE: 0.10, Level.YELLOW: 0.15}, on_delay_s=60)
    count = len(depths)
    keys = [ConditionKey(Target.of_channel(c), "street") for c in range(1, count + 1)]
    conditions = Conditions({key: Watched(rule, 60.0, water=True) for key in keys})
    played = minutes(depths)
    found = Findings.of(played.batch.channel.astype(np.int64) - 1, played.batch)
    _, out = conditions.steps(conditions.initial(), found, played.entry, np.array(played.now_ms, np.int64))
    told = np.zeros(count, np.bool_)
    for _, change in out.changes:
        if change.level is not None:
            told[int(change.key.target.id) - 1] = True
    return told


def doubted(depths: Float64s) -> Bools:
    """Which streets hold a level that is doubted for a step, minute by minute: shape (streets, minutes)."""
    rule = Rule(id="street", channels=(1,), levels={Level.BLUE: 0.10, Level.YELLOW: 0.15}, on_delay_s=60)
    keys = [ConditionKey(Target.of_channel(c), "street") for c in range(1, len(depths) + 1)]
    conditions = Conditions({key: Watched(rule, 60.0, water=True) for key in keys})
    state, out = conditions.initial(), np.zeros(depths.shape, np.bool_)
    for minute in range(depths.shape[1]):
        now_ms = START_MS + minute * MIN
        batch = ReadingBatch.of([now_ms] * len(depths), np.arange(1, len(depths) + 1), depths[:, minute])
        found = Findings.of(np.arange(len(depths)), batch)
        state, _ = conditions.steps(state, found, np.zeros(len(depths), np.int64), np.array([now_ms], np.int64))
        out[:, minute] = state.doubt[: len(depths)] == DOUBTS.index(Doubt.STEP)
    return out


def test_cars_lower_certainty_for_as_long_as_they_stand(small_district: Catalogue) -> None:
    cars = [Car.of(seed, comes_s=1200.0) for seed in range(CARS)]
    noise = random.Random("noise")
    depths = np.array([[car.reads(60.0 * k, noise) for k in range(80)] for car in cars])
    found = doubted(depths)
    there = np.array([[23 * 60 <= 60 * k < car.comes_s + car.stays_s for k in range(80)] for car in cars])
    wet = np.array([car.wet_m > 0 for car in cars])
    for kind in (wet, ~wet):
        assert found[kind][there[kind]].mean() >= 0.85
    gone = np.array(
        [[car.wet_m > 0.13 and 60 * k > car.comes_s + car.stays_s + 120 for k in range(80)] for car in cars]
    )
    assert not found[gone].any()


@needs_floods
def test_hardly_a_minute_of_a_flood_is_doubted() -> None:
    depths = floods()
    found = doubted(depths)
    wet = depths >= 0.10
    assert found[wet].mean() <= 0.05, "of the minutes that a recorded flood stands at a level"


def test_cars_are_named(small_district: Catalogue) -> None:
    """At least 85 % of them; those that come onto a wet road as well; within seven minutes."""
    cars = [Car.of(seed, comes_s=1200.0) for seed in range(CARS)]
    noise = random.Random("noise")
    depths = np.array([[car.reads(60.0 * k, noise) for k in range(80)] for car in cars])
    found = named(small_district, depths)
    wet = [n for n, car in enumerate(cars, 1) if car.wet_m]
    assert len(found) >= 0.85 * CARS
    assert len(found.keys() & set(wet)) >= 0.85 * len(wet)
    assert max(found.values()) <= 27
    assert warned(depths).all(), "a doubt silences nothing"


@needs_floods
def test_no_flood_is_silenced_and_hardly_one_is_named_a_car(small_district: Catalogue) -> None:
    depths = floods()
    assert len(depths) == 285
    found = named(small_district, depths)
    assert len(found) <= 4, "so many of 285 stand still right after a step of 17 cm"
    long_enough = np.array([_longest(row >= 0.10) >= 4 for row in depths])
    told = warned(depths)
    assert told[long_enough].all()
    assert all(told[n - 1] for n in found), "those that are taken for a car warn all the same"


def _longest(above: Bools) -> int:
    """Minutes in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(int)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
