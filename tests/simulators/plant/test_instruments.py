"""What instruments make of water whose level is known."""

from __future__ import annotations

import statistics

import pytest

from contract.catalogue.catalogue import Catalogue
from host.district_folder import load
from simulators.catchment.signals import ConstantSignals
from simulators.cli.main import DISTRICT
from simulators.plant.instruments import build


@pytest.fixture(scope="module")
def jinshui() -> Catalogue:
    return load(DISTRICT)


def test_a_level_gauge_reads_the_water_with_its_noise_in_whole_millimetres(jinshui: Catalogue) -> None:
    water = ConstantSignals({"depth:n": 0.5})
    read = build(jinshui.models["us-level-60"], water, {"depth": "depth:n"}, "seed")
    levels = [read()["depth"] for _ in range(2000)]
    assert all(v == round(v, 3) for v in levels)
    # Noise of 3 mm: the mean of 2000 is within 4 standard errors of the truth, the spread within a tenth.
    assert statistics.mean(levels) == pytest.approx(0.5, abs=4 * 0.003 / 2000**0.5)
    assert statistics.stdev(levels) == pytest.approx(0.003, rel=0.1)


def test_an_empty_road_never_reads_below_zero_but_a_stage_may(jinshui: Catalogue) -> None:
    road = build(jinshui.models["us-level-60"], ConstantSignals(), {"depth": "depth:n"}, "seed")
    assert min(road()["depth"] for _ in range(200)) == 0.0
    well = build(jinshui.models["pt-stage-30"], ConstantSignals(), {"stage": "stage:n"}, "seed")
    assert min(well()["stage"] for _ in range(200)) < 0.0


def test_registers_without_a_signal_read_zero(jinshui: Catalogue) -> None:
    read = build(jinshui.models["us-level-60"], ConstantSignals(), {"depth": "depth:n"}, "seed")
    assert read()["code"] == 0.0


def test_one_seed_is_one_instrument(jinshui: Catalogue) -> None:
    def series(seed: str) -> list[float]:
        read = build(jinshui.models["us-level-60"], ConstantSignals({"depth:n": 1.0}), {"depth": "depth:n"}, seed)
        return [read()["depth"] for _ in range(20)]

    assert series("a") == series("a")
    assert series("a") != series("b")


def test_a_rain_gauge_counts_whole_tips_on_from_where_it_stood(jinshui: Catalogue) -> None:
    model = jinshui.models["tb-rain-02"]
    register = model.registers[0]
    assert register.quality.rain_gauge is not None
    tip_mm = register.quality.rain_gauge.tip_mm
    water = ConstantSignals()
    read = build(model, water, {register.name: "rain:g"}, "seed")
    before = read()[register.name]
    gained = []
    for rain_tips in (0.99, 1.0, 1.5, 2.0, 10.0):
        water.values["rain:g"] = rain_tips * tip_mm
        gained.append(round((read()[register.name] - before) / tip_mm))
    assert gained == [0, 1, 1, 2, 10]


def test_a_rain_gauge_wraps_where_its_counter_ends(jinshui: Catalogue) -> None:
    model = next(
        m
        for m in jinshui.models.values()
        for r in m.registers
        if r.quality.rain_gauge is not None and r.quality.rain_gauge.wraps_at_mm is not None
    )
    register = next(r for r in model.registers if r.quality.rain_gauge is not None)
    assert register.quality.rain_gauge is not None
    wraps_at_mm = register.quality.rain_gauge.wraps_at_mm
    assert wraps_at_mm is not None
    water = ConstantSignals()
    read = build(model, water, {register.name: "rain:g"}, "seed")
    before = read()[register.name]
    water.values["rain:g"] = wraps_at_mm  # once round
    assert read()[register.name] == before
    water.values["rain:g"] = wraps_at_mm - before  # to the end of the counter
    assert read()[register.name] == 0.0


def test_a_rain_gauge_needs_rain(jinshui: Catalogue) -> None:
    with pytest.raises(KeyError):
        build(jinshui.models["tb-rain-01"], ConstantSignals(), {}, "seed")
