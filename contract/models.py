"""What may stand in a district's files: devices and places, field by field; for rules see `contract.rules`.

`contract.catalogue` puts them together and checks them against one another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contract.channel_settings import Quality, Reporting
from contract.shape import Id, Many, Positive, Shape


class Quantity(StrEnum):
    """What a channel measures; its unit follows from it."""

    DEPTH = "depth"  # water above the road surface, m
    STAGE = "stage"  # river level above datum, m
    WET_WELL = "wet_well"  # level in a pump station's wet well, m
    RAIN_TOTAL = "rain_total"  # what a gauge has counted since it was last reset, mm; wraps
    PUMP_RUNNING = "pump_running"  # 0 or 1
    PUMP_FAULT = "pump_fault"  # 0 or 1
    MAINS = "mains"  # 1 powered, 0 lost
    RUN_HOURS = "run_hours"  # h, counts up
    STARTS = "starts"  # counts up
    VOLTAGE = "voltage"  # V
    CODE = "code"  # a device's error or status word


UNITS = {
    Quantity.DEPTH: "m",
    Quantity.STAGE: "m",
    Quantity.WET_WELL: "m",
    Quantity.RAIN_TOTAL: "mm",
    Quantity.PUMP_RUNNING: "1",
    Quantity.PUMP_FAULT: "1",
    Quantity.MAINS: "1",
    Quantity.RUN_HOURS: "h",
    Quantity.STARTS: "1",
    Quantity.VOLTAGE: "V",
    Quantity.CODE: "1",
}


class Level(StrEnum):
    """Severity, mildest first (the Chinese four-colour scale)."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {level: i for i, level in enumerate(Level)}


class StationKind(StrEnum):
    UNDERPASS = "underpass"
    STREET = "street"
    RAIN = "rain"
    RIVER = "river"


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


class Register(Shape):
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


class DeviceModel(Shape):
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


class Device(Shape):
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


class Bus(Shape):
    """What devices share. address: host:port, or a serial device's path."""

    id: Id
    kind: BusKind
    address: str
    baud_rate: Annotated[int, Field(ge=300)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    devices: tuple[Device, ...] = ()


class Gateway(Shape):
    id: Id
    name: str = ""
    buses: tuple[Bus, ...] = ()


class GatewaysFile(Shape):
    gateways: tuple[Gateway, ...] = Field(min_length=1)


# --- places ----------------------------------------------------------------------------------------------------------


class Channel(Shape):
    """One time series, for ever: its number is never used again, whatever device comes to feed it."""

    id: Annotated[int, Field(ge=1, lt=2**32)]
    name: str = ""
    device: Id
    register_name: Id = Field(alias="register")
    quality: Quality | None = None  # None: the register's
    reporting: Reporting | None = None


class Station(Shape):
    id: Id
    name: str
    zone: Id
    kind: StationKind
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    channels: tuple[Channel, ...] = ()


class Zone(Shape):
    """area: the ring of (lat, lon) a CAP polygon names; closed or not."""

    id: Id
    name: str
    area: Many[tuple[float, float]] = Field(min_length=3)


class District(Shape):
    id: Id
    name: str
    adcode: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]
    time_zone: str = "Asia/Shanghai"


class DistrictFile(Shape):
    district: District
    zones: tuple[Zone, ...] = Field(min_length=1)
    stations: tuple[Station, ...] = Field(min_length=1)
