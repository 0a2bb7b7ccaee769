"""What may stand in a district's `gateways.yaml` and in a device file, whatever the protocol: gateways, buses, devices
and their registers.

What a protocol adds stands in its module in `firmware_bridge`, in models that extend these; `Protocols`
(`contract.catalogue.protocols`) says which they are.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from contract.catalogue.channel_settings import Quality, Reporting
from contract.catalogue.names import Name, NameText
from contract.catalogue.quantities import QuantityName
from contract.refusing import no_such, refusal, refusals
from contract.settings_model import Check, Id, Positive, SettingsModel, Some


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

    A protocol extends it by what its devices need: where the value stands, how it becomes a number.
    """

    name: Id
    quantity: QuantityName
    quality: Quality = Quality()
    reporting: Reporting = Reporting()

    @property
    def step(self) -> float:
        """The smallest step of the value, in the quantity's unit; 0.0 where the device file does not say."""
        return 0.0


class DeviceModel(SettingsModel):
    """`configs/devices/<model>.yaml`: a new sensor model is one such file.

    protocol: by its name in `firmware_bridge.protocols`, which also says what else may stand in the file.
    period_s: how often it is asked, or speaks by itself. timeout_s: how long it may take to answer.
    """

    model: Id
    description: str
    protocol: Id
    period_s: Positive
    timeout_s: Positive = 0.5
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


class Device(SettingsModel):
    """One instrument. unit: its address on the bus, in the form that the bus' protocol has for it."""

    id: Id
    model: Id
    unit: int | str
    period_s: Positive | None = None  # None: the model's
    timeout_s: Positive | None = None


class Bus(SettingsModel):
    """What devices share: a line, or a connection. A protocol has one model for each kind of bus that it runs on.

    kind: chooses that model. address: where the gateway finds it; `addresses` in the agent's file goes before it.
    """

    protocol: ClassVar[str] = ""  # that its devices speak

    id: Id
    kind: str
    address: str
    devices: tuple[Device, ...] = ()

    @staticmethod
    def address_trouble(address: str) -> str:
        """Why the bus cannot be at such an address, in words that tell the form; "" when it can."""
        return "" if address else "no address: say which port it is on"


class SerialBus(Bus):
    """A bus on a serial line; address: the device's path, such as /dev/ttyS1. baud_rate: bits a second."""

    baud_rate: Annotated[WholeNumber, Field(ge=300, le=4_000_000)] = 9600  # what Linux' termios knows
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class TcpBus(Bus):
    """A bus behind a TCP port; address: host:port."""

    @staticmethod
    def address_trouble(address: str) -> str:
        """See `Bus.address_trouble`; the port is 1 to 65535."""
        host, _, port = address.rpartition(":")
        if host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536:
            return ""
        return f"{address!r} is not host:port"


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
