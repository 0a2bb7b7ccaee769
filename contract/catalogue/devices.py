"""What may stand in a district's `gateways.yaml` and in a device file: gateways, buses, devices, registers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.names import Name, NameText
from contract.catalogue.quantities import Quantity
from contract.settings_model import Id, Many, Positive, SettingsModel

# --- devices ---------------------------------------------------------------------------------------------------------


class RegisterType(StrEnum):
    BIT = "bit"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Table(StrEnum):
    """Modbus data tables (Modbus application protocol V1.1b3, 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class Register(SettingsModel):
    """One value a device offers, and how its words become a number.

    value = raw x scale + offset, rounded to `decimals`. `order` names the bytes
    of a 32-bit value as they come: ABCD (big-endian), CDAB, BADC, DCBA; of a
    64-bit value likewise by words and bytes. `missing_raw` are raw values by
    which the device says "no reading".
    """

    name: Id
    quantity: Quantity
    address: Annotated[int, Field(ge=0, le=65535)] = 0
    table: Table = Table.HOLDING
    type: RegisterType = RegisterType.UINT16
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    decimals: Annotated[int, Field(ge=0, le=9)] = 3
    missing_raw: Many[float] = ()
    read_alone: bool = False
    quality: Quality = Quality()
    reporting: Reporting = Reporting()


class DeviceModel(SettingsModel):
    """`configs/devices/<model>.yaml`: a new sensor model is one such file."""

    model: Id
    description: str
    protocol: Id  # names a module in edge_agent/drivers
    period_s: Positive
    timeout_s: Positive = 0.5
    max_registers_per_read: Annotated[int, Field(ge=1, le=125)] = 100
    max_gap: Annotated[int, Field(ge=0, le=64)] = 8  # unwanted registers worth reading over to save a request
    registers: tuple[Register, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> DeviceModel:
        names = [r.name for r in self.registers]
        if len(set(names)) != len(names):
            raise ValueError("two registers have one name")
        return self


class Device(SettingsModel):
    """One instrument: `unit` is its address on the bus (Modbus unit id, node number)."""

    id: Id
    model: Id
    unit: Annotated[int, Field(ge=0, le=65535)]
    period_s: Positive | None = None  # None: the model's
    timeout_s: Positive | None = None


class BusKind(StrEnum):
    MODBUS_TCP = "modbus_tcp"
    MODBUS_RTU = "modbus_rtu"
    NODE_SERIAL = "node_serial"


class Bus(SettingsModel):
    """What devices share. address: host:port, or a serial device's path."""

    id: Id
    kind: BusKind
    address: str
    baud_rate: Annotated[int, Field(ge=300)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    devices: tuple[Device, ...] = ()


class Gateway(SettingsModel):
    id: Id
    name: Name = NameText.of("")
    buses: tuple[Bus, ...] = ()


class GatewaysFile(SettingsModel):
    gateways: tuple[Gateway, ...] = Field(min_length=1)
