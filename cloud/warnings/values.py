"""Values, trends, times and levels in the words of Chinese and English. Pure.

Units are said by quantity: a depth in centimetres, from a metre on in metres; a stage in metres; what is so or is not
(a pump, the mains, a door) in a word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache

from contract.catalogue.names import Language
from contract.catalogue.quantities import WATER, Quantity
from contract.catalogue.rules import Level

LEVELS: Mapping[Language, Mapping[Level, str]] = {
    "zh": {Level.BLUE: "蓝色", Level.YELLOW: "黄色", Level.ORANGE: "橙色", Level.RED: "红色"},
    "en": {level: level.value for level in Level},
}

# Quantity -> what stands before the value.
_NAMES: Mapping[Language, Mapping[Quantity, str]] = {
    "zh": {
        Quantity.DEPTH: "积水",
        Quantity.STAGE: "水位",
        Quantity.WET_WELL: "集水池水位",
        Quantity.FLOW: "流量",
        Quantity.VELOCITY: "流速",
        Quantity.RAIN_TOTAL: "累计雨量",
        Quantity.RAIN_INTENSITY: "雨强",
        Quantity.RAIN_EVENT: "时段雨量",
        Quantity.RAIN_SUM: "雨量",
        Quantity.RISE_RATE: "水位每分钟上涨",
        Quantity.GATE_POSITION: "闸门开度",
        Quantity.RUN_HOURS: "水泵运行",
        Quantity.STARTS: "水泵启动",
        Quantity.VOLTAGE: "电压",
        Quantity.CURRENT: "电流",
        Quantity.POWER: "功率",
        Quantity.BATTERY: "电池电量",
        Quantity.TEMPERATURE: "温度",
        Quantity.SIGNAL_STRENGTH: "信号强度",
        Quantity.CODE: "状态码",
    },
    "en": {
        Quantity.DEPTH: "water",
        Quantity.STAGE: "water level",
        Quantity.WET_WELL: "wet well",
        Quantity.FLOW: "flow",
        Quantity.VELOCITY: "velocity",
        Quantity.RAIN_TOTAL: "total rain",
        Quantity.RAIN_INTENSITY: "rain",
        Quantity.RAIN_EVENT: "rain",
        Quantity.RAIN_SUM: "rain",
        Quantity.RISE_RATE: "water rising",
        Quantity.GATE_POSITION: "gate open",
        Quantity.RUN_HOURS: "pump run",
        Quantity.STARTS: "pump starts",
        Quantity.VOLTAGE: "voltage",
        Quantity.CURRENT: "current",
        Quantity.POWER: "power",
        Quantity.BATTERY: "battery",
        Quantity.TEMPERATURE: "temperature",
        Quantity.SIGNAL_STRENGTH: "signal",
        Quantity.CODE: "status code",
    },
}
# Unit -> decimals, and the unit in words.
_UNITS: Mapping[str, tuple[int, str, str]] = {
    "m": (2, "米", " m"),
    "m/s": (2, "米/秒", " m/s"),
    "m3/s": (2, "立方米/秒", " m3/s"),
    "mm": (1, "毫米", " mm"),
    "cm/min": (1, "厘米", " cm a minute"),
    "mm/h": (1, "毫米/小时", " mm/h"),
    "%": (0, "%", "%"),
    "h": (0, "小时", " h"),
    "V": (1, "伏", " V"),
    "A": (1, "安", " A"),
    "kW": (1, "千瓦", " kW"),
    "°C": (1, "°C", " °C"),
    "dBm": (0, "dBm", " dBm"),
    "1": (0, "", ""),
}
# What is so (above one half) or is not.
_STATES: Mapping[Language, Mapping[Quantity, tuple[str, str]]] = {
    "zh": {
        Quantity.PUMP_RUNNING: ("水泵停机", "水泵运行中"),
        Quantity.PUMP_FAULT: ("水泵正常", "水泵故障"),
        Quantity.MAINS: ("市电中断", "市电正常"),
        Quantity.GENERATOR: ("发电机未供电", "发电机供电"),
        Quantity.DOOR: ("柜门关闭", "柜门打开"),
    },
    "en": {
        Quantity.PUMP_RUNNING: ("pump stopped", "pump running"),
        Quantity.PUMP_FAULT: ("pump in order", "pump fault"),
        Quantity.MAINS: ("mains lost", "mains on"),
        Quantity.GENERATOR: ("generator off", "generator on"),
        Quantity.DOOR: ("cabinet door closed", "cabinet door open"),
    },
}
_MOST_WRITTEN_OUT = 1e6
STEADY_M_PER_MIN = 0.001  # 6 cm an hour: below that no sensor tells a trend from its noise
_BY_THE_MINUTE_M = 0.01


def amount(value: float, quantity: Quantity, language: Language) -> str:
    """A value with its unit, or the word for what is so.

    >>> amount(0.52, Quantity.DEPTH, "zh"), amount(1.464, Quantity.DEPTH, "en"), amount(0, Quantity.MAINS, "en")
    ('52厘米', '1.46 m', 'mains lost')
    """
    state = _STATES[language].get(quantity)
    if state is not None:
        return state[value > 0.5]
    if quantity is Quantity.DEPTH:
        return _metres(value, language)
    decimals, zh, en = _UNITS.get(quantity.unit, (2, f" {quantity.unit}", f" {quantity.unit}"))
    return number(value, decimals) + (zh if language == "zh" else en)


@cache
def nothing(quantity: Quantity, language: Language) -> str:
    """How 0 is said."""
    return amount(0.0, quantity, language)


def named_amount(said: str, quantity: Quantity, language: Language, over_s: float | None = None) -> str:
    """An amount with what it is of, and without where it would be said twice. over_s: of a sum, over how long.

    >>> named_amount("52厘米", Quantity.DEPTH, "zh"), named_amount("108.00 m", Quantity.STAGE, "en")
    ('积水52厘米', 'water level 108.00 m')
    >>> named_amount("62.0毫米", Quantity.RAIN_SUM, "zh", 10_800), named_amount("9.2 mm", Quantity.RAIN_SUM, "en", 900)
    ('3小时雨量62.0毫米', '9.2 mm of rain in 15 min')
    """
    if over_s is not None:
        return f"{_whole_zh(over_s)}雨量{said}" if language == "zh" else f"{said} of rain in {_whole(over_s)}"
    if quantity in _STATES[language]:
        return said
    if language == "en" and quantity is Quantity.DEPTH:
        return f"{said} of water"
    name = name_of(quantity, language)
    return f"{name}{said}" if language == "zh" else f"{name} {said}"


def name_of(quantity: Quantity, language: Language) -> str:
    """What a value is of, in a word."""
    return _NAMES[language].get(quantity, quantity.value)


def trend(rise_per_min: float | None, quantity: Quantity, language: Language) -> str:
    """How water rises or falls; empty where that is unknown, or of what is no level of water.

    >>> trend(0.02, Quantity.DEPTH, "zh"), trend(-0.002, Quantity.DEPTH, "en"), trend(0.0001, Quantity.DEPTH, "en")
    ('每分钟上涨2厘米', 'falling 12 cm an hour', 'steady')
    """
    if rise_per_min is None or not math.isfinite(rise_per_min) or quantity not in WATER:
        return ""
    rate = abs(rise_per_min)
    if rate < STEADY_M_PER_MIN:
        return "水位平稳" if language == "zh" else "steady"
    by_minute = round(rate, 4) >= _BY_THE_MINUTE_M
    said = _metres(rate if by_minute else rate * 60, language)
    rises = rise_per_min > 0
    if language == "zh":
        return f"{'每分钟' if by_minute else '每小时'}{'上涨' if rises else '回落'}{said}"
    return f"{'rising' if rises else 'falling'} {said} {'a minute' if by_minute else 'an hour'}"


def rises(rise_per_min: float | None, quantity: Quantity) -> bool:
    return rise_per_min is not None and quantity in WATER and rise_per_min >= STEADY_M_PER_MIN


def moment(time: datetime, today: date, language: Language) -> str:
    """A local time, with its date when that is not today's. Both of one time zone.

    >>> moment(datetime(2021, 7, 18, 8, 29), date(2021, 7, 20), "en")
    '08:29 on 18 July'
    """
    clock = f"{time.hour:02}:{time.minute:02}"
    if time.date() == today:
        return clock
    if language == "zh":
        year = "" if time.year == today.year else f"{time.year}年"
        return f"{year}{time.month}月{time.day}日{clock}"
    year = "" if time.year == today.year else f" {time.year}"
    return f"{clock} on {time.day} {_MONTHS[time.month - 1]}{year}"


def span(seconds: float, language: Language) -> str:
    """How long something lasted, to the minute.

    >>> span(11_580, "zh"), span(11_580, "en")
    ('3小时13分钟', '3 h 13 min')
    """
    minutes = max(1, round(seconds / 60))
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    units = ("天", "小时", "分钟") if language == "zh" else (" d", " h", " min")
    parts = [f"{n}{unit}" for n, unit in zip((days, hours, minutes), units, strict=True) if n]
    return ("" if language == "zh" else " ").join(parts)


def clip(text: str, most: int, ellipsis: str = "…") -> str:
    """A text of `most` characters at most; a longer one ends in an ellipsis."""
    return text if len(text) <= most else text[: most - len(ellipsis)].rstrip(" ，,;；。.") + ellipsis


def rarity(years: float | None, language: Language) -> str:
    """How rare rain is, by its return period; empty where that is unknown, or it falls more than once a year.

    >>> rarity(18.7, "zh"), rarity(3.2, "en"), rarity(250.0, "en"), rarity(0.8, "en")
    ('约20年一遇', 'about once in 3 years', 'rarer than once in 100 years', '')
    """
    if years is None or years < 1:
        return ""
    if years > 100:
        return "超过100年一遇" if language == "zh" else "rarer than once in 100 years"
    said = round(years) if years < 10 else 5 * round(years / 5)
    if said == 1:
        return "约1年一遇" if language == "zh" else "about once a year"
    return f"约{said}年一遇" if language == "zh" else f"about once in {said} years"


def _whole(seconds: float) -> str:
    """A rule's window: 24 hours are not called a day, which begins at midnight."""
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def _whole_zh(seconds: float) -> str:
    return f"{seconds / 3600:g}小时" if seconds >= 3600 else f"{seconds / 60:g}分钟"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _metres(value: float, language: Language) -> str:
    if round(abs(value), 3) < 0.995:
        return f"{number(value * 100, 0)}{'厘米' if language == 'zh' else ' cm'}"
    return f"{number(value, 2)}{'米' if language == 'zh' else ' m'}"


def number(value: float, decimals: int) -> str:
    """With so many decimals; no water or rain has a million of anything, and what a broken or forged gauge says must
    leave room in a message for the other places.

    >>> number(-0.001, 2), number(1.7e308, 2)
    ('0.00', '1.7e+308')
    """
    text = f"{value:.{decimals}f}" if abs(value) < _MOST_WRITTEN_OUT else f"{value:.1e}"
    return text[1:] if text[0] == "-" and float(text) == 0 else text
