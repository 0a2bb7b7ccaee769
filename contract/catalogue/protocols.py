"""What a protocol has to say for the catalogue: how its device files, its buses and its devices' addresses look.

The protocols themselves stand in `firmware_bridge`, one module each, and in its table `firmware_bridge.protocols`,
which `host.district_folder` hands to the catalogue's loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract.catalogue.devices import Bus, Device, DeviceModel, kind_of
from contract.refusing import no_such


@dataclass(frozen=True, slots=True)
class ProtocolDefinition:
    """One protocol.

    name: as device files and buses name it. device_file: the model of a whole device file, an extension of
    `DeviceModel`, with a `Register` of its own where its registers say more. buses: a model for each kind of bus that
    it runs on: an extension of `Bus` with the kind as default of `kind`, this protocol's name as `protocol`, and
    `devices` of a `Device` of its own whose `unit` has the bounds that hold there. Whatever must fit together in them
    is checked by their own validators (`contract.refusing.refusals`).
    """

    name: str
    device_file: type[DeviceModel]
    buses: tuple[type[Bus], ...]


@dataclass(frozen=True)
class Protocols:
    """Every protocol there is. Raises ValueError when two share a name or a kind of bus, or a bus names another one."""

    definitions: tuple[ProtocolDefinition, ...]
    by_name: Mapping[str, ProtocolDefinition] = field(init=False)
    bus_models: Mapping[str, type[Bus]] = field(init=False)

    def __post_init__(self) -> None:
        by_name: dict[str, ProtocolDefinition] = {}
        models: dict[str, type[Bus]] = {}
        for definition in self.definitions:
            if by_name.setdefault(definition.name, definition) is not definition:
                raise ValueError(f"two protocols are named {definition.name!r}")
            for bus in definition.buses:
                if bus.protocol != definition.name:
                    raise ValueError(
                        f"{bus.__name__}.protocol is {bus.protocol!r}, its definition's {definition.name!r}"
                    )
                if models.setdefault(kind_of(bus), bus) is not bus:
                    raise ValueError(f"two protocols have buses of kind {kind_of(bus)!r}")
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "bus_models", models)

    def unknown(self, name: object) -> str:
        """A sentence for what names no protocol: what there is, and what was perhaps meant."""
        if not isinstance(name, str):
            return "say which protocol the device speaks: " + ", ".join(self.by_name)
        return no_such("protocol", name, self.by_name)

    def mismatch(self, bus: Bus, device: Device, model: DeviceModel) -> str:
        """Why a device of the model cannot be on the bus, and what to do about it; "" when it can."""
        if model.protocol == bus.protocol:
            return ""
        kinds = " or ".join(kind_of(b) for b in self.by_name[model.protocol].buses)
        return (
            f"model {device.model!r} speaks {model.protocol}, which does not run on bus {bus.id!r} of kind {bus.kind}: "
            f"put {device.id!r} on a bus of kind {kinds}, or name a model that speaks {bus.protocol}"
        )
