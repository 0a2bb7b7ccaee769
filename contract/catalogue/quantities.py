"""What a channel may measure, and in which unit."""

from __future__ import annotations

from enum import StrEnum


class Quantity(StrEnum):
    """What a channel measures; its unit follows from it."""

    DEPTH = "depth"  # water above the road surface, m
    STAGE = "stage"  # river level above datum, m
    WET_WELL = "wet_well"  # level in a pump station's wet well, m
    RAIN_TOTAL = "rain_total"  # what a gauge has counted since it was last reset, mm; wraps
    PUMP_RUNNING = "pump_running"  # 0 or 1
    PUMP_FAULT = "pump_fault"  # 0 or 1
    MAINS = "mains"  # 1 powered, 0 lost
    RUN_HOURS = "run_hours"  # h, counts up
    STARTS = "starts"  # counts up
    VOLTAGE = "voltage"  # V
    CODE = "code"  # a device's error or status word


UNITS = {
    Quantity.DEPTH: "m",
    Quantity.STAGE: "m",
    Quantity.WET_WELL: "m",
    Quantity.RAIN_TOTAL: "mm",
    Quantity.PUMP_RUNNING: "1",
    Quantity.PUMP_FAULT: "1",
    Quantity.MAINS: "1",
    Quantity.RUN_HOURS: "h",
    Quantity.STARTS: "1",
    Quantity.VOLTAGE: "V",
    Quantity.CODE: "1",
}
