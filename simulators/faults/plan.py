"""What goes wrong, when, and for how long: chosen by a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    AGENT_KILLED = "agent_killed"
    CLOUD_KILLED = "cloud_killed"
    BROKER_KILLED = "broker_killed"
    BROKER_FORGETS = "broker_forgets"  # killed, and its queue is lost
    LINK_CUT = "link_cut"
    LINK_SLOW = "link_slow"
    LINK_HALF_OPEN = "link_half_open"  # nobody is told; only silence shows it
    # Power cuts after which the machine's clock is wrong, and stays so.
    BOOT_1970 = "boot_1970"
    BOOT_DAY_BEHIND = "boot_day_behind"
    BOOT_DAY_AHEAD = "boot_day_ahead"
    BOOT_FAST = "boot_fast"  # 200 ppm
    # The wall clock of a running machine is set wrong, and back.
    STEP_BEHIND = "step_behind"
    STEP_AHEAD = "step_ahead"
    # The same of the cloud's machine.
    CLOUD_STEP_BEHIND = "cloud_step_behind"
    CLOUD_STEP_AHEAD = "cloud_step_ahead"
    # The warning centre, and what its people change.
    CENTRE_REFUSES = "centre_refuses"  # 503 to every message
    CENTRE_POISONED = "centre_poisoned"  # 422 to the first message that comes, whenever it comes again
    CENTRE_GONE = "centre_gone"  # 410, as a maintenance page may say
    CENTRE_SILENT = "centre_silent"  # takes a message and never answers
    RULES_RAISED = "rules_raised"  # every level of every rule, and the cloud started again in the middle of it all
    # Two power cuts and no link between: what is read there may never be dated.
    ALONE_1970 = "alone_1970"
    ALONE_DAY_BEHIND = "alone_day_behind"
    ALONE_DAY_AHEAD = "alone_day_ahead"


_DAY_MS = 86_400_000
# By how much the wall clock is off then, ms; None: it shows 1970.
WALL_MS: dict[FaultKind, int | None] = {
    FaultKind.BOOT_1970: None,
    FaultKind.BOOT_DAY_BEHIND: -_DAY_MS,
    FaultKind.BOOT_DAY_AHEAD: _DAY_MS,
    FaultKind.BOOT_FAST: 0,
    FaultKind.STEP_BEHIND: -_DAY_MS,
    FaultKind.STEP_AHEAD: _DAY_MS,
    FaultKind.ALONE_1970: None,
    FaultKind.ALONE_DAY_BEHIND: -_DAY_MS,
    FaultKind.ALONE_DAY_AHEAD: _DAY_MS,
}
FAST_PPM = 200.0
CLOCKS = tuple(WALL_MS)
CLOUD_STEPS = {FaultKind.CLOUD_STEP_BEHIND: -_DAY_MS // 3, FaultKind.CLOUD_STEP_AHEAD: _DAY_MS // 3}
ALONE = (FaultKind.ALONE_1970, FaultKind.ALONE_DAY_BEHIND, FaultKind.ALONE_DAY_AHEAD)
CENTRE = (
    FaultKind.CENTRE_REFUSES,
    FaultKind.CENTRE_POISONED,
    FaultKind.CENTRE_GONE,
    FaultKind.CENTRE_SILENT,
)
_ASKED_FOR = (*CLOCKS, *CLOUD_STEPS, *CENTRE, FaultKind.RULES_RAISED)
PROCESSES = tuple(k for k in FaultKind if k not in _ASKED_FOR)
_OF_AGENTS = (FaultKind.AGENT_KILLED, *CLOCKS)


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault: at_s after the start, mended for_s later. gateway: of an agent's fault, else empty."""

    at_s: float
    for_s: float
    kind: FaultKind
    gateway: str = ""


def plan(
    seed: int, gateways: Sequence[str], span_s: float, blows: int = 6, clocks: bool = False, centre: bool = False
) -> list[Blow]:
    """In order of time. Faults of different parts overlap; a part that is down is not killed twice.

    clocks: every second fault is one of a gateway's clock, and one more steps the cloud's, whatever else befalls it.
    centre: two more: the warning centre fails for a while, and the rules are changed when the cloud is next at rest.
    """
    dice = random.Random(seed)
    out: list[Blow] = []
    busy: dict[str, float] = {}
    for i, at_s in enumerate(sorted(dice.uniform(0, span_s) for _ in range(blows))):
        kind = dice.choice(CLOCKS if clocks and i % 2 else PROCESSES)
        gateway = dice.choice(sorted(gateways)) if kind in _OF_AGENTS else ""
        parts = [gateway, "link"] if kind in ALONE else [gateway or kind.value.partition("_")[0]]
        if any(busy.get(part, 0.0) > at_s for part in parts):
            continue
        for_s = dice.uniform(4.0, 6.0) if kind in ALONE else dice.uniform(0.3, 3.0)
        busy |= dict.fromkeys(parts, at_s + for_s + 1.0)
        out.append(Blow(at_s, for_s, kind, gateway))
    if clocks:
        step = dice.choice(sorted(CLOUD_STEPS))
        out.append(Blow(dice.uniform(0, span_s), dice.uniform(1.0, 3.0), step))
    if centre:
        ailing_s = dice.uniform(span_s / 2, span_s)  # by then there is something to tell
        out.append(Blow(ailing_s, dice.uniform(2.0, 6.0), dice.choice(CENTRE)))
        at_rest_s = max(dice.uniform(0, span_s), busy.get("cloud", 0.0))
        out.append(Blow(at_rest_s, dice.uniform(0.3, 1.0), FaultKind.RULES_RAISED))
    return sorted(out, key=lambda blow: blow.at_s)
