"""What is shown of pumps: which channels say it, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from contract.catalogue.catalogue import Catalogue
from contract.catalogue.places import Station
from contract.catalogue.quantities import Quantity


@dataclass(frozen=True, slots=True)
class PumpChannels:
    """Channel numbers of one pump; None where the station does not measure that."""

    running: int | None
    fault: int | None
    hours: int | None


@dataclass(frozen=True, slots=True)
class PumpStationChannels:
    """Channel numbers of a station with pumps; None where it does not measure that."""

    wet_well: int | None
    mains: int | None
    pumps: tuple[PumpChannels, ...]

    def numbers(self) -> set[int]:
        of_pumps = (c for p in self.pumps for c in (p.running, p.fault, p.hours))
        return {c for c in (self.wet_well, self.mains, *of_pumps) if c is not None}


def pump_channels(catalogue: Catalogue, station: Station) -> PumpStationChannels | None:
    """What the station measures of its pumps, found by quantity; None when it has none.

    The station's first channel that says `pump_running` is of its first pump, and so on; likewise `pump_fault` and
    `run_hours`.
    """
    found: dict[Quantity, list[int]] = {}
    for c in station.channels:
        found.setdefault(catalogue.channels[c.id].quantity, []).append(c.id)
    running, fault, hours = (found.get(q, []) for q in (Quantity.PUMP_RUNNING, Quantity.PUMP_FAULT, Quantity.RUN_HOURS))
    if not running:
        return None
    pumps = tuple(PumpChannels(*of_one) for of_one in zip_longest(running, fault, hours))
    wet_well, mains = (next(iter(found.get(q, [])), None) for q in (Quantity.WET_WELL, Quantity.MAINS))
    return PumpStationChannels(wet_well, mains, pumps)


def pumps_state(station: str, channels: PumpStationChannels, latest: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The pumps of the station of that id as they are; what is unknown is None. latest: channel -> a row of
    /v1/latest."""

    def now(channel: int | None) -> float | None:
        row = None if channel is None else latest[channel]
        return None if row is None or row["state"] == "unknown" else row["value"]

    return {
        "station": station,
        "wet_well_m": now(channels.wet_well),
        "mains": now(channels.mains),
        "pumps": [{"running": now(p.running), "fault": now(p.fault), "hours": now(p.hours)} for p in channels.pumps],
    }
