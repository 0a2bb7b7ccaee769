"""Rain with a known truth, and what its gauge says of it, minute by minute."""

from __future__ import annotations

import random

import pytest

from contract.readings import Flag
from simulators.promise.warnings.rain import (
    WRAPS_AT_MM,
    Burst,
    Gauge,
    GaugeFault,
    GaugeSpell,
    Rain,
    some_gauge,
    some_rain,
)
from simulators.promise.warnings.water import MINUTE_MS

HOUR = Rain((Burst(10 * MINUTE_MS, 20 * MINUTE_MS, 60.0),))  # a millimetre a minute for ten minutes


def shown(gauge: Gauge, *minutes: int) -> list[float]:
    return [
        row.value
        for minute in range(max(minutes) + 1)
        for row in gauge.measure(minute * MINUTE_MS)
        if minute in minutes
    ]


@pytest.mark.parametrize(("minute", "mm"), [(0, 0.0), (10, 0.0), (15, 5.0), (20, 10.0), (99, 10.0)])
def test_what_has_fallen(minute: int, mm: float) -> None:
    assert HOUR.until_mm(minute * MINUTE_MS) == pytest.approx(mm)


def test_a_gauge_counts_whole_tips() -> None:
    slow = Gauge(7, Rain((Burst(0, 60 * MINUTE_MS, 6.0),)), 40.0, ())  # 0.1 mm a minute, 0.2 a tip
    assert shown(slow, 0, 1, 2, 3, 4) == [40.0, 40.0, 40.2, 40.2, 40.4]


def test_a_gauge_goes_round() -> None:
    assert shown(Gauge(7, HOUR, WRAPS_AT_MM - 4.0, ()), 13, 14, 15) == [13106.2, 0.0, 1.0]


def test_faults() -> None:
    def under(fault: GaugeFault) -> Gauge:
        return Gauge(7, HOUR, 40.0, [GaugeSpell(fault, 15 * MINUTE_MS, 17 * MINUTE_MS)])

    assert shown(under(GaugeFault.RESET), 14, 15, 16, 20) == [44.0, 0.0, 1.0, 5.0]
    assert shown(under(GaugeFault.MISS), 14, 15, 17, 20) == [44.0, 44.4, 45.4, 48.4]
    assert shown(under(GaugeFault.DEAD), 14, 15, 17, 20) == [44.0, 50.0]
    for fault, flag in ((GaugeFault.FAIL, Flag.FAIL), (GaugeFault.SUSPECT, Flag.SUSPECT)):
        assert under(fault).measure(15 * MINUTE_MS)[0].flag == flag
        assert under(fault).measure(18 * MINUTE_MS)[0].flag == Flag.PASS
    assert under(GaugeFault.MISS).sound(18 * MINUTE_MS, 90 * MINUTE_MS)
    assert not under(GaugeFault.MISS).sound(0, 16 * MINUTE_MS)


def test_it_is_over_a_quarter_of_an_hour_before_the_end() -> None:
    for seed in range(200):
        rain = some_rain(random.Random(seed), 0, 60)
        assert all(b.from_ms < b.to_ms <= 45 * MINUTE_MS for b in rain.bursts)


def test_a_gauge_near_its_wrap_is_sound_all_the_while() -> None:
    gauges = [some_gauge(random.Random(seed), 7, 0, 60) for seed in range(200)]
    near = [g for g in gauges if g.measure(0)[:1] and g.measure(0)[0].value > WRAPS_AT_MM - 20]
    assert 20 < len(near) < 120
    assert all(not g.spells for g in near)
