"""What a channel may measure: one line a quantity, with its unit, its kind and what it means.

A new quantity is one line in the table `Quantity`. Everything else reads unit and kind from there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator

from contract.refusing import no_such, refusal


class QuantityKind(StrEnum):
    """How values of a quantity are to be taken."""

    STATE = "state"  # how it is at a moment: may be averaged over time, and holds until the next
    AMOUNT = "amount"  # so much in the time since the reading before: may be summed
    COUNTER = "counter"  # a total that rises and may wrap or begin anew: its steps may be summed
    EVENT = "event"  # something that is so or is not, or a code: may be counted, not averaged


_STATE, _AMOUNT, _COUNTER, _EVENT = QuantityKind.STATE, QuantityKind.AMOUNT, QuantityKind.COUNTER, QuantityKind.EVENT


class Quantity(StrEnum):
    """A quantity by its name in configuration files, with `unit` (SI, or what the field uses; "1" for none), `kind` and
    `meaning`. `Quantity(name)` raises ValueError for a name that is none.

    >>> Quantity("depth").unit, Quantity("depth").kind.value
    ('m', 'state')
    """

    unit: str
    kind: QuantityKind
    meaning: str

    __hash__ = str.__hash__  # an enum's own is written in Python, and words are looked up for every place

    def __new__(cls, name: str, unit: str, kind: QuantityKind, meaning: str) -> Self:
        made = str.__new__(cls, name)
        made._value_ = name
        made.unit, made.kind, made.meaning = unit, kind, meaning
        return made

    DEPTH = "depth", "m", _STATE, "water above the road surface"
    STAGE = "stage", "m", _STATE, "river level above datum"
    WET_WELL = "wet_well", "m", _STATE, "level in a pump station's wet well"
    FLOW = "flow", "m3/s", _STATE, "volume that passes a section in a time"
    VELOCITY = "velocity", "m/s", _STATE, "mean velocity of the water"
    RAIN_TOTAL = "rain_total", "mm", _COUNTER, "what a gauge has counted since it was last reset"
    RAIN_INTENSITY = "rain_intensity", "mm/h", _STATE, "rain in a time, as the gauge reckons it"
    RAIN_EVENT = (
        "rain_event",
        "mm",
        _AMOUNT,
        "rain since the reading before, of a gauge that forgets what it told",
    )
    RAIN_SUM = "rain_sum", "mm", _AMOUNT, "rain within the time that a rule says, as a detector finds it"
    RISE_RATE = "rise_rate", "cm/min", _STATE, "how fast water rises, as a detector finds it"
    GATE_POSITION = "gate_position", "%", _STATE, "how far a gate or a valve is open: 0 shut, 100 open"
    PUMP_RUNNING = "pump_running", "1", _EVENT, "1 while a pump runs, else 0"
    PUMP_FAULT = "pump_fault", "1", _EVENT, "1 while a pump is in fault, else 0"
    MAINS = "mains", "1", _EVENT, "1 while powered, 0 while the mains are lost"
    GENERATOR = "generator", "1", _EVENT, "1 while a generator supplies the station, else 0"
    DOOR = "door", "1", _EVENT, "1 while a cabinet's door is open, else 0"
    RUN_HOURS = "run_hours", "h", _COUNTER, "how long a pump has run in its life"
    STARTS = "starts", "1", _COUNTER, "how often a pump has started in its life"
    VOLTAGE = "voltage", "V", _STATE, "of a supply"
    CURRENT = "current", "A", _STATE, "that a motor or a device draws"
    POWER = "power", "kW", _STATE, "active power that a motor or a station draws"
    BATTERY = "battery", "%", _STATE, "charge of a battery that is left"
    TEMPERATURE = "temperature", "°C", _STATE, "of water, air or a device, as its channel says"
    SIGNAL_STRENGTH = "signal_strength", "dBm", _STATE, "received by a radio"
    CODE = "code", "1", _EVENT, "a device's error or status word"


WATER = (Quantity.DEPTH, Quantity.STAGE, Quantity.WET_WELL)  # how high it stands, in metres
FOUND = frozenset({Quantity.RAIN_SUM, Quantity.RISE_RATE})  # what no channel measures: detectors find it


def _known(found: object) -> object:
    names = [q.value for q in Quantity]
    if isinstance(found, str) and found not in names:
        raise refusal(no_such("quantity", found, names))
    return found


# A quantity as a configuration file names it; one that is unknown is refused with those that are near it.
QuantityName = Annotated[Quantity, BeforeValidator(_known)]
