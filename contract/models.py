"""What may stand in a district's files: the shapes, field by field.

`contract.catalogue` puts them together and checks them against one another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from contract.clock import parse_clock
from contract.topics import ID_PATTERN

Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
T = TypeVar("T")
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


def _clock_text(text: str) -> str:
    parse_clock(text)
    return text


ClockText = Annotated[str, AfterValidator(_clock_text)]  # see `contract.clock.parse_clock`


class TooManyMistakes(Exception):
    """More shapes of one file are wrong than anybody would read about."""


class Shape(BaseModel):
    """Validated with a counter as context, a list of one int, it stops at the count: a file must not fill the memory
    with what is wrong with it."""

    # Validators are built when first used: an agent that is handed its configuration needs none (10 MB).
    # A threshold of NaN would never be crossed.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _stop_in_time(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if isinstance(value, dict) and len(value) > 1000:
            raise ValueError(f"{len(value)} settings: no part of a configuration has so many")
        try:
            return handler(value)
        except ValidationError:
            if isinstance(info.context, list):
                info.context[0] -= 1
                if info.context[0] < 0:
                    raise TooManyMistakes from None
            raise


# A list of plain values: the first that is wrong is enough to say.
Many = Annotated[tuple[T, ...], FailFast()]


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


# --- quality and reporting -------------------------------------------------------------------------------------------


class Spike(Shape):
    """QARTOD water level manual 2.1, test 6. `average` also marks the foot of every sharp rise: floods are sharp."""

    suspect: Positive
    fail: Positive | None = None
    method: Literal["average", "differential"] = "differential"


class FlatLine(Shape):
    """Stuck: the last so many seconds stay within `tolerance`, above `only_above` (a dry road is not stuck)."""

    suspect_s: Positive
    fail_s: Positive | None = None
    tolerance: NotNegative
    only_above: float | None = None


class RainGauge(Shape):
    """A counting gauge: `tip_mm` a tip, wrapping after `wraps_at_mm`; faster than `max_mm_per_h` is a fault."""

    tip_mm: Positive
    wraps_at_mm: Positive | None = None
    max_mm_per_h: Positive = 500.0


class Quality(Shape):
    """Which quality tests run on a channel (QARTOD water level manual 2.1; values in the channel's unit)."""

    fail_range: tuple[float, float] | None = None
    suspect_range: tuple[float, float] | None = None
    rate_per_s: Positive | None = None
    spike: Spike | None = None
    flat_line: FlatLine | None = None
    rain_gauge: RainGauge | None = None


class Reporting(Shape):
    """Report by exception: what is sent, and what is counted as suppressed.

    deadband: a change of more than this from the last reported value is sent.
    heartbeat_s: a reading is sent at least this often.
    burst_rise_per_s: while a value rises at this rate or faster, every reading is sent; None never bursts.
    """

    deadband: NotNegative = 0.0
    heartbeat_s: Positive = 900.0
    burst_rise_per_s: Positive | None = None


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


# --- rules and responses ---------------------------------------------------------------------------------------------


class Rule(Shape):
    """Thresholds on channels: those named, or all of one quantity at stations of one kind.

    A rule that names a channel goes before one that names its kind.
    hysteresis: a level clears below its threshold less this.
    """

    id: Id
    channels: Many[int] = ()
    station_kind: StationKind | None = None
    quantity: Quantity = Quantity.DEPTH
    levels: dict[Level, float] = Field(min_length=1)
    hysteresis: NotNegative = 0.02
    on_delay_s: NotNegative = 60.0
    off_delay_s: NotNegative = 600.0
    min_hold_s: NotNegative = 600.0
    stale_after_s: Positive = 1200.0

    @model_validator(mode="after")
    def _sensible(self) -> Rule:
        if bool(self.channels) == (self.station_kind is not None):
            raise ValueError("give either channels or station_kind")
        values = [self.levels[level] for level in Level if level in self.levels]
        if values != sorted(values) or len(set(values)) != len(values):
            raise ValueError("levels must rise from blue to red")
        return self


class RulesFile(Shape):
    rules: tuple[Rule, ...] = ()


class Response(Shape):
    """What a level calls for. expires_s: how long a message stands unless renewed."""

    headline: str
    instruction: str
    expires_s: Positive = 3600.0


class ResponsePlanFile(Shape):
    sender: str
    contact: str = ""
    responses: dict[Level, Response]

    @model_validator(mode="after")
    def _every_level(self) -> ResponsePlanFile:
        absent = [level.value for level in Level if level not in self.responses]
        if absent:
            raise ValueError(f"no response for {', '.join(absent)}")
        return self
