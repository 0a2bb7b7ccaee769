"""What goes wrong, when, and for how long: chosen by a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    AGENT_KILLED = "agent_killed"
    CLOUD_KILLED = "cloud_killed"
    BROKER_KILLED = "broker_killed"
    BROKER_FORGETS = "broker_forgets"  # killed, and its queue is lost
    LINK_CUT = "link_cut"
    LINK_SLOW = "link_slow"
    LINK_HALF_OPEN = "link_half_open"  # nobody is told; only silence shows it


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault: at_s after the start, mended for_s later. gateway: of an agent's fault, else empty."""

    at_s: float
    for_s: float
    kind: Kind
    gateway: str = ""


def plan(seed: int, gateways: Sequence[str], span_s: float, blows: int = 6) -> list[Blow]:
    """In order of time. Faults of different parts overlap; a part that is down is not killed twice."""
    dice = random.Random(seed)
    out: list[Blow] = []
    busy: dict[str, float] = {}
    for at_s in sorted(dice.uniform(0, span_s) for _ in range(blows)):
        kind = dice.choice(list(Kind))
        gateway = dice.choice(sorted(gateways)) if kind is Kind.AGENT_KILLED else ""
        part = gateway or kind.value.partition("_")[0]
        if busy.get(part, 0.0) > at_s:
            continue
        for_s = dice.uniform(0.3, 3.0)
        busy[part] = at_s + for_s + 1.0
        out.append(Blow(at_s, for_s, kind, gateway))
    return out
