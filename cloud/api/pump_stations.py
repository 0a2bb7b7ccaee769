"""The pumps of a station, and which channels tell of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.catalogue.catalogue import Catalogue, ChannelInfo
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity

#: Quantities of one pump each, and what they are called in answers: the first channel of a quantity is the first
#: pump's, and so on.
OF_PUMP: Mapping[Quantity, str] = {
    Quantity.PUMP_RUNNING: "running",
    Quantity.PUMP_FAULT: "fault",
    Quantity.RUN_HOURS: "run_hours",
    Quantity.STARTS: "starts",
    Quantity.CURRENT: "current",
    Quantity.POWER: "power",
}


@dataclass(frozen=True, slots=True)
class Pump:
    """number: its place in the station, from 1. channels: by quantity, those that tell of it."""

    station: Station
    number: int
    channels: Mapping[Quantity, ChannelInfo]

    @property
    def id(self) -> str:
        return f"{self.station.id}/{self.number}"


def pumps_of(catalogue: Catalogue, station: Station) -> list[Pump]:
    """As many as the catalogue says, or as tell that they run, if those are more."""
    each = {quantity: channels_of(catalogue, station, quantity) for quantity in OF_PUMP}
    count = max(station.pumps or 0, len(each[Quantity.PUMP_RUNNING]))
    return [
        Pump(station, n + 1, {quantity: found[n] for quantity, found in each.items() if n < len(found)})
        for n in range(count)
    ]


def channels_of(catalogue: Catalogue, station: Station, quantity: Quantity) -> Sequence[ChannelInfo]:
    """The station's channels of a quantity, in its order."""
    return [c for c in catalogue.station_channels(station.id) if c.quantity is quantity]
