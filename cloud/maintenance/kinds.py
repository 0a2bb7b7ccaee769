"""What may be wrong with an instrument, a pump or a gateway: one line a kind, with who is told and the words. Pure.

Nothing here warns the public. What of a pump station is to, its well at the level at which it drains back, is a rule
like any other in `rules.yaml`: `quantity: wet_well`. A new kind is one line in `Kind`, and the module that finds it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Audience(StrEnum):
    """Who is to act. Both get maintenance notices only, never the public."""

    OPERATORS = "operators"  # whoever runs the district now: water may come of it
    ENGINEERS = "engineers"  # whoever mends it, in working hours


class Kind(StrEnum):
    """audience: who is to act. after_s: how long it must stand before it is told. en, zh: what is wrong, in words.

    >>> kind_of("gateway_silent").audience.value
    'operators'
    """

    audience: Audience
    after_s: float
    en: str
    zh: str

    __hash__ = str.__hash__

    def __new__(cls, name: str, audience: Audience, after_s: float, en: str, zh: str) -> Self:
        made = str.__new__(cls, name)
        made._value_ = name
        made.audience, made.after_s, made.en, made.zh = audience, after_s, en, zh
        return made

    # Of a pump station, or of one of its pumps.
    NOT_RUNNING = "pump_not_running", Audience.OPERATORS, 60, "a pump should run and does not", "水泵应开未开"
    TRIP = "pump_trip", Audience.OPERATORS, 10, "pump tripped (fault)", "水泵故障跳闸"
    OVERLOAD = "pump_overload", Audience.ENGINEERS, 60, "pump draws more current than it may", "水泵电流过载"
    NO_DRAWDOWN = "no_drawdown", Audience.ENGINEERS, 0, "pump runs and the well does not fall", "水泵运行但水位不降"
    LONG_RUN = "long_run", Audience.ENGINEERS, 0, "pump has run for more than 2 h", "水泵连续运行超过2小时"
    SHORT_CYCLING = "short_cycling", Audience.ENGINEERS, 0, "pump starts too often in an hour", "水泵启停过于频繁"
    ALTERNATION = "alternation_skipped", Audience.ENGINEERS, 0, "the same pump starts first each time", "水泵未轮换启动"
    MAINS_LOST = "mains_lost", Audience.OPERATORS, 10, "mains lost", "市电中断"
    GENERATOR_ON = "generator_on", Audience.OPERATORS, 10, "runs on its generator", "发电机供电中"
    INFLOW = (
        "inflow_above_capacity",
        Audience.OPERATORS,
        0,
        "all pumps run and the well still rises: more comes than they move",
        "水泵全开水位仍上涨：来水超过排水能力",
    )
    DRAINS_BACK = (
        "wet_well_drains_back",
        Audience.OPERATORS,
        30,
        "the wet well stands at the level at which it drains back to the road",
        "集水井水位已达倒灌路面高程",
    )
    PUMPS_UNKNOWN = (
        "pumps_unknown",
        Audience.OPERATORS,
        120,
        "no communication with the pumps: that is no proof that they are well",
        "水泵通信中断：不能证明其正常",
    )

    # Silence, against each channel's own cadence.
    GATEWAY_SILENT = "gateway_silent", Audience.OPERATORS, 0, "gateway is silent", "网关无数据"
    DEVICE_SILENT = "device_silent", Audience.ENGINEERS, 60, "device does not answer", "设备无应答"
    SENSOR_SILENT = "sensor_silent", Audience.ENGINEERS, 60, "sensor is silent", "传感器无数据"
    NO_VALUE = (
        "no_value",
        Audience.ENGINEERS,
        300,
        "sensor answers, but measures nothing: lost echo?",
        "传感器无有效读数",
    )

    # Doubt: data that are believed less. They warn all the same.
    PARKED_CAR = (
        "parked_car",
        Audience.ENGINEERS,
        0,
        "a step to a constant depth: a parked car, or something under the sensor",
        "水深突变后保持不变：疑似车辆停放遮挡",
    )
    BLOCKED_GAUGE = (
        "blocked_gauge",
        Audience.ENGINEERS,
        0,
        "rain gauge reads next to nothing while its neighbours rain: blocked?",
        "邻站有雨而本站几乎无雨：疑似堵塞",
    )
    STUCK = "stuck_value", Audience.ENGINEERS, 0, "the value has not moved for a day", "读数一天未变：疑似卡死"
    ZERO_DRIFT = (
        "zero_drift",
        Audience.ENGINEERS,
        0,
        "reads water for days while its neighbours are dry: zero has drifted, or silt",
        "邻站干燥而本站多日有读数：零点漂移或淤积",
    )
    AGAINST_NEIGHBOURS = (
        "against_neighbours",
        Audience.ENGINEERS,
        0,
        "deep water with dry neighbours and no rain: a wrong sensor, or a burst main",
        "无雨且邻站干燥却有深水：传感器异常或管道爆裂",
    )


_BY_NAME = {kind.value: kind for kind in Kind}


def kind_of(name: str) -> Kind:
    """The kind of this name. Raises KeyError on one that is none."""
    return _BY_NAME[name]
