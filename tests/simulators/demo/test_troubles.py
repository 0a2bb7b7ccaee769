"""What may go wrong in a demonstration: words, places and what instruments then read."""

from __future__ import annotations

import pytest

from simulators.demo.troubles import WANTED, Trouble, of_text
from simulators.plant.cars import Car
from simulators.plant.plc import Station
from tests.cloud.maintenance.player import jinshui


def test_words() -> None:
    assert of_text("pumps, car") == (Trouble.PUMPS, Trouble.CAR)
    assert of_text("") == ()
    with pytest.raises(ValueError, match="there are pumps, gauge, car, mains, echo, gateway"):
        of_text("pumps,rain")


def test_every_place_is_in_the_shipped_district() -> None:
    catalogue = jinshui()
    there = {f"gateway/{g}" for g in catalogue.gateways} | {f"channel/{c}" for c in catalogue.channels}
    there |= {f"station/{s}" for s in catalogue.stations}
    there |= {f"pump/{s.id}/{n + 1}" for s in catalogue.stations.values() for n in range(s.pumps or 0)}
    assert {w.place for wanted in WANTED.values() for w in wanted} <= there
    assert WANTED.keys() == set(Trouble)


def test_a_station_that_trips_or_loses_its_mains_runs_no_pump() -> None:
    for fail in (Station.trip, Station.lose_mains):
        station = Station()
        station.step(2.5, 5.0)
        assert any(p.running for p in station.pumps)
        fail(station)
        station.step(3.0, 5.0)
        assert not any(p.running for p in station.pumps)


def test_cars_are_those_of_their_seed() -> None:
    cars = [Car.of(seed) for seed in range(300)]
    assert cars == [Car.of(seed) for seed in range(300)]
    assert all(600 <= c.stays_s <= 48 * 3600 and 0.2 <= c.step_m <= 1.5 for c in cars)
    assert 100 < sum(c.wet_m > 0 for c in cars) < 200
