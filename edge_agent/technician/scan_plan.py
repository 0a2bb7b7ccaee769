"""What a scan asks: which units, in which settings of the line, and how long that takes at most. Pure values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from contract.catalogue.devices import Bus
from contract.refusing import no_such
from firmware_bridge.protocols import PROTOCOLS

# What instruments leave their factories with.
QUIET_FORMS = ((9600, "N1"), (19200, "E1"), (9600, "E1"), (19200, "N1"))
ALL_SPEEDS = (9600, 19200, 4800, 38400, 115200, 57600, 2400, 1200)
ALL_FORMS = tuple((speed, rest) for speed in ALL_SPEEDS for rest in ("N1", "E1", "O1", "N2"))
QUIET_UNITS = tuple(range(1, 33))
ALL_UNITS = tuple(range(1, 248))
_OWN_PORT = (255, 0)  # units of a device that has its TCP port to itself
SERIAL_KINDS = ("modbus_rtu", "modbus_ascii")
TCP_KINDS = ("modbus_tcp", "modbus_rtu_over_tcp")
_FORM = re.compile(r"(-?\d+) ([78])([NEO])(-?\d+)")
_QUESTION_BYTES, _REPLY_BYTES = 8, 7


class NoPlan(ValueError):
    """What was asked for cannot be scanned; the text says what can."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to speak to the line. form: "9600 8N1"; "" of TCP, where the line is a gateway's or there is none."""

    kind: str
    form: str
    units: tuple[int, ...]

    @property
    def words(self) -> str:
        """For people."""
        return " ".join(part for part in (_KIND_WORDS.get(self.kind, ""), self.form) if part)

    @property
    def options(self) -> str:
        """As options of `headwater-edge probe` and `init`, without the address."""
        said = f"--kind {self.kind}"
        if self.form:
            baud_rate, parity, stop_bits = _parts(self.form)
            said += f" --baud-rate {baud_rate} --parity {parity}" + (
                f" --stop-bits {stop_bits}" if stop_bits > 1 else ""
            )
        return said

    def bus(self, address: str, pause_s: float) -> Bus:
        """The bus to ask through, without devices. pause_s: silence before each question."""
        settings: dict[str, Any] = {"id": "scan", "kind": self.kind, "address": address, "rest_s": pause_s}
        if self.form:
            settings["baud_rate"], settings["parity"], settings["stop_bits"] = _parts(self.form)
        if self.kind in TCP_KINDS:
            settings["pause_after_connect_s"] = 1.0  # what some gateways swallow
        return PROTOCOLS.bus_models[self.kind].model_validate(settings)


_KIND_WORDS = {"modbus_tcp": "Modbus TCP", "modbus_rtu_over_tcp": "RTU over TCP", "modbus_ascii": "ASCII"}


@dataclass(frozen=True, slots=True)
class LineOptions:
    """What is known of a serial line; () and None: not known."""

    baud_rates: tuple[int, ...] = ()
    parities: tuple[str, ...] = ()
    stop_bits: int | None = None

    @property
    def given(self) -> bool:
        """Whether anything is."""
        return self != LineOptions()


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """timeout_s: how long a unit may take. tries: questions to a unit that does not answer. pause_s: between questions.
    listen_s: how long the line is listened to before anything is asked. every: go on with the other settings when units
    have answered in one."""

    address: str
    settings: tuple[Setting, ...]
    timeout_s: float = 0.3
    tries: int = 2
    pause_s: float = 0.05
    listen_s: float = 1.0
    every: bool = False

    @property
    def most_s(self) -> float:
        """How long it takes when nobody answers."""
        return sum(self.setting_s(s) for s in self.settings)

    def setting_s(self, setting: Setting) -> float:
        """How long one setting takes when nobody answers."""
        return self.listen_s + self.unit_s(setting) * len(setting.units)

    def unit_s(self, setting: Setting) -> float:
        """How long a unit takes that does not answer."""
        baud_rate = _parts(setting.form)[0] if setting.form else 0
        line_s = 11 * (_QUESTION_BYTES + _REPLY_BYTES) / baud_rate if baud_rate else 0.0
        return self.tries * (self.timeout_s + self.pause_s + line_s)


