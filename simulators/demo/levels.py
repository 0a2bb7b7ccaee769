"""How soon people were told: when the water itself reached a level, and when a message first said so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloud.warnings.model import Message, MsgType
from contract.catalogue.catalogue import Catalogue
from contract.catalogue.rules import Level
from simulators.catchment.record import WaterRecord
from simulators.catchment.signals import Simulation


@dataclass(frozen=True, slots=True)
class Rise:
    """The water at a channel reached a level, for the first time in the run.

    truth_ms: when, UTC. stood_s: how long it then stood at or above. told_ms: when a message first told of that place
    at that level or above; None: none did. renewal: was it one that said nothing else that is new?
    """

    channel: int
    level: Level
    truth_ms: int
    stood_s: float
    told_ms: int | None
    renewal: bool

    def as_json(self) -> dict[str, int | float | str | bool | None]:
        return {
            "channel": self.channel,
            "level": self.level.value,
            "truth_ms": self.truth_ms,
            "told_ms": self.told_ms,
            "stood_s": self.stood_s,
            "renewal": self.renewal,
        }


def watched(catalogue: Catalogue, simulation: Simulation) -> dict[int, str]:
    """The channels whose values rules compare with levels, and the signal of the water that each stands in."""
    out = {}
    for number, info in catalogue.channels.items():
        signal = simulation.signals.get(info.device.id, {}).get(info.register.name, "")
        if signal.startswith("depth:") and catalogue.thresholds(number):
            out[number] = signal
    return out


def rises(
    catalogue: Catalogue, signal_of: Mapping[int, str], water: WaterRecord, messages: Sequence[Message]
) -> list[Rise]:
    """By channel, then by level, mildest first. messages: oldest first."""
    column = {name: n for n, name in enumerate(water.names)}
    told = first_told(messages)
    out = []
    for channel, signal in sorted(signal_of.items()):
        depth_m = water.depth_m[:, column[signal]]
        for level, threshold_m in sorted(catalogue.thresholds(channel).items(), key=lambda item: item[1]):
            above = (depth_m >= threshold_m).nonzero()[0]
            if not len(above):
                continue
            start = int(above[0])
            below = (depth_m[start:] < threshold_m).nonzero()[0]
            end = start + int(below[0]) if len(below) else len(depth_m) - 1
            first_ms = int(water.time_ms[start])
            by = told.get((channel, level))
            stood_s = (int(water.time_ms[end]) - first_ms) / 1000
            told_ms = None if by is None else by.sent_ms
            out.append(Rise(channel, level, first_ms, stood_s, told_ms, by is not None and by.renewal))
    return out


def first_told(messages: Iterable[Message]) -> dict[tuple[int, Level], Message]:
    """By channel and level, the message that first told of that place at that level or above."""
    out: dict[tuple[int, Level], Message] = {}
    for m in messages:
        if m.msg_type is MsgType.CANCEL:
            continue
        for e in m.evidence:
            if e.channel is not None:
                for level in Level:
                    if level.rank <= e.level.rank:
                        out.setdefault((e.channel, level), m)
    return out


def worst_s(found: Iterable[Rise]) -> float | None:
    """The longest time from truth to message, of what was told of; None when nothing was."""
    return max(((r.told_ms - r.truth_ms) / 1000 for r in found if r.told_ms is not None), default=None)
