"""What a real instrument makes of the water: noise, steps, and counters that began before the storm.

Pure but for chance, which every instrument draws from its own seeded source.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from contract.catalogue.devices import DeviceModel
from contract.catalogue.quantities import Quantity
from firmware_bridge.modbus_register import ModbusRegister
from simulators.catchment.signals import Signals

# A device's registers now: name -> value in the channel's unit.
Instrument = Callable[[], Mapping[str, float]]

_NOISE_M = {"us-level-60": 0.003, "pt-level-20": 0.001, "pt-stage-30": 0.002, "hw-node-1": 0.003}


def level_gauge(model: DeviceModel, signals: Signals, names: Mapping[str, str], seed: str) -> Instrument:
    """An ultrasonic or pressure gauge: Gaussian noise, whole millimetres; an empty road reads about zero."""
    chance = random.Random(seed)
    noise_m = _NOISE_M.get(model.model, 0.002)
    started = {r.name for r in model.registers}

    def read() -> Mapping[str, float]:
        out = dict.fromkeys(started, 0.0)
        for name, signal in names.items():
            level = signals.value(signal) + chance.gauss(0, noise_m)
            out[name] = round(max(level, 0.0) if signal.startswith("depth:") else level, 3)
        if "battery" in started:
            out["battery"] = round(3.62 + chance.gauss(0, 0.003), 3)
        return out

    return read


def tipping_bucket(model: DeviceModel, signals: Signals, names: Mapping[str, str], seed: str) -> Instrument:
    """Whole tips, counted on from wherever the counter stood; whatever else the device holds reads 0."""
    counters = [r for r in model.registers if r.quantity is Quantity.RAIN_TOTAL]
    register = next((r for r in counters if r.name in names), counters[0])
    assert isinstance(register, ModbusRegister)  # our rain gauges have counters in registers
    decimals = register.decimals
    tip_mm = register.quality.rain_gauge.tip_mm if register.quality.rain_gauge else register.scale
    wraps_at = register.quality.rain_gauge.wraps_at_mm if register.quality.rain_gauge else None
    before = random.Random(seed).randrange(0, 4000)
    signal = names[register.name]

    def read() -> Mapping[str, float]:
        tips = before + math.floor(signals.value(signal) / tip_mm + 1e-9)
        if wraps_at is not None:
            tips %= round(wraps_at / tip_mm)
        total = round(tips * tip_mm, decimals)
        return {r.name: total if r in counters else 0.0 for r in model.registers}

    return read


def build(model: DeviceModel, signals: Signals, names: Mapping[str, str], seed: str) -> Instrument:
    """The instrument for a device model. Raises KeyError when a rain gauge has no signal."""
    if any(r.quantity is Quantity.RAIN_TOTAL for r in model.registers):
        return tipping_bucket(model, signals, names, seed)
    return level_gauge(model, signals, names, seed)
