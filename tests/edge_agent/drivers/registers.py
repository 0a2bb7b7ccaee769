"""Register maps for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contract.catalogue.catalogue import ChannelInfo
from contract.catalogue.quantities import Quantity
from edge_agent.drivers.base import DeviceInfo
from firmware_bridge.modbus import ModbusModel, RtuDevice
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.register_types import RegisterType, Table
from tests.edge_agent.drivers.rtu import any_station


def model_with(
    kinds: Sequence[str],
    *,
    at: Sequence[int],
    tables: Sequence[Table] | None = None,
    alone: Sequence[int] = (),
    **limits: Any,
) -> tuple[ModbusModel, list[ChannelInfo]]:
    """A model with a register for every kind, and a channel for every register; channels count from 1."""
    registers = tuple(
        ModbusRegister(
            name=f"r{n}",
            quantity=Quantity.CODE,
            address=address,
            type=RegisterType(kind),
            table=tables[n] if tables else Table.HOLDING,
            read_alone=n in alone,
        )
        for n, (kind, address) in enumerate(zip(kinds, at, strict=True))
    )
    model = ModbusModel(model="m", description="m", protocol="modbus", period_s=1, registers=registers, **limits)
    device = RtuDevice(id="d", model="m", unit=1)
    channels = [
        ChannelInfo(n, r.name, any_station(), "gw", "bus", device, model, r, r.quality, r.reporting)
        for n, r in enumerate(registers, 1)
    ]
    return model, channels


def info_with(
    kinds: Sequence[str], *, at: Sequence[int], unit: int = 1, timeout_s: float = 2.0, **more: Any
) -> DeviceInfo:
    model, channels = model_with(kinds, at=at, **more)
    return DeviceInfo(RtuDevice(id="d", model="m", unit=unit, timeout_s=timeout_s), model, tuple(channels))
