"""What a device said when somebody asked for it at once: request by request, and value by value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.catalogue.catalogue import ChannelInfo
from contract.readings import Flag, ReadingBatch
from edge_agent.drivers.base import Asked, DeviceInfo
from edge_agent.processing.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class NowValue:
    """value: None where none came. flag: of the quality tests that need no earlier readings. otherwise: how else the
    words may be meant, where the value cannot be."""

    name: str
    value: float | None
    unit: str
    flag: int
    otherwise: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AskedNow:
    """One poll of a device. reads: with every try that failed."""

    device: str
    unit: int | str
    reads: tuple[Asked, ...]
    values: tuple[NowValue, ...]
    identity: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """Plain values: device, unit, reads (table, address, count, words, fault, ms), values (name, value, unit,
        flag; otherwise, where there is something to say); identity, where there is one."""
        return {
            "device": self.device,
            "unit": self.unit,
            "reads": [
                {
                    "table": r.table,
                    "address": r.address,
                    "count": r.count,
                    "words": None if r.words is None else list(r.words),
                    "fault": None if r.fault is None else str(r.fault),
                    "ms": round(r.ms, 1),
                }
                for r in self.reads
            ],
            "values": [
                {"name": v.name, "value": v.value, "unit": v.unit, "flag": v.flag}
                | ({"otherwise": list(v.otherwise)} if v.otherwise else {})
                for v in self.values
            ],
            **({"identity": dict(self.identity)} if self.identity else {}),
        }


def asked_now(
    info: DeviceInfo,
    asked: Sequence[Asked],
    gathered: Sequence[ReadingBatch],
    identity: Mapping[str, str] | None = None,
) -> AskedNow:
    """identity: by which texts the device tells who it is. gathered: the readings of the poll, those of missing values
    among them; the last of a channel counts."""
    found: dict[int, tuple[float, int]] = {}
    if gathered:
        pipeline = Pipeline(info.channels)
        state = pipeline.initial()
        for batch in gathered:
            state, processed = pipeline.step(state, batch)
            flagged = processed.readings
            for channel, value, flag in zip(
                flagged.channel.tolist(), flagged.value.tolist(), flagged.flag.tolist(), strict=True
            ):
                found[channel] = (value, flag)
    values = []
    for c in info.channels:
        value, flag = found.get(c.id, (math.nan, int(Flag.MISSING)))
        shown = None if math.isnan(value) else value
        values.append(NowValue(c.register.name, shown, c.quantity.unit, flag, _otherwise(c, asked)))
    return AskedNow(info.device.id, info.device.unit, tuple(asked), tuple(values), identity or {})


def _otherwise(channel: ChannelInfo, asked: Sequence[Asked]) -> Sequence[str]:
    if channel.model.protocol != "modbus" or not any(r.words for r in asked):
        return ()
    # Of no use to an agent that nobody asks: it is not loaded before.
    from firmware_bridge.modbus_register import ModbusRegister
    from firmware_bridge.other_readings import other_readings
    from firmware_bridge.register_types import Table

    register = channel.register
    words = {(Table(r.table), r.address + n): w for r in asked if r.words for n, w in enumerate(r.words)}
    if not isinstance(register, ModbusRegister):
        return ()
    there = all((s.table, s.address + n) in words for s in register.spans() for n in range(s.count))
    return other_readings(register, words, channel.quality.fail_range) if there else ()
