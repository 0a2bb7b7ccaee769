"""Modbus in device files and on buses: register maps, units, TCP and RTU.

One register stands in `firmware_bridge.modbus_register`, words <-> numbers in `firmware_bridge.registers`; asking the
devices is `edge_agent.drivers.modbus`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from contract.catalogue.devices import MOST_DEVICES, Device, DeviceModel, SerialBus, TcpBus, WholeNumber
from contract.catalogue.protocols import ProtocolDefinition
from contract.refusing import Place, no_such, refusal, refusals
from contract.settings_model import Id, Many, SettingsModel, Some
from firmware_bridge.modbus_register import ModbusRegister
from firmware_bridge.raw_numbers import RawNumber, span
from firmware_bridge.register_types import Table
from firmware_bridge.registers import value_of

NAME = "modbus"


class Example(SettingsModel):
    """Words that the device gives, and the value that they are: checked whenever the file is.

    words: from the register's first address on. beside: address -> word of the same table, for what stands elsewhere.
    value: None, no reading. origin: whether the maker printed it, or whoever wrote the file reckoned it from the format
    that the maker states.
    """

    register_name: Annotated[Id, Field(alias="register")]
    words: Many[Annotated[WholeNumber, Field(ge=0, le=65535)]]
    beside: dict[WholeNumber, Annotated[WholeNumber, Field(ge=0, le=65535)]] = Field(default_factory=dict)
    value: float | None
    origin: Literal["example in the manual", "computed from the stated format"]
    page: str | None = None


class IdentityText(SettingsModel):
    """A text by which a device tells who it is, such as its serial number: ASCII, two characters a word, padded with
    zero bytes or blanks. order: AB, the first character in the high byte; BA, in the low one."""

    name: Id
    table: Literal[Table.HOLDING, Table.INPUT] = Table.HOLDING
    address: Annotated[WholeNumber, Field(ge=0, le=65535)]
    words: Annotated[WholeNumber, Field(ge=1, le=125)]
    order: Literal["AB", "BA"] = "AB"

    def text(self, words: Sequence[int]) -> str:
        """What the words say; characters that are not printable ASCII are left out."""
        data = b"".join(w.to_bytes(2, "big" if self.order == "AB" else "little") for w in words)
        return "".join(chr(c) for c in data.split(b"\0")[0] if 32 <= c < 127).strip()


class ModbusModel(DeviceModel):
    """A device file of a Modbus device.

    max_registers_per_read: words that it gives in one reply; V1.1b3, 6.3 allows 125.
    max_gap: unwanted registers worth reading over to save a request. identity: texts by which it tells who it is.
    """

    max_registers_per_read: Annotated[WholeNumber, Field(ge=1, le=125)] = 100
    max_gap: Annotated[WholeNumber, Field(ge=0, le=64)] = 8
    registers: Some[ModbusRegister]
    identity: tuple[IdentityText, ...] = ()
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _map_makes_sense(self) -> ModbusModel:
        found: list[tuple[Place, str]] = []
        for n, register in enumerate(self.registers):
            widest = max(register.spans(), key=lambda s: s.count)
            if not widest.table.of_bits and widest.count > self.max_registers_per_read:
                what = (
                    f"a {register.type.value} takes {widest.count} registers, and max_registers_per_read is "
                    f"{self.max_registers_per_read}: the device could not be asked for it"
                )
                found.append((("registers", n, "type"), what))
        for n, what in _clashes(self.registers):
            found.append((("registers", n, "address"), what))
        for n, example in enumerate(self.examples):
            for key, what in _example_trouble(example, self.registers):
                found.append((("examples", n, key), what))
        if found:
            raise refusals("ModbusModel", found)
        return self


def _clashes(registers: tuple[ModbusRegister, ...]) -> Iterator[tuple[int, str]]:
    """Registers that cannot both be meant: read from the same words alike, or from words cut in two by another.

    One register within another is common: two halves, or bits, of a status word.
    """
    numbers = [(n, r, number, table) for n, r in enumerate(registers) for number, table in r.numbers()]
    numbers.sort(key=lambda found: (found[3].value, found[2].address, found[0]))
    seen: dict[str, str] = {}
    before: list[tuple[ModbusRegister, RawNumber, Table]] = []
    for n, r, number, table in numbers:
        if number is r or number is (r.parts or (None,))[0]:
            meant = r.model_dump(exclude=_NOT_OF_THE_VALUE)
            twin = seen.setdefault(repr(meant), r.name)
            if twin != r.name:
                yield n, f"{twin!r} is the same value from the same place: give {r.name!r} its own address"
        before = [b for b in before if b[2] is table and b[1].end > number.address]
        for other, b, _ in before:
            if other is not r and b.address < number.address and b.end < number.end:
                inside = f"{other.name!r} ({b.type.value} at {b.address}, to {b.end - 1})"
                yield n, f"{r.name!r} begins within {inside} and ends behind it: an address or a type is wrong"
        before.append((r, number, table))


_NOT_OF_THE_VALUE = {"name", "quality", "reporting", "decimals", "missing_raw", "read_alone", "valid_if", "period_s"}


def _example_trouble(example: Example, registers: tuple[ModbusRegister, ...]) -> Iterator[tuple[str, str]]:
    register = next((r for r in registers if r.name == example.register_name), None)
    if register is None:
        yield "register", no_such("register", example.register_name, [r.name for r in registers])
        return
    first = min(span(number, table) for number, table in register.numbers())
    words = {(first.table, first.address + n): word for n, word in enumerate(example.words)}
    words |= {(register.table, address): word for address, word in example.beside.items()}
    try:
        value = value_of(register, words)
    except KeyError as error:
        table, address = error.args[0]
        yield "words", f"{register.name!r} takes {table.value} {address}, too: add it to words, or under beside"
        return
    told = math.nan if example.value is None else example.value
    if not (math.isclose(value, told, abs_tol=1e-9) or (math.isnan(value) and math.isnan(told))):
        said = "no reading" if math.isnan(value) else f"{value:g}"
        yield "value", f"these words are {said}, as the file stands: the example, or {register.name!r}, is wrong"


def _unit(allowed: str, *also: int) -> AfterValidator:
    def check(unit: int) -> int:
        if not (1 <= unit <= 247 or unit in also):
            raise refusal(f"no Modbus unit {unit}: {allowed}")
        return unit

    return AfterValidator(check)


class ModbusDevice(Device):
    """rest_s: how long the line is silent before this device is asked; None: the bus' own, or found out.

    reply_unit: the unit that its replies name, where a gateway puts another one there.
    """

    unit: WholeNumber
    rest_s: Annotated[float, Field(ge=0, le=10)] | None = None
    reply_unit: Annotated[WholeNumber, Field(ge=0, le=255)] | None = None


class RtuDevice(ModbusDevice):
    """unit: 1 to 247. Modbus over serial line V1.02, 2.2: 0 speaks to all, and nobody answers; 248 to 255 are
    reserved."""

    unit: Annotated[WholeNumber, _unit("on a serial line units are 1 to 247")]


class TcpDevice(ModbusDevice):
    """unit: 1 to 247, of a device behind a gateway; also 255 or 0, of one that has the port to itself (the unit
    identifier of Modbus messaging on TCP/IP V1.0b)."""

    unit: Annotated[WholeNumber, _unit("units are 1 to 247, or 255 or 0 of a device with a port of its own", 0, 255)]


def _echo_word(found: object) -> object:
    """YAML takes yes and no for switches."""
    return {True: "yes", False: "no"}.get(found, found) if isinstance(found, bool) else found


Echo = Annotated[Literal["auto", "yes", "no"], BeforeValidator(_echo_word)]
Rest = Annotated[float, Field(ge=0, le=10)]


def _apart(devices: tuple[ModbusDevice, ...]) -> tuple[ModbusDevice, ...]:
    """A reply that names another device's unit would be taken for that one's."""
    owners = {d.unit: d.id for d in devices}
    found: list[tuple[Place, str]] = []
    for n, d in enumerate(devices):
        if d.reply_unit is not None and d.reply_unit != d.unit and d.reply_unit in owners:
            what = f"unit {d.reply_unit} is {owners[d.reply_unit]!r}: whose reply would it be? Give one its own unit"
            found.append(((n, "reply_unit"), what))
    if found:
        raise refusals("devices", found)
    return devices


class ModbusSerialBus(SerialBus):
    """A serial line with Modbus devices (Modbus over serial line V1.02).

    rest_s: how long the line is silent before a question, at least 3.5 characters; None: so long, and longer for a unit
    that is found to want more. echo: whether the adapter hears what it sends; auto: found out. rs485: the kernel
    switches the direction (TIOCSRS485), with RTS high while sending unless rs485_rts_on_send is no, and waits of
    rs485_before_s and rs485_after_s. An address socket://host:port is a serial server, as of kind modbus_rtu_over_tcp.
    """

    protocol: ClassVar[str] = NAME
    rest_s: Rest | None = None
    echo: Echo = "auto"
    rs485: bool = False
    rs485_rts_on_send: bool = True
    rs485_before_s: Annotated[float, Field(ge=0, le=1)] = 0.0
    rs485_after_s: Annotated[float, Field(ge=0, le=1)] = 0.0
    devices: Annotated[tuple[RtuDevice, ...], Field(max_length=MOST_DEVICES), AfterValidator(_apart)] = ()


class ModbusRtuBus(ModbusSerialBus):
    """Modbus RTU, of eight data bits (2.5.1)."""

    kind: Literal["modbus_rtu"] = "modbus_rtu"


class ModbusAsciiBus(ModbusSerialBus):
    """Modbus ASCII (2.5.2), of seven data bits and even parity, unless the bus says otherwise."""

    kind: Literal["modbus_ascii"] = "modbus_ascii"
    data_bits: Literal[7, 8] = 7
    parity: Literal["N", "E", "O"] = "E"


class ModbusRtuOverTcpBus(TcpBus):
    """Modbus RTU through a serial server: frames as on a line, in a TCP connection.

    baud_rate: of the line behind it, for the silence between frames. rest_s, echo: as of ModbusRtuBus.
    pause_after_connect_s: how long a new connection is left alone; None: found out.
    """

    protocol: ClassVar[str] = NAME
    kind: Literal["modbus_rtu_over_tcp"] = "modbus_rtu_over_tcp"
    baud_rate: Annotated[WholeNumber, Field(ge=300, le=4_000_000)] = 9600
    rest_s: Rest | None = None
    echo: Echo = "auto"
    pause_after_connect_s: Rest | None = None
    devices: Annotated[tuple[RtuDevice, ...], Field(max_length=MOST_DEVICES), AfterValidator(_apart)] = ()


class ModbusTcpBus(TcpBus):
    """Modbus TCP (Modbus messaging on TCP/IP V1.0b).

    transaction_ids: ignore, where a gateway sends back others than it was asked with; replies are then told apart as on
    a serial line. rest_s, pause_after_connect_s: as of ModbusRtuOverTcpBus.
    """

    protocol: ClassVar[str] = NAME
    kind: Literal["modbus_tcp"] = "modbus_tcp"
    transaction_ids: Literal["strict", "ignore"] = "strict"
    rest_s: Rest | None = None
    pause_after_connect_s: Rest | None = None
    devices: Annotated[tuple[TcpDevice, ...], Field(max_length=MOST_DEVICES), AfterValidator(_apart)] = ()


DEFINITION = ProtocolDefinition(NAME, ModbusModel, (ModbusTcpBus, ModbusRtuBus, ModbusRtuOverTcpBus, ModbusAsciiBus))
