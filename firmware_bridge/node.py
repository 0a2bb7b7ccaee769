"""Our battery nodes in device files and on buses: which field of a frame each register takes.

Bytes <-> telemetry stand in `firmware_bridge.telemetry`, frames in `firmware_bridge.framing`; hearing the nodes is
`edge_agent.drivers.node`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from contract.catalogue.devices import MOST_DEVICES, Device, DeviceModel, Register, SerialBus, WholeNumber
from contract.catalogue.protocols import ProtocolDefinition
from contract.catalogue.quantities import Quantity
from contract.refusing import refusals
from contract.settings_model import Some

NAME = "node"


class NodeField(StrEnum):
    """What a frame tells, in `firmware_bridge/node.proto`."""

    DEPTH = "depth"  # of each sample, with its age
    BATTERY = "battery"  # of the frame

    @property
    def unit(self) -> str:
        """The unit it comes in, as quantities name theirs."""
        return "m" if self is NodeField.DEPTH else "V"


_USUAL = {Quantity.DEPTH: NodeField.DEPTH, Quantity.VOLTAGE: NodeField.BATTERY}


class NodeRegister(Register):
    """field: which field of the node's frames it takes. None: depth for quantity depth, battery for voltage."""

    field: NodeField | None = None

    @property
    def source(self) -> NodeField:
        """The field it takes, told or understood."""
        return self.field or _USUAL[self.quantity]

    @model_validator(mode="after")
    def _fits_its_field(self) -> NodeRegister:
        told = " or ".join(f"{f.value} (in {f.unit})" for f in NodeField)
        if self.field is None and self.quantity not in _USUAL:
            what = f"which field of the node's frames is the {self.quantity.value}? Say field: {told}"
            raise refusals("NodeRegister", [(("quantity",), what)])
        if self.quantity.unit != self.source.unit:
            units = f"field {self.source.value} is in {self.source.unit}, {self.quantity.value} in {self.quantity.unit}"
            what = f"{units}: name a quantity in {self.source.unit}, or another field: {told}"
            raise refusals("NodeRegister", [(("field",), what)])
        if self.period_s is not None:
            what = "a node speaks by itself: its period is that of the whole device"
            raise refusals("NodeRegister", [(("period_s",), what)])
        return self


class NodeModel(DeviceModel):
    """A device file of one of our battery nodes."""

    registers: Some[NodeRegister]

    @model_validator(mode="after")
    def _fields_differ(self) -> NodeModel:
        taken: dict[NodeField, str] = {}
        for n, register in enumerate(self.registers):
            other = taken.setdefault(register.source, register.name)
            if other != register.name:
                what = f"{other!r} takes the field {register.source.value} already: leave one of the two out"
                raise refusals("NodeModel", [(("registers", n), what)])
        return self


class NodeDevice(Device):
    """unit: the node's number, as its frames carry it."""

    unit: Annotated[WholeNumber, Field(ge=0, le=65535)]


class NodeBus(SerialBus):
    """A radio bridge on a serial line, which hands on what nodes send."""

    protocol: ClassVar[str] = NAME
    kind: Literal["node_serial"] = "node_serial"
    devices: Annotated[tuple[NodeDevice, ...], Field(max_length=MOST_DEVICES)] = ()


DEFINITION = ProtocolDefinition(NAME, NodeModel, (NodeBus,))