def plan_of(
    address: str, kind: str | None, line: LineOptions, units: str, whole: bool, given: Mapping[str, Any]
) -> ScanPlan:
    """What to ask at HOST[:PORT] or on a serial port.

    kind: None finds out which of TCP's two. units: "1-32,40"; "" for the usual. whole: everything there is. given:
    other fields of the plan. Raises NoPlan.
    """
    is_tcp = "/" not in address
    address = _with_port(address) if is_tcp else address
    kinds = TCP_KINDS if is_tcp else SERIAL_KINDS
    if kind is not None and kind not in kinds:
        what = "an address HOST:PORT" if is_tcp else "a serial port"
        raise NoPlan(f"{address} is {what}: {no_such('kind', kind, kinds)}")
    numbers = _numbers(units) if units else ALL_UNITS if whole else QUIET_UNITS
    settings = _of_tcp(kind, numbers, bool(units), line) if is_tcp else _of_serial(kind, numbers, line, whole)
    for setting in settings:
        try:
            trouble = setting.bus(address, 0.0).address_trouble(address)
        except ValidationError as error:
            raise NoPlan(f"{setting.form}: {error.errors()[0]['msg']}") from error
        if trouble:
            raise NoPlan(f"{trouble}; a serial port is a path such as /dev/ttyUSB0" if is_tcp else trouble)
    return ScanPlan(address, settings, every=whole, **given)


def _of_tcp(kind: str | None, numbers: tuple[int, ...], told: bool, line: LineOptions) -> tuple[Setting, ...]:
    if line.given:
        raise NoPlan("speed and parity are of a serial port: what is behind HOST:PORT has its own")
    units = {"modbus_tcp": numbers if told else (*numbers, *_OWN_PORT), "modbus_rtu_over_tcp": _on_a_line(numbers)}
    return tuple(Setting(k, "", units[k]) for k in (TCP_KINDS if kind is None else (kind,)))


def _of_serial(kind: str | None, numbers: tuple[int, ...], line: LineOptions, whole: bool) -> tuple[Setting, ...]:
    units = _on_a_line(numbers)
    if units != numbers:
        raise NoPlan(f"on a serial line units are 1 to 247, not {next(n for n in numbers if n not in units)}")
    if wrong := [p for p in line.parities if p not in ("N", "E", "O")]:
        raise NoPlan(no_such("parity", wrong[0], ("N", "E", "O")))
    kind = kind or "modbus_rtu"
    return tuple(Setting(kind, form, units) for form in _forms(7 if kind == "modbus_ascii" else 8, line, whole))


def _on_a_line(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in numbers if 1 <= n <= 247)


def _forms(data_bits: int, line: LineOptions, whole: bool) -> list[str]:
    if not line.given:
        told = ALL_FORMS if whole else QUIET_FORMS
        return [f"{speed} {data_bits}{rest}" for speed, rest in told]
    speeds = line.baud_rates or (ALL_SPEEDS if whole else (9600, 19200))
    parities = line.parities or (("N", "E", "O") if whole else ("N", "E"))
    return [f"{speed} {data_bits}{parity}{line.stop_bits or 1}" for speed in speeds for parity in parities]


def _parts(form: str) -> tuple[int, str, int]:
    found = _FORM.fullmatch(form)
    assert found is not None  # one of ours
    return int(found[1]), found[3], int(found[4])


def _numbers(text: str) -> tuple[int, ...]:
    """Raises NoPlan."""
    out: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not 0 <= first <= last <= 255:
            raise NoPlan(f"--units {text!r} is no list of units: write it as 1-32,40")
        out += range(first, last + 1)
    return tuple(dict.fromkeys(out))


def _with_port(address: str) -> str:
    if address.startswith("["):
        return address if "]:" in address else f"{address}:502"
    return address if ":" in address else f"{address}:502"
