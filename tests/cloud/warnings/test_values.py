"""Values in words: a unit by quantity, dates where the day is another, no trend where none can be told."""

from __future__ import annotations

import doctest
from datetime import datetime

import pytest

from cloud.warnings import values
from contract.catalogue.names import Language
from contract.catalogue.quantities import Quantity

NOW = datetime(2021, 7, 20, 9, 0)


def test_the_examples_hold() -> None:
    assert doctest.testmod(values).failed == 0


def said(value: float, quantity: Quantity, language: Language) -> str:
    return values.named_amount(values.amount(value, quantity, language), quantity, language)


@pytest.mark.parametrize(
    ("value", "quantity", "zh", "en"),
    [
        (0.0, Quantity.DEPTH, "积水0厘米", "0 cm of water"),
        (-0.001, Quantity.DEPTH, "积水0厘米", "0 cm of water"),
        (0.523, Quantity.DEPTH, "积水52厘米", "52 cm of water"),
        (0.994, Quantity.DEPTH, "积水99厘米", "99 cm of water"),
        (0.996, Quantity.DEPTH, "积水1.00米", "1.00 m of water"),
        (4.5, Quantity.DEPTH, "积水4.50米", "4.50 m of water"),
        (108.0, Quantity.STAGE, "水位108.00米", "water level 108.00 m"),
        (86.62, Quantity.FLOW, "流量86.62立方米/秒", "flow 86.62 m3/s"),
        (1234.5, Quantity.RAIN_TOTAL, "累计雨量1234.5毫米", "total rain 1234.5 mm"),
        (72.0, Quantity.RAIN_INTENSITY, "雨强72.0毫米/小时", "rain 72.0 mm/h"),
        (1.0, Quantity.PUMP_FAULT, "水泵故障", "pump fault"),
        (0.0, Quantity.PUMP_RUNNING, "水泵停机", "pump stopped"),
        (1.0, Quantity.PUMP_RUNNING, "水泵运行中", "pump running"),
        (0.0, Quantity.MAINS, "市电中断", "mains lost"),
        (40.0, Quantity.GATE_POSITION, "闸门开度40%", "gate open 40%"),
        (11.5, Quantity.VOLTAGE, "电压11.5伏", "voltage 11.5 V"),
        (5.0, Quantity.CODE, "状态码5", "status code 5"),
        # A forged gauge leaves room in the message for the other places.
        (1.7e308, Quantity.DEPTH, "积水1.7e+308米", "1.7e+308 m of water"),
        (-(2.0**31), Quantity.STAGE, "水位-2.1e+09米", "water level -2.1e+09 m"),
    ],
)
def test_every_value_has_its_unit(value: float, quantity: Quantity, zh: str, en: str) -> None:
    assert said(value, quantity, "zh") == zh
    assert said(value, quantity, "en") == en


@pytest.mark.parametrize("rise", [float("inf"), float("-inf"), float("nan")])
def test_between_values_that_cannot_be_there_is_no_trend(rise: float) -> None:
    assert values.trend(rise, Quantity.DEPTH, "en") == ""


def test_every_quantity_has_words_in_both_languages() -> None:
    for quantity in Quantity:
        for value in (0.0, 1.0):
            zh, en = (said(value, quantity, language) for language in ("zh", "en"))
            assert quantity.value not in zh, "a name that is still English"
            assert en
        assert quantity.unit in values._UNITS


@pytest.mark.parametrize(
    ("rise", "quantity", "en"),
    [
        (0.12, Quantity.DEPTH, "rising 12 cm a minute"),
        (0.0099, Quantity.DEPTH, "rising 59 cm an hour"),
        (0.01, Quantity.DEPTH, "rising 1 cm a minute"),
        (-0.004, Quantity.STAGE, "falling 24 cm an hour"),
        (-0.0005, Quantity.DEPTH, "steady"),
        (0.02, Quantity.WET_WELL, "rising 2 cm a minute"),
        (None, Quantity.DEPTH, ""),
        (3.0, Quantity.RAIN_TOTAL, ""),
    ],
)
def test_a_trend_is_of_water_and_by_what_can_be_seen(rise: float | None, quantity: Quantity, en: str) -> None:
    assert values.trend(rise, quantity, "en") == en


def test_another_day_has_its_date_and_another_year_its_year() -> None:
    assert values.moment(datetime(2021, 7, 20, 8, 29), NOW.date(), "zh") == "08:29"
    assert values.moment(datetime(2021, 7, 18, 8, 29), NOW.date(), "zh") == "7月18日08:29"
    assert values.moment(datetime(2020, 12, 31, 8, 29), NOW.date(), "zh") == "2020年12月31日08:29"
    assert values.moment(datetime(2020, 12, 31, 8, 29), NOW.date(), "en") == "08:29 on 31 December 2020"


def test_spans_and_clips() -> None:
    assert [values.span(s, "zh") for s in (10, 3600, 90_060)] == ["1分钟", "1小时", "1天1小时1分钟"]
    assert values.clip("Jingguang Road", 9) == "Jingguan…"
    assert values.clip("Jingguang", 9) == "Jingguang"
