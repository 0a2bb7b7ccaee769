"""What may go wrong with the instruments of a demonstration, by name: `headwater-sim demo --faults pumps,car`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulators.plant.plant import Plant

# By the storm's clock: since every gateway reads; and the gateway since the start, last, for those behind it are to be
# seen before.
AFTER_S, GATEWAY_AFTER_S = 600.0, 5100.0
CAR_M = 0.62


class Trouble(StrEnum):
    """pumps: both of an underpass trip. gauge: a rain gauge is blocked. car: one parks under a sensor. mains: lost at a
    pump station. echo: a level sensor loses its echo. gateway: one is switched off."""

    PUMPS = "pumps"
    GAUGE = "gauge"
    CAR = "car"
    MAINS = "mains"
    ECHO = "echo"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be named: the kind of a maintenance notice, and its place."""

    kind: str
    place: str


# Where each happens, in the shipped district, and what engineers are to be told of it.
PUMPS, MAINS = "u1-plc", "u2-plc"
GAUGE, CAR, ECHO, GATEWAY = "r1-rain", "s1-level", "s2-level", "gw-south"
WANTED: Mapping[Trouble, Sequence[Wanted]] = {
    Trouble.PUMPS: (Wanted("pump_trip", "pump/u1/1"), Wanted("pump_trip", "pump/u1/2")),
    Trouble.GAUGE: (Wanted("blocked_gauge", "channel/611"),),
    Trouble.CAR: (Wanted("parked_car", "channel/411"),),
    Trouble.MAINS: (Wanted("mains_lost", "station/u2"),),
    Trouble.ECHO: (Wanted("no_value", "channel/421"),),
    Trouble.GATEWAY: (Wanted("gateway_silent", f"gateway/{GATEWAY}"),),
}


def of_text(text: str) -> tuple[Trouble, ...]:
    """`pumps,car`. Raises ValueError on a word that is none."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in list(Trouble):
            raise ValueError(f"--faults {word!r}: there are {', '.join(Trouble)}")
    return tuple(Trouble(word) for word in words)


def happen(plant: Plant, troubles: Sequence[Trouble], seed: int) -> None:
    """All of them now, but for the gateway's."""
    chance = random.Random(f"{seed}:troubles")
    if Trouble.PUMPS in troubles:
        plant.stations[PUMPS].trip()
    if Trouble.MAINS in troubles:
        plant.stations[MAINS].lose_mains()
    if Trouble.GAUGE in troubles:
        total: list[float] = []

        def blocked(held: Mapping[str, float]) -> Mapping[str, float]:
            total.append(held["rain_total"])
            return {**held, "rain_total": total[0]}

        plant.alter(GAUGE, blocked)
    if Trouble.CAR in troubles:
        plant.alter(CAR, lambda held: {**held, "depth": round(CAR_M + chance.uniform(-0.01, 0.01), 3)})
    if Trouble.ECHO in troubles:
        plant.alter(ECHO, lambda held: {**held, "depth": float("nan")})
