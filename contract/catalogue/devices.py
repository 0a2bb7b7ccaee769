"""What may stand in a district's `gateways.yaml` and in a device file, whatever the protocol: gateways, buses, devices
and their registers.

What a protocol adds stands in its module in `firmware_bridge`, in models that extend these; `Protocols`
(`contract.catalogue.protocols`) says which they are.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.instruments import Curve, Instrument, placed, unplaced
from contract.catalogue.names import Name, NameText
from contract.catalogue.quantities import QuantityKind, QuantityName
from contract.refusing import Place, no_such, refusal, refusals
from contract.settings_model import LEAST_S, Check, Id, Seconds, SettingsModel, Some


def _no_switch(found: object) -> object:
    if isinstance(found, bool):
        raise refusal(
            f"{str(found).lower()} is no number: write the number (YAML takes yes, no, on and off for switches)"
        )
    return found


# A number that is not written as yes or no: those would pass for 1 and 0.
WholeNumber = Annotated[int, BeforeValidator(_no_switch)]


class Register(SettingsModel):
    """One value a device offers: its name on the device, what it measures, and what holds for the channel it feeds.

    A protocol extends it by what its devices need: where the value stands, how it becomes a number. period_s: how often
    it is asked, when not as often as the others. calibration, mounting_height_m, datum_m: see `instruments.placed`.
    """

    name: Id
    quantity: QuantityName
    # Not checked, as defaults are right: a running agent has nothing to check with.
    quality: Quality = Quality.model_construct()
    reporting: Reporting = Reporting.model_construct()
    period_s: Seconds | None = None
    calibration: Curve | None = None
    mounting_height_m: float | None = None
    datum_m: float | None = None

    @property
    def step(self) -> float:
        """The smallest step of the value, in the quantity's unit; 0.0 where the device file does not say."""
        return 0.0

    @property
    def is_placed(self) -> bool:
        """Whether what the instrument reads is not yet the channel's value."""
        return (self.calibration, self.mounting_height_m, self.datum_m) != (None, None, None)

    def placed(self, reading: float) -> float:
        """The channel's value of what the instrument reads; see `instruments.placed`."""
        return placed(reading, self.calibration, self.mounting_height_m, self.datum_m)

    def unplaced(self, value: float) -> float:
        """What the instrument reads when the channel's value is this; see `instruments.unplaced`."""
        return unplaced(value, self.calibration, self.mounting_height_m, self.datum_m)

    def of_instrument(self, own: Instrument) -> Self:
        """This register as one instrument has it. Raises ValidationError, with the instrument's keys as places.

        Whether its quality settings still fit is not asked here: its channel may have others (`quality_trouble`).
        """
        told = {key: getattr(own, key) for key in own.model_fields_set}
        settings = {**self.model_dump(exclude_unset=True), **self._told(told)}
        quality = Quality.model_validate(settings.pop("quality", {}))
        return type(self).model_validate(settings).model_copy(update={"quality": quality})

    def quality_trouble(self, quality: Quality) -> list[tuple[Place, str]]:
        """What of a channel's quality settings cannot hold for what this register gives: places in them, and words."""
        del quality
        return []

    def _told(self, own: dict[str, Any]) -> dict[str, Any]:
        """The register's settings that an instrument's stand for. Raises ValidationError for one that it has not."""
        for key in own:
            if key not in type(self).model_fields:
                what = f"{self.name!r} has no {key}: its protocol gives values that need none"
                raise refusals("Instrument", [((key,), what)])
        return own

    @model_validator(mode="after")
    def _place_fits_its_quantity(self) -> Register:
        found: list[tuple[Place, str]] = []
        for key in ("mounting_height_m", "datum_m"):
            if getattr(self, key) is not None and self.quantity.unit != "m":
                what = f"{key} is for what is measured in m, and {self.quantity.value} is in {self.quantity.unit}"
                found.append(((key,), what))
        if self.calibration is not None and self.quantity.kind is QuantityKind.COUNTER:
            what = f"a curve cannot be laid over {self.quantity.value}, which only counts: use tip_mm or scale"
            found.append((("calibration",), what))
        if found:
            raise refusals("Register", found)
        return self


class SourceDocument(SettingsModel):
    """The text that a device file was written from, so that whoever doubts a line can look it up."""

    title: str
    edition: str
    page: str


class DeviceModel(SettingsModel):
    """`configs/devices/<model>.yaml`: a new sensor model is one such file.

    protocol: by its name in `firmware_bridge.protocols`, which also says what else may stand in the file.
    period_s: how often it is asked, or speaks by itself. timeout_s: how long it may take to answer.
    """

    model: Id
    description: str
    document: SourceDocument | None = None
    protocol: Id
    period_s: Seconds
    timeout_s: Seconds = 0.5
    registers: Some[Register]

    @model_validator(mode="after")
    def _names_differ(self) -> DeviceModel:
        seen: set[str] = set()
        for n, register in enumerate(self.registers):
            if register.name in seen:
                what = f"another register is named {register.name!r} already: give each a name of its own"
                raise refusals("DeviceModel", [(("registers", n, "name"), what)])
            seen.add(register.name)
        return self


Retries = Annotated[WholeNumber, Field(ge=0, le=10)]
# A device that is back is asked within a minute.
BackOff = Annotated[float, Field(ge=LEAST_S, le=60)]


class Device(SettingsModel):
    """One instrument. unit: its address on the bus, in the form that the bus' protocol has for it.

    registers: by register name, what holds for this instrument alone. shares_unit: another device of the bus, of
    another model, has the same unit on purpose: what it offers is described by two device files. retries,
    back_off_first_s, back_off_max_s: as of its bus, for this device.
    """

    id: Id
    model: Id
    unit: int | str
    period_s: Seconds | None = None  # None: the model's
    timeout_s: Seconds | None = None
    registers: dict[Id, Instrument] = Field(default_factory=dict)
    shares_unit: bool = False
    retries: Retries | None = None  # None: the bus'
    back_off_first_s: BackOff | None = None
    back_off_max_s: BackOff | None = None


# On one bus: four times what any protocol addresses, so that a file of a mebibyte takes no fifty in memory.
MOST_DEVICES = 1000


class Bus(SettingsModel):
    """What devices share: a line, or a connection. A protocol has one model for each kind of bus that it runs on.

    kind: chooses that model. address: where the gateway finds it; `addresses` in the agent's file goes before it.
    retries: how often a device that answers is asked once more within its period, when an answer is lost. A silent one
    is asked again after back_off_first_s, then ever later, at most after back_off_max_s, real seconds.
    """

    protocol: ClassVar[str] = ""  # that its devices speak

    id: Id
    kind: str
    address: str
    retries: Retries = 3
    back_off_first_s: BackOff = 10.0
    back_off_max_s: BackOff = 45.0
    devices: Annotated[tuple[Device, ...], Field(max_length=MOST_DEVICES)] = ()

    @staticmethod
    def address_trouble(address: str) -> str:
        """Why the bus cannot be at such an address, in words that tell the form; "" when it can."""
        return "" if address else "no address: say which port it is on"


class SerialBus(Bus):
    """A bus on a serial line; address: the device's path, such as /dev/ttyS1. baud_rate: bits a second."""

    baud_rate: Annotated[WholeNumber, Field(ge=300, le=4_000_000)] = 9600  # what Linux' termios knows
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1

    @staticmethod
    def address_trouble(address: str) -> str:
        """See `Bus.address_trouble`; a host and a port are of another kind."""
        host, _, port = address.rpartition(":")
        if host and "/" not in address and port.isascii() and port.isdigit():
            return f"{address!r} is a host and a port: the kind of such a bus ends in _tcp; a serial port is /dev/..."
        return Bus.address_trouble(address)


def _a_port(address: str) -> str:
    """0 is left to the agent, which knows whether its own file says where the bus is."""
    port = address.rpartition(":")[2]
    if ":" in address and port.isascii() and port.isdigit() and int(port[:6]) > 65535:
        raise refusal(f"no port {port[:20]}: ports are 1 to 65535")
    return address


class TcpBus(Bus):
    """A bus behind a TCP port; address: host:port, or whatever the agent's own file says instead."""

    address: Annotated[str, AfterValidator(_a_port)]

    @staticmethod
    def address_trouble(address: str) -> str:
        """See `Bus.address_trouble`; the port is 1 to 65535."""
        host, _, port = address.rpartition(":")
        if host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536:
            return ""
        return f"{address!r} is not host:port, such as 192.168.10.11:502"


def _of_its_kind(found: object, info: ValidationInfo) -> object:
    """A bus as the model that its kind chooses among the check's."""
    if not isinstance(found, dict) or not isinstance(info.context, Check):
        return found
    models, kind = info.context.choices, found.get("kind")
    if kind is None:
        raise refusals("Bus", [(("kind",), "say which kind of bus it is: " + ", ".join(models))])
    if not isinstance(kind, str) or kind not in models:
        raise refusals("Bus", [(("kind",), no_such("kind of bus", kind, models))])
    return models[kind].model_validate(found, context=info.context)


class Gateway(SettingsModel):
    """One gateway, with the buses that its agent reads."""

    id: Id
    name: Name = NameText.of("")
    buses: tuple[Annotated[Bus, BeforeValidator(_of_its_kind)], ...] = ()


class GatewaysFile(SettingsModel):
    """`gateways.yaml`. Validate it with `Protocols.bus_models` as the check's choices."""

    gateways: Some[Gateway]


def kind_of(bus: type[Bus]) -> Any:
    """The kind that a protocol's model of a bus stands for: the default of its field `kind`."""
    return bus.model_fields["kind"].default
